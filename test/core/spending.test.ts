import { describe, expect, it } from 'vitest';
import type { Spending } from '../../src/core/memory.ts';
import { simulate } from '../../src/core/simulation/simulate.ts';
import { accountOf, excessOf, type Spent, spend } from '../../src/core/spending.ts';
import { parseScenario } from '../../src/spec/scenario.ts';
import { aMetric, aSpec, type CanaryParts } from '../support/a-canary.ts';
import { decideEdited } from './edited.ts';

const PROMISE = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };
const METRIC = aMetric({ judge: 'sequential', forMs: null, sequential: PROMISE, objective: 0.999 });
/** 2 % of 0.1 % of the 180,000 requests of an hour at 50 a second. */
const HOUR = { share: 0.02, windowMs: 3_600_000 };

function poll(over: Partial<Spent>): Spent {
  const none = { requests: 0, score: 0 };
  return { rps: 50, weight: 5, canary: none, stable: none, stableSoFar: none, ...over };
}

function spent(...polls: Partial<Spent>[]): Spending {
  const end = polls.reduce<Spending | undefined>((known, over) => spend(known, poll(over)), undefined);
  return end!;
}

describe('the bad events that a canary causes', () => {
  const stable = { requests: 1000, score: 10 };

  it('are those that stable would not have had', () => {
    expect(excessOf(spent({ canary: { requests: 100, score: 3 }, stable }))).toBeCloseTo(2);
  });

  it('are summed up over the polls of a weight, so that chance does not add up', () => {
    const worse = { canary: { requests: 100, score: 2 }, stable };
    const better = { canary: { requests: 100, score: 0 }, stable };
    expect(excessOf(spent(worse, better, worse, better))).toBe(0);
  });

  it('are not made good at another weight', () => {
    const worse = { canary: { requests: 100, score: 3 }, stable };
    const better = { weight: 25, canary: { requests: 1000, score: 0 }, stable };
    expect(excessOf(spent(worse, better))).toBeCloseTo(2);
  });

  it('are held against all that is known of stable where it has no traffic', () => {
    const alone = { weight: 100, canary: { requests: 100, score: 3 }, stableSoFar: stable };
    expect(excessOf(spent(alone, alone))).toBeCloseTo(4);
  });

  it('are none where nothing is known of stable', () => {
    expect(excessOf(spent({ canary: { requests: 100, score: 3 } }))).toBe(0);
  });

  it('are told with how many they may be, and what of', () => {
    const spending = spent({ canary: { requests: 100, score: 3 }, stable });
    expect(accountOf(HOUR, METRIC, { spent: { 'error-rate': spending } })).toMatchObject({
      excess: 2,
      allowed: 3.6,
      text: 'error-rate: about 2 failed requests more than stable would have had, the rollout may cause 3.6: 2 % of the error budget of 180 in 1h (objective 0.999, 50 requests a second)',
    });
  });

  it('have no limit while the traffic of the service is not known', () => {
    const spending = spent({ rps: null, canary: { requests: 100, score: 3 }, stable });
    expect(accountOf(HOUR, METRIC, { spent: { 'error-rate': spending } })).toMatchObject({
      allowed: null,
      text: expect.stringMatching(/how many it may cause is not known/),
    });
  });
});

describe('a rollout with a budget', () => {
  function world(text: string, analysis: CanaryParts['analysis'] = {}, parts: CanaryParts = {}) {
    const scenario = parseScenario(text);
    if (!scenario.ok) throw new Error(scenario.error.join('\n'));
    const budgeted = { metrics: [METRIC], rolloutBudget: HOUR, ...analysis };
    return simulate(aSpec({ ...parts, analysis: budgeted }), scenario.value);
  }
  /** Worse by what the judge can neither reject nor promote for a long time. */
  const UNDECIDED = 'world: {until: 1h, rps: 50, stable: {error: 0.001}, canary: {error: 0.0045}}';

  it('goes back once it has caused more bad events than it may, while the judge is not certain yet', () => {
    const run = world(UNDECIDED);
    expect(run.state).toMatchObject({ phase: 'RolledBack', rollout: { outcome: 'RolledBack' } });
    expect(run.state.reason).toMatch(
      /the rollout budget is spent: error-rate: about \S+ failed requests more than stable would have had, the rollout may cause 3\.\d+: 2 % of the error budget of 1\d\d in 1h/,
    );
    expect(run.weight).toBe(0);
    expect(world(UNDECIDED, { rolloutBudget: { share: 1, windowMs: 30 * 86_400_000 } }).weight).not.toBe(0);
  });

  it('goes back whatever onFailure says, because a paused canary goes on spending', () => {
    const run = world(UNDECIDED, {}, { strategy: { onFailure: 'pause' } });
    expect(run.state.rollout?.outcome).toBe('RolledBack');
  });

  it('promotes a canary as good as stable', () => {
    const run = world('world: {until: 3h, rps: 50, stable: {error: 0.001}, canary: {error: 0.001}}');
    expect(run.state.phase).toBe('Succeeded');
  });

  it('spends in a settle time too', () => {
    // One in ten fails: not enough for the guard.
    const run = world('world: {until: 10m, rps: 50, canary: {error: 0.1}}', { intervalMs: 10_000 });
    expect(run.state.rollout?.endReason).toMatch(/rollout budget/);
    expect(run.state.rollout!.endedAt! - run.state.rollout!.reached[0]!.verifiedAt).toBeLessThan(60_000);
  });

  it('spends nothing by a metric that is a dry run', () => {
    const dry = { ...METRIC, dryRun: true, name: 'dry' };
    const run = world(UNDECIDED, {
      metrics: [{ ...METRIC, bounds: { maxDelta: 0.5 }, objective: 0.5 }, dry],
    });
    expect(run.state.rollout?.spent).not.toHaveProperty('dry');
  });

  it('says at each look what is spent, and gives nothing back for an edit of the metric', () => {
    const run = world('world: {until: 3m, rps: 50, stable: {error: 0.001}, canary: {error: 0.0045}}');
    const spending = run.state.rollout!.spent!['error-rate']!;
    expect(excessOf(spending)).toBeGreaterThan(0);
    const metrics = [{ ...METRIC, bounds: { maxDelta: 0.01 } }];
    const decision = decideEdited(run.state, aSpec({ analysis: { metrics, rolloutBudget: HOUR } }));
    expect(decision.state.rollout?.metrics['error-rate']?.sequential).toBeUndefined();
    expect(decision.state.rollout?.spent).toEqual({ 'error-rate': spending });
  });
});
