import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Cell, paceCell, scheduleCells } from './cells.ts';
import { AT_PACE, NO_DISPERSION, NO_SETTLE, ON_SCHEDULE, SEQUENTIAL } from './contestants.ts';
import { asLines, readResult } from './kept.ts';
import { pageOf } from './page.ts';
import { FULL_RUNS, playParts, quickParts, type Result } from './run.ts';
import { ERROR_SCENARIOS, scrapedApart } from './scenarios.ts';
import { type Check, checksOf } from './targets.ts';

const SEED = 1;

function scenario(id: string) {
  return ERROR_SCENARIOS.find((one) => one.id === id)!;
}

function missed(checks: readonly Check[]): Check[] {
  return checks.filter(({ verdict }) => verdict === 'missed');
}

describe('the sequential judge', () => {
  let result: Result;
  beforeAll(() => {
    result = playParts('quick', quickParts(), SEED);
  }, 300_000);

  it('meets its targets in the quick form of the benchmark', () => {
    expect(result.checks.length).toBeGreaterThan(12);
    expect(missed(result.checks)).toEqual([]);
  });

  it('is kept without loss but for digits', () => {
    const kept = asLines(result);
    expect(asLines(readResult(kept))).toBe(kept);
    expect(readResult(kept).cells).toHaveLength(result.cells.length);
  });

  it('has every check on the page, with its worst cell', () => {
    const page = pageOf(result);
    for (const { name } of result.checks) expect(page).toContain(`| ${name} |`);
    for (const { where } of result.checks) expect(page).toContain(where);
  });
});

describe('where it ends', () => {
  it("takes the sudden incident of both for the canary's where much traffic is scraped at two times, as the page on the judge says", () => {
    const rolledBack = (part: number, rps: number) =>
      scheduleCells(scrapedApart(part), rps, [SEQUENTIAL], 200, SEED)[0]!.tally.rolledBack;
    expect([0.25, 0.5, 0.75].map((part) => rolledBack(part, 500))).toEqual([0, 0.1, 0.65]);
    expect(rolledBack(0.75, 50)).toBe(0.01);
  });
});

describe('the page in the documentation', () => {
  const kept = readResult(readFileSync(resolve(import.meta.dirname, 'results.jsonl'), 'utf8'));

  // Made anew from the kept figures by `npx vitest run test/bench-judge -u`.
  it('is what the kept figures say', async () => {
    expect(kept.kind).toBe('full');
    expect(missed(kept.checks)).toEqual([]);
    const page = resolve(import.meta.dirname, '../../docs/judge-benchmark.md');
    await expect(pageOf(kept)).toMatchFileSnapshot(page);
  });

  it('is made of figures that the rules still give: else `npm run -s bench:judge -- --full` makes them anew', () => {
    const again = [
      ...scheduleCells(scenario('R3'), 50, ON_SCHEDULE, FULL_RUNS.errors, kept.seed),
      paceCell(scenario('R2'), 50, SEQUENTIAL, FULL_RUNS.pace, kept.seed),
    ];
    const same = (one: Cell) => (other: Cell) =>
      other.mode === one.mode &&
      other.scenario === one.scenario &&
      other.rps === one.rps &&
      other.rule === one.rule;
    const before = again.map((one) => kept.cells.find(same(one))!);
    expect(asLines({ ...kept, checks: [], cells: again })).toBe(
      asLines({ ...kept, checks: [], cells: before }),
    );
  });
});

describe('the checks', () => {
  it('notice a judge that takes bursts for independent failures', () => {
    const cells = scheduleCells(scenario('N7'), 50, [NO_DISPERSION], 100, SEED);
    const checks = checksOf(
      cells.map((cell) => ({ ...cell, rule: NO_SETTLE.name })),
      null,
    );
    expect(missed(checks).map(({ name }) => name)).toEqual(['false rollback, errors']);
  });

  it('notice a rule that promotes what is at the margin', () => {
    const [, flagger] = AT_PACE;
    const cell = paceCell(scenario('N4'), 50, flagger!, 50, SEED);
    const checks = checksOf([{ ...cell, rule: NO_SETTLE.name }], null);
    expect(missed(checks).map(({ name }) => name)).toEqual(['false promotion at the margin and beyond']);
  });

  it('notice a rollback that never comes, and an engine that costs too much', () => {
    const [cell] = scheduleCells(scenario('N9'), 50, [NO_SETTLE], 2, SEED);
    expect(missed(checksOf([{ ...cell!, scenario: 'R3' }], 51))).toMatchObject([
      { name: '+5 % at 50 rps, settle excluded', worst: null },
      { name: 'engine cost', worst: 51 },
    ]);
  });
});
