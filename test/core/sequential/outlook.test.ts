import { expect, it } from 'vitest';
import { newLedger } from '../../../src/core/ledger/ledger.ts';
import { msToPass } from '../../../src/core/sequential/expected.ts';
import { type SequentialContext, sequentialMetric, settingsOf } from '../../../src/core/sequential/look.ts';
import { outlook } from '../../../src/core/sequential/outlook.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { NO_SPLIT } from '../../../src/core/sequential/traffic-split.ts';
import { initialRollout } from '../../../src/core/state.ts';
import { roughDuration } from '../../../src/lib/text.ts';
import { aCanary, aMetric, steps } from '../../support/a-canary.ts';

const METRIC = aMetric({
  judge: 'sequential',
  forMs: null,
  sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 },
});
const TRAFFIC = { rps: 50, mean: 0.001, meanAtBound: 0.001 };
const SETTLE_MS = 60_000;

function aContext(maxHoldMs: number): SequentialContext {
  const canary = aCanary({
    settleMs: SETTLE_MS,
    strategy: { steps: steps(5, 50, 100).map((step) => ({ ...step, maxHoldMs })) },
    analysis: { intervalMs: 15_000, metrics: [METRIC] },
  });
  const rollout = initialRollout(canary, { id: 'r', revision: 'v2', stable: 'v1', by: 'git', now: 0 });
  const sequential = { ...sequentialMetric(METRIC)!, canary, rollout };
  const test = startSequential(settingsOf(sequential), { requests: 90_000, score: 90 }, 1);
  const memory = {
    ledger: newLedger(15_000),
    test,
    threshold: null,
    traffic: TRAFFIC,
    judgedMs: 0,
    split: NO_SPLIT,
    splitWeight: 0,
    silentPolls: 0,
  };
  return { ...sequential, memory };
}

it('counts the settle time of a weight, which maxHold does too', () => {
  const evidenceMs = msToPass(TRAFFIC, 5, settingsOf(aContext(0)), 1);
  const said = outlook(aContext(evidenceMs + SETTLE_MS - 1));
  expect(said).toContain(`step 1 (5 %) takes about ${roughDuration(evidenceMs + SETTLE_MS)}`);
  expect(outlook(aContext(evidenceMs + SETTLE_MS + 1))).toBeNull();
});
