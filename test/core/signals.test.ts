import { describe, expect, it, test } from 'vitest';
import type { Signal } from '../../src/core/observation.ts';
import { effectOf, SILENT_AFTER_MS } from '../../src/core/signals.ts';
import { aMetric } from '../support/a-canary.ts';
import { createDesk, type Desk, INTERVAL, quickMetric, quickSpec, T0 } from './desk.ts';

let newest = 0;

function alert(over: Partial<Signal> = {}): Signal {
  newest += 1;
  return {
    id: `a${newest}`,
    name: 'SloBurn',
    action: 'pause',
    firing: true,
    startedAt: T0,
    summary: 'the budget burns',
    eventId: newest,
    toldAt: T0,
    ...over,
  };
}

function at5(parts: Parameters<typeof quickSpec>[0] = {}): Desk {
  const desk = createDesk(quickSpec(parts));
  desk.reach(5);
  return desk;
}

function pauses(desk: Desk): string[] {
  return desk.rollout().pauses.map(({ reason }) => reason);
}

describe('an alert that asks for a rollback', () => {
  it('gets one in the run that hears of it, without a look and without a read', () => {
    const desk = at5();
    const signal = alert({ action: 'rollback' });
    const decision = desk.tick({ route: { kind: 'notRead' }, signals: [signal], lands: false });
    expect(decision).toMatchObject({ publish: true, urgent: true, state: { intent: { to: 0 } } });
    expect(decision.events).toContainEqual(
      expect.objectContaining({
        type: 'SignalApplied',
        causedBy: signal.eventId,
        data: { signal: signal.id, alert: 'SloBurn', action: 'rollback' },
      }),
    );
    expect(decision.explanation.because).toContainEqual(
      expect.objectContaining({ code: 'alert', text: 'alert SloBurn: the budget burns' }),
    );
  });

  it('is the failure from which the time to weight 0 is counted', () => {
    const desk = at5();
    desk.tick({ signals: [alert({ action: 'rollback' })] });
    expect(desk.rollout()).toMatchObject({ outcome: 'RolledBack', firstFailAt: desk.now() });
  });

  it('wins over an approval, a promotion and a pause', () => {
    const desk = at5();
    desk.command({ verb: 'promote', full: true }, { signals: [alert({ action: 'rollback' }), alert()] });
    expect(desk.rollout()).toMatchObject({ outcome: 'RolledBack', pauses: [] });
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('replaces a raise that is written and not read back', () => {
    const desk = at5();
    for (let looks = 0; looks < 9 && desk.state().intent === null; looks += 1) {
      desk.look('pass', { lands: false });
    }
    expect(desk.state().intent).toMatchObject({ direction: 'raise', to: 25 });
    desk.tick({ route: { kind: 'notRead' }, signals: [alert({ action: 'rollback' })] });
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('holds the next start as long as it fires, also that of another revision', () => {
    const desk = at5();
    const signal = alert({ action: 'rollback' });
    desk.tick({ signals: [signal] });
    desk.respec({ revision: 'v3' });
    desk.look('pass', { signals: [signal] });
    expect(desk.state()).toMatchObject({ phase: 'Waiting', rollout: { revision: 'v3' } });
    expect(desk.state().reason).toBe('alert SloBurn is firing: the budget burns');
    desk.look('pass', { signals: [] });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v3', canaryWeight: 5 });
  });
});

describe('an alert that asks for a pause', () => {
  it('holds the weight until a person resumes, also when it is resolved meanwhile', () => {
    const desk = at5();
    desk.tick({ signals: [alert()] });
    expect(desk.types().filter((type) => type === 'Paused')).toHaveLength(1);
    for (let looks = 0; looks < 6; looks += 1) desk.look('pass');
    expect(pauses(desk)).toEqual(['Alert']);
    expect(desk.rule().canaryWeight).toBe(5);
    desk.command({ verb: 'resume' });
    expect(pauses(desk)).toEqual([]);
  });

  it('pauses once: after a resume only one that was recorded anew does it again', () => {
    const desk = at5();
    const first = alert();
    desk.tick({ signals: [first] });
    desk.command({ verb: 'resume' }, { signals: [first] });
    desk.look('pass', { signals: [first] });
    expect(pauses(desk)).toEqual([]);
    desk.look('pass', { signals: [first, alert({ name: 'Slow' })] });
    expect(desk.rollout().pauses).toMatchObject([
      { reason: 'Alert', detail: 'alert Slow: the budget burns; resume goes on' },
    ]);
  });

  it('does not keep a failing canary from going back', () => {
    const desk = at5();
    const signals = [alert()];
    for (let looks = 0; looks < 5; looks += 1) desk.look('fail', { signals });
    expect(desk.rollout().outcome).toBe('RolledBack');
  });

  describe('with resumeOnResolved', () => {
    const resuming = { analysis: { resumeOnResolved: true } };

    it('says that it goes on by itself', () => {
      const desk = at5(resuming);
      desk.tick({ signals: [alert()] });
      expect(desk.rollout().pauses[0]?.detail).toBe(
        'alert SloBurn: the budget burns; it goes on once every alert that paused it is resolved, or by resume',
      );
    });

    it('lets go when it is resolved, and the evidence starts again', () => {
      const desk = at5(resuming);
      desk.look('pass');
      expect(desk.rollout().metrics['error-rate']?.passes).toBe(1);
      desk.tick({ signals: [alert()] });
      desk.tick({ signals: [] });
      expect(pauses(desk)).toEqual([]);
      expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
    });

    it('waits for the last of several', () => {
      const desk = at5(resuming);
      const [first, second] = [alert(), alert()];
      desk.tick({ signals: [first, second] });
      desk.tick({ signals: [second] });
      expect(pauses(desk)).toEqual(['Alert']);
      desk.tick({ signals: [] });
      expect(pauses(desk)).toEqual([]);
    });

    it('waits only for those that paused: one that a person went over counts no more', () => {
      const desk = at5(resuming);
      const first = alert();
      desk.tick({ signals: [first] });
      desk.command({ verb: 'resume' }, { signals: [first] });
      const second = alert();
      desk.tick({ signals: [first, second] });
      expect(pauses(desk)).toEqual(['Alert']);
      desk.tick({ signals: [first] });
      expect(pauses(desk)).toEqual([]);
    });

    it('ends no pause that somebody else made', () => {
      const desk = at5(resuming);
      desk.command({ verb: 'pause' }, { signals: [alert()] });
      desk.tick({ signals: [] });
      expect(pauses(desk)).toEqual(['Manual']);
    });

    it('holds on when it merely falls silent', () => {
      const desk = at5(resuming);
      const signal = alert({ toldAt: desk.now() });
      desk.tick({ signals: [signal] });
      desk.tick({ after: SILENT_AFTER_MS, signals: [signal] });
      expect(pauses(desk)).toContain('Alert');
    });
  });
});

test('an alert of which nothing was heard for five days holds no start', () => {
  const signal = alert({ toldAt: T0 - SILENT_AFTER_MS });
  const desk = createDesk(quickSpec(), { signals: [signal] });
  expect(desk.rollout().held.weight).toBe(5);
});

describe('an alert that asks for a promotion', () => {
  const told = (desk: Desk) =>
    alert({ action: 'promote', name: 'CanaryGood', toldAt: desk.now() + INTERVAL });

  it('never takes the place of bake and passes', () => {
    const desk = at5();
    for (let looks = 0; looks < 6; looks += 1) {
      desk.look('noData', { signals: [told(desk)] });
      expect(desk.rule().canaryWeight).toBe(5);
    }
    expect(desk.rollout()).toMatchObject({ analysed: true, exemptions: [] });
  });

  it('is no word against a failure', () => {
    const desk = at5();
    for (let looks = 0; looks < 5; looks += 1) desk.look('fail', { signals: [told(desk)] });
    expect(desk.rollout().outcome).toBe('RolledBack');
  });

  const external = aMetric({
    name: 'approved',
    source: { kind: 'external', alert: 'CanaryGood' },
    bounds: {},
    windowMs: INTERVAL,
  });

  describe('with a metric that names it', () => {
    const asking = { analysis: { metrics: [quickMetric(), external] } };

    it('is what a step waits for beside its other metrics', () => {
      const desk = at5(asking);
      for (let looks = 0; looks < 6; looks += 1) desk.look('pass');
      expect(desk.rule().canaryWeight).toBe(5);
      expect(desk.state().reason).toMatch(
        /approved: 0 of 3 passes collected \(pending: alert CanaryGood does not ask for a promotion/,
      );
      for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { signals: [told(desk)] });
      expect(desk.rule().canaryWeight).toBe(25);
    });

    it('counts under that name only', () => {
      const desk = at5(asking);
      for (let looks = 0; looks < 6; looks += 1) {
        desk.look('pass', { signals: [{ ...told(desk), name: 'Another' }, alert({ action: 'ignore' })] });
      }
      expect(desk.rule().canaryWeight).toBe(5);
    });

    it('says nothing about a weight at which it was not told', () => {
      const desk = at5(asking);
      const once = told(desk);
      for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { signals: [once] });
      expect(desk.rule().canaryWeight).toBe(25);
      for (let looks = 0; looks < 6; looks += 1) desk.look('pass', { signals: [once] });
      expect(desk.rule().canaryWeight).toBe(25);
    });
  });

  it('can be all that a rollout is judged by, in three looks at each weight, and nothing is measured', () => {
    const desk = createDesk(quickSpec({ analysis: { metrics: [external] } }));
    const look = () => desk.tick({ after: INTERVAL, measurements: [], signals: [told(desk)] });
    desk.tick({ after: INTERVAL, measurements: [] });
    expect(desk.rule().canaryWeight).toBe(5);
    for (let looks = 0; looks < 20; looks += 1) look();
    expect(desk.state()).toMatchObject({ phase: 'Succeeded', stable: 'v2' });
    expect(desk.rollout()).toMatchObject({ outcome: 'Promoted', analysed: true });
  });
});

test('the sender is told what its alert will do', () => {
  const spec = quickSpec();
  const desk = at5();
  const of = (signal: Signal, state = desk.state()) => effectOf(spec, state, signal);
  expect(of(alert({ action: 'rollback' }))).toBe('rollsBack');
  expect(of(alert())).toBe('pauses');
  expect(of(alert({ action: 'promote' }))).toBe('noted');
  expect(of(alert({ firing: false }))).toBe('over');
  desk.command({ verb: 'abort' });
  expect(of(alert({ action: 'rollback' }))).toBe('holdsTheStart');
  expect(effectOf(spec, null, alert())).toBe('holdsTheStart');
});
