import { describe, expect, test } from 'vitest';
import { countSplits, type Sample } from '../../infra/demo/splits.ts';

const PAIR = { canaryVersion: 'v2', stableVersion: 'v1' };

/** What the instances had received and what the gateway followed at second `at`. */
function sample(at: number, stable: number, canary: number, weight: number, since: number): Sample {
  return {
    at: at * 1_000,
    served: { v1: { total: stable, failed: 0 }, v2: { total: canary, failed: 0 } },
    split: { ...PAIR, canaryWeight: weight },
    since: since * 1_000,
  };
}

const verified = (at: number, weight: number) => ({ at: at * 1_000, weight });

describe('the counted split of a step', () => {
  test('is what the instances received between the read-back and the next change', () => {
    const samples = [
      sample(1, 100, 0, 0, 0),
      sample(2, 200, 2, 5, 1),
      sample(3, 290, 12, 5, 1),
      sample(4, 385, 17, 5, 1),
      sample(5, 480, 40, 25, 4.5),
      sample(6, 555, 65, 25, 4.5),
    ];
    expect(countSplits(samples, 'v2', [verified(2.5, 5), verified(4.7, 25)])).toEqual([
      { weight: 5, requests: 100, toCanary: 5, expected: { low: 0, high: 13 }, fits: true },
      { weight: 25, requests: 100, toCanary: 25, expected: { low: 12, high: 40 }, fits: true },
    ]);
  });

  test('leaves out what was still under way when the gateway changed its rule', () => {
    const samples = [sample(2.1, 100, 0, 100, 2), sample(2.3, 103, 30, 100, 2), sample(3, 103, 90, 100, 2)];
    expect(countSplits(samples, 'v2', [verified(1.9, 100)])).toMatchObject([
      { requests: 60, toCanary: 60, fits: true },
    ]);
  });

  test('does not fit when the gateway splits by another weight than the one it was told', () => {
    const samples = [sample(2, 0, 0, 5, 1), sample(9, 750, 250, 5, 1)];
    expect(countSplits(samples, 'v2', [verified(1, 5)])).toMatchObject([{ toCanary: 250, fits: false }]);
  });

  test('is one step when the same weight is written again', () => {
    const samples = [sample(2, 0, 0, 100, 1), sample(3, 0, 10, 100, 1), sample(4, 0, 20, 100, 1)];
    expect(countSplits(samples, 'v2', [verified(1, 100), verified(3.5, 100)])).toMatchObject([
      { requests: 20 },
    ]);
  });

  test('is absent where the gateway never followed that weight for two samples', () => {
    const samples = [sample(2, 0, 0, 0, 0), sample(3, 10, 5, 5, 2.5), sample(4, 20, 5, 0, 3.5)];
    expect(countSplits(samples, 'v2', [verified(2.6, 5)])).toEqual([]);
    expect(countSplits([{ ...sample(3, 0, 0, 5, 0), split: null }], 'v2', [verified(1, 5)])).toEqual([]);
  });
});
