import { describe, expect, it } from 'vitest';
import { preflightRequests } from '../../src/core/incident.ts';
import { simulate } from '../../src/core/simulation/simulate.ts';
import { initialRollout } from '../../src/core/state.ts';
import type { Analysis } from '../../src/spec/canary.ts';
import { parseScenario } from '../../src/spec/scenario.ts';
import { aCanary, aMetric, aSpec, type CanaryParts } from '../support/a-canary.ts';

const METRIC = aMetric({ objective: 0.999 });
const INCIDENT = { burnRate: 14.4, windowMs: 3_600_000 };

function world(text: string, analysis: CanaryParts['analysis'] = {}, outer: CanaryParts = {}) {
  const scenario = parseScenario(text);
  if (!scenario.ok) throw new Error(scenario.error.join('\n'));
  const parts = { ...outer, analysis: { metrics: [METRIC], incident: INCIDENT, ...analysis } };
  const run = simulate(aSpec(parts), scenario.value);
  const at = (type: string) =>
    run.timeline.filter(({ event }) => event.type === type).map((row) => row.at / 1000);
  const told = (type: string) =>
    run.timeline.filter(({ event }) => event.type === type).map(({ event }) => event.message);
  return { ...run, at, told };
}

describe('what the pre-flight asks for', () => {
  const requests = (analysis: Partial<Analysis>) => {
    const canary = aCanary({ analysis });
    const rollout = initialRollout(canary, { id: 'r', revision: 'v2', stable: 'v1', by: 'git', now: 0 });
    return preflightRequests(canary, rollout);
  };

  it('is stable over an hour and over five minutes', () => {
    const asked = requests({ metrics: [METRIC], incident: INCIDENT });
    expect(asked.map(({ id, version, windowMs }) => [id, version, windowMs])).toEqual([
      ['error-rate/burn/long/stable', 'v1', 3_600_000],
      ['error-rate/burn/short/stable', 'v1', 300_000],
    ]);
  });

  it('is nothing without the field, for a dry run, and for what has no objective or is no ratio', () => {
    expect(requests({ metrics: [METRIC] })).toEqual([]);
    const latency = { kind: 'latency', histogram: 'd_bucket', quantile: 0.99, minRequests: 10 } as const;
    const metrics = [aMetric(), { ...METRIC, dryRun: true }, { ...METRIC, source: latency }];
    expect(requests({ metrics, incident: INCIDENT })).toEqual([]);
  });
});

describe('a rollout whose stable burns its error budget', () => {
  const BURNS = 'world: {until: 30m, stable: {error: 0.2}, canary: {error: 0}}';

  it('waits, says why once, and starts by itself when the incident is over', () => {
    const run = world(`${BURNS}\nchanges: [{at: 10m, stable: {error: 0.001}}]`);
    expect(run.told('StartHeld')).toEqual([
      'the rollout waits: stable v1 burns its error budget: error-rate: 20 % over 5m and 20 % over 1h failed, 200 and 200 times what objective 0.999 allows, 14.4 is an incident',
    ]);
    const [first = 0] = run.at('StepStarted');
    // Until 1.44 % of the last five minutes are left of it.
    expect(first).toBeGreaterThan(840);
    expect(first).toBeLessThan(920);
  });

  it('stays Waiting with the reason and nothing written, and is not ended', () => {
    const run = world(BURNS);
    expect(run.state).toMatchObject({ phase: 'Waiting', rollout: { outcome: null, written: false } });
    expect(run.state.reason).toMatch(
      /burns its error budget.+; it starts once that is over, or by start with force/,
    );
  });

  it('starts at once by a start with force, and says by whom', () => {
    const run = world(`${BURNS}
changes: [{at: 2m, command: start, revision: v2, force: true, reason: it is the repair}]`);
    expect(run.at('StepStarted')[0]).toBe(120);
    expect(run.told('Exempted')[0]).toMatch(
      /^the rollout starts whatever stable burns of its error budget: start with force by .+: it is the repair$/,
    );
    expect(run.state.rollout?.exemptions).toMatchObject([
      { kind: 'preflight', reason: 'it is the repair', stepIndex: -1 },
    ]);
    expect(run.state.rollout?.analysed).toBe(true);
  });

  it('keeps the word for a rollout that replaces another one', () => {
    const run = world(
      `world: {until: 30m}
changes:
  - {at: 10s, command: start, revision: v2}
  - {at: 1m, stable: {error: 0.5}, canary: {error: 0.5}}
  - {at: 15m, command: start, revision: v3, restart: true, force: true, reason: it is the repair}`,
      { metrics: [{ ...METRIC, bounds: { max: 0.9 } }] },
      { revision: null },
    );
    expect(run.told('RolloutStarted')).toHaveLength(2);
    expect(run.told('StartHeld')).toEqual([]);
    expect(run.state.rollout).toMatchObject({ revision: 'v3', written: true });
    expect(run.state.rollout?.exemptions).toMatchObject([{ kind: 'preflight' }]);
  });

  it('is not held by what only one of the windows shows', () => {
    const short = world('world: {until: 5m}\nchanges: [{at: 0s, stable: {error: 0.02}}]');
    expect(short.at('StepStarted')[0]).toBe(0);
    const over = world(`world: {until: 10m, stable: {error: 0.2}}\nchanges: [{at: 0s, stable: {error: 0}}]`);
    expect(over.at('StepStarted')[0]).toBeLessThan(310);
  });

  it('waits while Prometheus cannot say, and starts where stable has no traffic', () => {
    const blind = world('world: {until: 10m}\nchanges: [{at: 0s, for: 5m, prometheus: down}]');
    expect(blind.told('StartHeld')).toEqual([
      'the rollout waits: whether stable v1 burns its error budget cannot be told: error-rate: Prometheus does not answer',
    ]);
    expect(blind.at('StepStarted')[0]).toBeGreaterThanOrEqual(300);
    expect(world('world: {until: 5m, rps: 0}').at('StepStarted')[0]).toBe(0);
  });
});
