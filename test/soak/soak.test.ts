import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SHORT_PACE } from './pace.ts';
import { soak } from './soak.ts';

/** From source, so that the test needs no build. */
const SOURCE = {
  main: join(import.meta.dirname, '../../src/main.ts'),
  inside: join(import.meta.dirname, 'inside.ts'),
};

test('twenty canaries live through every kind of fault, and nothing is lost or wrongly decided', {
  timeout: 240_000,
}, async () => {
  const report = await soak({
    program: SOURCE,
    seed: 1,
    canaries: 20,
    durationMs: 9_000,
    pace: SHORT_PACE,
    nacos: '2.5.1',
    samplesFile: null,
    keepsFiles: false,
    say() {},
  });
  expect(report.violations).toEqual([]);
  expect(report.rolloutsEnded).toBeGreaterThan(10);
  const outcomes = Object.keys(report.tally).filter((name) => name.startsWith('outcome: '));
  expect(outcomes).toContain('outcome: Promoted, of a good revision');
  expect(outcomes.join()).toMatch(/RolledBack, of a (failing|slow|late) revision/);
});
