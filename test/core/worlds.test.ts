import { describe, expect, it } from 'vitest';
import type { Simulation } from '../../src/core/simulation/run.ts';
import { simulate } from '../../src/core/simulation/simulate.ts';
import { parseScenario } from '../../src/spec/scenario.ts';
import { aMetric, aSpec, type CanaryParts } from '../support/a-canary.ts';

/** Runs the default Canary (5, 25, 50, 100; bake 5m; settle 60s) through a scripted world. */
function world(
  text: string,
  parts: CanaryParts = {},
): Simulation & { story: string[]; at(type: string): string[] } {
  const scenario = parseScenario(text);
  if (!scenario.ok) throw new Error(scenario.error.join('\n'));
  const run = simulate(aSpec(parts), scenario.value);
  const story = run.timeline.map(
    ({ at, phase, weight, event }) => `${at / 1000}s ${phase} ${weight} % ${event.type}: ${event.message}`,
  );
  const at = (type: string) =>
    run.timeline.filter(({ event }) => event.type === type).map((row) => `${row.at / 1000}s`);
  return { ...run, story, at };
}

describe('whole rollouts in a scripted world', () => {
  it('promotes a healthy canary in the time that its bakes take', () => {
    const run = world('world: {until: 1h}');
    expect(run.at('StepStarted')).toEqual(['0s', '300s', '600s', '900s']);
    expect(run.at('RolloutEnded')).toEqual(['1200s']);
    expect(run.state.phase).toBe('Succeeded');
    expect(run.weight).toBe(100);
  });

  it('begins once so many instances are up as strategy.ready asks for', () => {
    const strategy = { ready: { query: 'count(up{version="{{canary}}"})', min: 3 } };
    expect(world('world: {until: 1h}', { strategy }).state.phase).toBe('Succeeded');
    const late = world('world: {until: 1h}\nchanges: [{at: 0s, for: 10m, canaryUp: false}]', { strategy });
    expect(late.at('StepStarted')[0]).toBe('670s');
    const never = world("world: {until: 1h, answers: {'count(up': 2}}", { strategy });
    expect(never.at('StepStarted')).toEqual([]);
  });

  it('rolls back a bad one from the first clean windows, and says why with numbers', () => {
    const run = world('world: {until: 1h, canary: {error: 0.05}}');
    expect(run.at('RolloutEnded')).toEqual(['220s']);
    expect(run.state).toMatchObject({ phase: 'RolledBack', rollout: { outcome: 'RolledBack' } });
    expect(run.state.reason).toMatch(/canary 0.05 is outside stable 0, maxDelta 0.005/);
    expect(run.weight).toBe(0);
  });

  it('does not fail because stable never failed one request', () => {
    expect(world('world: {until: 1h, canary: {error: 0.001}}').state.phase).toBe('Succeeded');
  });

  it('holds when traffic drops to zero halfway, and never promotes', () => {
    const run = world(`
      world: {until: 40m}
      changes: [{at: 8m, rps: 0}]`);
    expect(run.weight).toBe(25);
    expect(run.state.rollout?.outcome).toBeNull();
    expect(run.state.reason).toMatch(/0 of 3 passes collected \(no data/);
  });

  it('survives a Prometheus outage without rollback: Errors, then three new passes', () => {
    const run = world(`
      world: {until: 1h}
      changes: [{at: 3m, for: 10m, prometheus: down}]`);
    expect(run.story.filter((line) => line.includes('Pause'))).toEqual([
      '280s Paused 5 % Paused: paused (Errors): error-rate could not be measured 4 times in a row: Prometheus does not answer; it goes on at the first good look',
      '790s Progressing 5 % PauseEnded: pause ended (Errors): the first good look',
    ]);
    expect(run.at('StepStarted').slice(0, 2)).toEqual(['0s', '880s']);
    expect(run.state.phase).toBe('Succeeded');
  });

  it('rolls back during a Nacos outage as decided and writes 0 as soon as Nacos is back', () => {
    const run = world(`
      world: {until: 1h}
      changes:
        - {at: 6m, canary: {error: 0.5}}
        - {at: 6m30s, for: 10m, nacos: down}`);
    expect(run.at('RollbackStarted')).toEqual(['400s']);
    expect(run.at('RollbackStuck')).toHaveLength(1);
    const [ended = ''] = run.at('RolloutEnded');
    expect(Number.parseInt(ended, 10)).toBeLessThanOrEqual(996);
    expect(run.weight).toBe(0);
  });

  it('believes the read-back, never the answer: a Nacos that ignores writes gets no second raise until it is withdrawn', () => {
    const run = world(`
      world: {until: 1h}
      changes: [{at: 4m, for: 6m, nacos: ignores-writes}]`);
    expect(run.at('RaiseCancelled').length).toBeGreaterThan(0);
    expect(run.at('WeightVerified').slice(0, 2)).toEqual(['0s', expect.stringMatching(/^6\d\d/)]);
    expect(run.state.phase).toBe('Succeeded');
  });

  it('is not disturbed by restarts of the daemon at any time', () => {
    const run = world(`
      world: {until: 1h}
      changes:
        - {at: 0s, daemon: restart}
        - {at: 2m15s, daemon: restart}
        - {at: 5m, daemon: restart}
        - {at: 16m, daemon: restart}`);
    expect(run.state.phase).toBe('Succeeded');
    expect(run.at('RolloutStarted')).toHaveLength(1);
  });

  it('makes no second step out of a jump of the wall clock', () => {
    const run = world(`
      world: {until: 30m}
      changes: [{at: 2m, clock: 2h}]`);
    expect(run.at('ClockJump')).toEqual(['120s']);
    expect(run.at('StepStarted').slice(0, 2)).toEqual(['0s', '310s']);
  });

  it('waits for the instances of the canary: to 0 and back without an outcome, until they are there', () => {
    const run = world(
      `
      world: {until: 1h}
      changes: [{at: 0s, for: 14m, canaryUp: false}]`,
      { analysis: { noDataGraceMs: 120_000 } },
    );
    expect(run.at('CanaryAbsent')).toEqual(['250s', '550s']);
    expect(run.state).toMatchObject({ phase: 'Succeeded', rollout: { outcome: 'Promoted' } });
  });

  it('judges at 100 against stable frozen at the raise, and rolls back a breach there', () => {
    const healthy = world('world: {until: 1h, stable: {error: 0.02}, canary: {error: 0.022}}');
    expect(healthy.state.phase).toBe('Succeeded');
    const late = world(`
      world: {until: 1h, stable: {error: 0.02}, canary: {error: 0.022}}
      changes: [{at: 16m, canary: {error: 0.05}}]`);
    expect(late.state).toMatchObject({ phase: 'RolledBack', stable: 'v1' });
    expect(late.weight).toBe(0);
  });

  it('does nothing but bake and write with skip, and comes to rest', () => {
    const run = world('world: {until: 1h, canary: {error: 1}}', { analysis: { skip: true, metrics: [] } });
    expect(run.state).toMatchObject({ phase: 'Succeeded', rollout: { analysed: false } });
  });

  it('counts a failure of a critical metric in the settle time', () => {
    const metrics = [aMetric({ critical: true })];
    const run = world('world: {until: 1h, canary: {error: 0.05}}', { analysis: { metrics } });
    expect(run.at('RolloutEnded')).toEqual(['40s']);
  });

  it('keeps a weight that someone lowered, until resume', () => {
    const run = world(`
      world: {until: 30m}
      changes:
        - {at: 7m, weight: 0}
        - {at: 20m, command: resume, reason: all clear}`);
    expect(run.story.find((line) => line.includes('DriftLower'))).toMatch(/^420s Paused/);
    expect(run.at('StepStarted')).toEqual(['0s', '300s', '1200s', '1500s', '1800s']);
  });

  it('promotes --full one verified and settled step after the other', () => {
    const run = world(`
      world: {until: 30m}
      changes: [{at: 90s, command: promote, full: true, reason: hotfix}]`);
    expect(run.at('StepStarted')).toEqual(['0s', '90s', '150s', '210s']);
    expect(run.state.rollout).toMatchObject({ outcome: 'Promoted', analysed: false });
  });

  it('undoes a promotion at once and says what is wanted next', () => {
    const run = world(`
      world: {until: 40m}
      changes: [{at: 30m, command: undo, reason: complaints}]`);
    expect(run.weight).toBe(0);
    expect(run.state).toMatchObject({ phase: 'RolledBack', stable: 'v1' });
    expect(run.state.reason).toMatch(
      /^v2 is no longer live: promotion undone by operator: complaints; retry releases it again/,
    );
  });

  it('takes what another controller does to the document as the end of its own writing', () => {
    const run = world(`
      world: {until: 30m, canary: {error: 0.05}}
      changes: [{at: 1m, document: foreign}]`);
    expect(run.weight).toBe(5);
    expect(run.state).toMatchObject({
      phase: 'Paused',
      rollout: { pauses: [{ reason: 'ForeignController' }] },
    });
  });
});
