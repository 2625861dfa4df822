import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseFile } from '../../src/spec/parse.ts';
import { asLine, type Outcome, readOutcomes } from './outcome.ts';
import { PAGE, RESULTS, withMeasured } from './report.ts';
import { canaryFile } from './services.ts';

const MACHINE = {
  at: '2027-01-02T03:04:05.000Z',
  cpu: '2 x A Processor',
  memoryGiB: 4,
  kernel: '6.1',
  node: 'v24.0.0',
  commit: 'abc1234',
  cores: 'not pinned',
};

function progressOf(canaries: number, cpuMs: number, findings: readonly string[] = []): Outcome {
  return {
    scenario: 'progress',
    title: `${canaries} canaries progressing`,
    command: `npm run -s bench -- progress --canaries ${canaries}`,
    machine: MACHINE,
    load: { canaries },
    figures: [
      { name: 'CPU per look', value: cpuMs, unit: 'ms', most: 1.5, timesEmpty: 4 },
      { name: 'resident memory', value: 123.4, unit: 'MiB' },
    ],
    findings,
  };
}

function pageOf(part: string, outcomes: readonly Outcome[]): string {
  return withMeasured(`<!-- measured: ${part} -->\nold\n<!-- end -->`, outcomes);
}

it('the measured tables of the documentation are what the kept results say', () => {
  const page = readFileSync(PAGE, 'utf8');
  expect(withMeasured(page, readOutcomes(readFileSync(RESULTS, 'utf8')))).toBe(page);
});

it('shows each target once, for the largest fleet, and by how much it was missed', () => {
  const page = pageOf('targets', [progressOf(1_000, 2), progressOf(100, 1)]);
  expect(page).toContain(
    '| 1000 canaries progressing | CPU per look | at most 1.50 ms | 2 ms | missed by 0.50 ms |',
  );
  expect(page).not.toContain('100 canaries');
  expect(page).not.toContain('old');
});

it('holds targets against the fleet that they are for, not against one that shows where it breaks', () => {
  const page = pageOf('targets', [progressOf(20_000, 2), progressOf(10_000, 1)]);
  expect(page).toContain('| 10000 canaries progressing |');
  expect(page).not.toContain('20000');
});

it('shows how each figure grows, smallest fleet first', () => {
  const page = pageOf('growth', [progressOf(1_000, 2), progressOf(100, 1)]);
  expect(page).toContain('| progress, canaries | 100 | 1,000 |');
  expect(page).toContain('| CPU per look | 1 ms | 2 ms |');
});

it('keeps findings, what was beyond measure, and the last of several results with the same flags', () => {
  const slow = progressOf(100, Infinity, ['the daemon does not keep up']);
  const outcomes = readOutcomes([progressOf(100, 1), progressOf(100, Number.NaN), slow].map(asLine).join(''));
  expect(outcomes).toEqual([slow]);
  const page = pageOf('details', outcomes);
  expect(page).toContain('- **Finding:** the daemon does not keep up.');
  expect(page).toContain('| CPU per look | beyond measure | at most 1.50 ms | missed |');
});

it.each([2, 5, 30])('the Canary files of a run at %d s are valid', (intervalS) => {
  const text = canaryFile('shop', {
    judge: 'threshold',
    intervalS,
    bakeS: intervalS * 3.123_456,
    idle: false,
    critical: true,
  });
  const { specs, diagnostics } = parseFile(text, 'shop.yaml');
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  expect(specs).toHaveLength(1);
});
