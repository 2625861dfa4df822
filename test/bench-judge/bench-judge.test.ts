import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { SCRAPED_APART } from './apart.ts';
import { keyOf, paceCell, scheduleCells } from './cells.ts';
import { AT_ONCE, AT_PACE, NO_DISPERSION, NO_SETTLE, SCRAPED, SEQUENTIAL } from './contestants.ts';
import { asLines, readResult } from './kept.ts';
import { pageOf } from './page.ts';
import { FULL_RUNS, playParts, quickParts, type Result, SCRAPED_RUNS } from './run.ts';
import { ERROR_SCENARIOS, type Scenario } from './scenarios.ts';
import { compareSeeds } from './seeds.ts';
import { type Check, checksOf, reasonOf, unexpected } from './targets.ts';

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

  it('meets its targets in the quick form of the benchmark, but for those whose miss is explained', () => {
    expect(result.checks.length).toBeGreaterThan(12);
    expect(unexpected(result.checks)).toEqual([]);
  });

  it('meets the same targets in memory', () => {
    for (const { inMemory, most } of missed(result.checks)) expect(inMemory).toBeLessThanOrEqual(most);
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

describe('where scrapes lie apart', () => {
  const rolledBack = (scenario: Scenario) =>
    scheduleCells(scenario, 500, [SEQUENTIAL], 100, SEED)[0]!.tally.rolledBack;

  it.each(SCRAPED_APART)('$title is judged by what it is', (scenario) => {
    expect(rolledBack(scenario)).toBe(scenario.truth === 'good' ? 0 : 1);
  });

  it("a judge that is not told takes the sudden incident of both for the canary's", () => {
    const untold = SCRAPED_APART.map(({ first: _, ...scenario }) => scenario);
    expect(untold.map(rolledBack).filter((share) => share > 0.5)).not.toEqual([]);
  });
});

describe('the page in the documentation', () => {
  const read = (name: string) => readResult(readFileSync(resolve(import.meta.dirname, name), 'utf8'));
  const kept = read('results.jsonl');
  const other = read('results-other-seed.jsonl');

  // Made anew from the kept figures by `npx vitest run test/bench-judge -u`; those of the other seed by `npm run -s bench:judge -- --seed 2 --out FILE`.
  it('is what the kept figures say', async () => {
    expect(kept.kind).toBe('full');
    expect(unexpected(kept.checks)).toEqual([]);
    expect(unexpected(other.checks)).toEqual([]);
    const page = resolve(import.meta.dirname, '../../docs/judge-benchmark.md');
    await expect(pageOf(kept, other)).toMatchFileSnapshot(page);
  });

  it('is made of figures that the rules still give: else `npm run -s bench:judge -- --full` makes them anew', () => {
    const again = [
      ...scheduleCells(scenario('R3'), 50, AT_ONCE, FULL_RUNS.errors, kept.seed),
      ...scheduleCells(scenario('R3'), 50, SCRAPED, SCRAPED_RUNS.errors, kept.seed),
      paceCell(scenario('R2'), 50, SEQUENTIAL, SCRAPED_RUNS.pace, kept.seed),
    ];
    const before = again.map((one) => kept.cells.find((cell) => keyOf(cell) === keyOf(one))!);
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
    expect(missed(checks).map(({ name }) => name)).toEqual([
      'false rollback, errors, both versions scraped at once',
    ]);
  });

  it('notice a rule that promotes what is at the margin', () => {
    const [, flagger] = AT_PACE;
    const cell = paceCell(scenario('N4'), 50, flagger!, 50, SEED);
    const checks = checksOf([{ ...cell, rule: NO_SETTLE.name }], null);
    expect(missed(checks).map(({ name }) => name)).toEqual(['false promotion at the margin and beyond']);
  });

  it('do not excuse a known miss that has become worse', () => {
    const [cell] = scheduleCells(scenario('R4'), 50, [SEQUENTIAL], 2, SEED);
    const [check] = checksOf([cell!], null);
    expect(check).toMatchObject({ verdict: 'missed', worst: 0.5 });
    expect(reasonOf(check!)).toContain('before it was scraped twice');
    expect(reasonOf({ ...check!, worst: 0.75 })).toBeNull();
  });

  it('tell seeds apart that differ by more than chance, and only these', () => {
    const cells = scheduleCells(scenario('R3'), 50, [SEQUENTIAL], 50, SEED);
    const result: Result = { kind: 'quick', seed: 1, machine: '', cells, checks: [] };
    const withShare = (rolledBack: number): Result => ({
      ...result,
      cells: cells.map((cell) => ({ ...cell, tally: { ...cell.tally, rolledBack } })),
    });
    expect(compareSeeds(result, withShare(0.98)).differences).toEqual([]);
    expect(compareSeeds(result, withShare(0.5)).differences).toMatchObject([
      { figure: '% rolled back', one: 100, other: 50 },
    ]);
  });

  it('notice a rollback that never comes, and an engine that costs too much', () => {
    const [cell] = scheduleCells(scenario('N9'), 50, [NO_SETTLE], 2, SEED);
    expect(missed(checksOf([{ ...cell!, scenario: 'R3' }], 51))).toMatchObject([
      { name: '+5 % at 50 rps, settle excluded', worst: null },
      { name: 'engine cost', worst: 51 },
    ]);
  });
});
