import { describe, expect, it } from 'vitest';
import { preflightRequests } from '../../src/core/incident.ts';
import { simulate } from '../../src/core/simulation/simulate.ts';
import { initialRollout } from '../../src/core/state.ts';
import type { Analysis } from '../../src/spec/canary.ts';
import { parseScenario } from '../../src/spec/scenario.ts';
import { aCanary, aMetric, aSpec, type CanaryParts } from '../support/a-canary.ts';
import { decideEdited } from './edited.ts';

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

describe('an incident that hits both versions during a rollout', () => {
  /** From 2m to 12m of the first step, which bakes 5m. */
  const BOTH = `world: {until: 1h, rps: 50}
changes: [{at: 2m, for: 10m, stable: {error: 0.2}, canary: {error: 0.2}}]`;

  it('stops the bake, says so once, and lets it go on when the short window is clean again', () => {
    const run = world(BOTH);
    expect(run.told('IncidentSeen')).toEqual([
      expect.stringMatching(
        /^the clock of the step stands still: an incident hits both versions: error-rate: \S+ % of stable v1 and \S+ % of canary v2 failed over 5m, 1.44 % is an incident \(14.4 times what objective 0.999 allows\)$/,
      ),
    ]);
    const [seen = 0] = run.at('IncidentSeen');
    const [over = 0] = run.at('IncidentOver');
    expect(seen).toBeLessThan(180);
    expect(over).toBeGreaterThan(720 + 270);
    expect(over).toBeLessThanOrEqual(720 + 330);
    const [, second = 0] = run.at('StepStarted');
    expect(second).toBeGreaterThanOrEqual(300 + over - seen);
    expect(second).toBeLessThan(300 + over - seen + 60);
    expect(run.state.phase).toBe('Succeeded');
    expect(world(BOTH, { metrics: [aMetric()] }).at('StepStarted')[1]).toBe(300);
  });

  it('is no reason to stand still where it hits one version only', () => {
    const better = world(
      'world: {until: 6m, rps: 50, canary: {error: 0}}\nchanges: [{at: 1m, stable: {error: 0.2}}]',
    );
    expect(better.told('IncidentSeen')).toEqual([]);
    expect(better.at('StepStarted')[1]).toBe(300);
    const worse = world('world: {until: 10m, rps: 50}\nchanges: [{at: 2m, canary: {error: 0.2}}]');
    expect(worse.told('IncidentSeen')).toEqual([]);
    expect(worse.state.phase).toBe('RolledBack');
  });

  it('keeps no canary from being taken back that is worse than stable in it', () => {
    const run = world(`world: {until: 30m, rps: 50}
changes:
  - {at: 2m, stable: {error: 0.2}, canary: {error: 0.2}}
  - {at: 4m, canary: {error: 0.4}}`);
    expect(run.at('IncidentSeen')).toHaveLength(1);
    expect(run.state).toMatchObject({ phase: 'RolledBack', rollout: { outcome: 'RolledBack' } });
  });

  it('lets nobody promote over it, and the promotion goes on after it', () => {
    const run = world(`world: {until: 20m, rps: 50}
changes:
  - {at: 1m, for: 10m, stable: {error: 0.2}, canary: {error: 0.2}}
  - {at: 3m, command: promote}`);
    const [over = 0] = run.at('IncidentOver');
    const [, second = 0] = run.at('StepStarted');
    expect(second).toBeGreaterThanOrEqual(over);
    expect(second).toBeLessThan(over + 30);
  });

  it('does not use up maxHold', () => {
    const promise = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };
    const metrics = [{ ...METRIC, judge: 'sequential' as const, forMs: null, sequential: promise }];
    const steps = [5, 100].map((weight) => ({ weight, bakeMs: 60_000, approval: false, maxHoldMs: 600_000 }));
    const text = `world: {until: 25m, rps: 5}
changes: [{at: 3m, stable: {error: 0.2}, canary: {error: 0.2}}]`;
    expect(world(text, { metrics }, { strategy: { steps } }).state.phase).toBe('Progressing');
    const without = world(
      text,
      { metrics: [{ ...metrics[0]!, dryRun: false, objective: 0.5 }] },
      { strategy: { steps } },
    );
    expect(without.state).toMatchObject({
      phase: 'Paused',
      rollout: { pauses: [{ reason: 'Inconclusive' }] },
    });
  });

  it('is still seen after a restart, and while Prometheus cannot say', () => {
    const run = world(`world: {until: 20m, rps: 50}
changes:
  - {at: 1m, stable: {error: 0.2}, canary: {error: 0.2}}
  - {at: 3m, daemon: restart}
  - {at: 6m, for: 1m, prometheus: down}`);
    expect(run.told('IncidentSeen')).toHaveLength(1);
    expect(run.told('IncidentOver')).toEqual([]);
    expect(run.at('StepStarted')).toEqual([0]);
    expect(run.state.rollout?.held.bakedMs).toBeLessThan(120_000);
    expect(run.state.reason).toMatch(/bake and maxHold stand still until that is over$/);
  });

  it('ends for the rollout when the file no longer asks for it', () => {
    const run = world(
      'world: {until: 4m, rps: 50}\nchanges: [{at: 1m, stable: {error: 0.2}, canary: {error: 0.2}}]',
    );
    expect(run.state.rollout?.incident).toBeDefined();
    const decision = decideEdited(run.state, aSpec({ analysis: { metrics: [METRIC] } }));
    expect(decision.state.rollout?.incident).toBeUndefined();
    expect(decision.events.map(({ type }) => type)).toContain('IncidentOver');
  });
});
