import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scheduleCells } from './cells.ts';
import { runCommand } from './command.ts';
import { SEQUENTIAL } from './contestants.ts';
import { readResult } from './kept.ts';
import { pageOf } from './page.ts';
import { playParts, type Result } from './run.ts';
import { ERROR_SCENARIOS } from './scenarios.ts';
import type { Check } from './targets.ts';

const R3 = ERROR_SCENARIOS.find(({ id }) => id === 'R3')!;
const USAGE = 'usage: npm run -s bench:judge -- [--full] [--seed N] [--out FILE]';

/** Runs the command over one small cell, `checks` in place of its own. */
function run(args: readonly string[], checks?: readonly Check[]) {
  const played: [Result['kind'], number][] = [];
  const [out, talk, written]: [string[], string[], [string, string][]] = [[], [], []];
  const code = runCommand(args, {
    play(kind, seed) {
      played.push([kind, seed]);
      const part = { name: R3.id, play: () => scheduleCells(R3, 50, [SEQUENTIAL], 10, seed) };
      const result = playParts('quick', [part], seed);
      return { ...result, kind, ...(checks === undefined ? {} : { checks }) };
    },
    out: (text) => out.push(text),
    talk: (text) => talk.push(text),
    write: (file, text) => written.push([file, text]),
  });
  return { code, played, out, talk, written };
}

const MISSED: Check = {
  name: 'a target',
  most: 0.01,
  unit: 'percent',
  worst: 0.02,
  where: 'R3 at 50 rps',
  inMemory: null,
  verdict: 'missed',
};

describe('the command of the benchmark', () => {
  it('plays the quick form with seed 1, prints its page and keeps nothing', () => {
    const { code, played, out, talk, written } = run([]);
    expect({ code, played, talk, written }).toEqual({
      code: 0,
      played: [['quick', 1]],
      talk: [],
      written: [],
    });
    expect(out).toEqual([expect.stringMatching(/^# .*\|$/s)]);
  });

  it('plays all of it, and with another seed', () => {
    expect(run(['--full', '--seed', '7']).played).toEqual([['full', 7]]);
  });

  it('keeps the figures that the printed page is made of', () => {
    const { out, written } = run(['--seed', '3', '--out', 'figures.jsonl']);
    expect(written.map(([file]) => file)).toEqual(['figures.jsonl']);
    const kept = readResult(written[0]![1]);
    expect(kept).toMatchObject({ kind: 'quick', seed: 3, cells: [{ scenario: 'R3', rps: 50 }] });
    expect(pageOf(kept).trimEnd()).toBe(out[0]);
  });

  it('ends with 1 when a target was missed for no known reason, after printing and keeping all', () => {
    const { code, out, written } = run(['--out', 'figures.jsonl'], [MISSED]);
    expect([code, out.length, written.length]).toEqual([1, 1, 1]);
    expect(out[0]).toContain('| a target |');
    expect(run([], [{ ...MISSED, verdict: 'met within error' }]).code).toBe(0);
  });

  it.each([[['--seed', 'many']], [['--seed', '1.5']], [['--fast']], [['all']], [['--out']]])(
    'plays nothing and ends with 2 for %j',
    (args) => {
      expect(run(args)).toEqual({ code: 2, played: [], out: [], talk: [USAGE], written: [] });
    },
  );

  it('is a program that ends with that code', () => {
    const main = resolve(import.meta.dirname, 'main.ts');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, '--seed', 'many'], {
      encoding: 'utf8',
    });
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: `${USAGE}\n` });
  });
});
