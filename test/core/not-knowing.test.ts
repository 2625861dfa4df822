import { describe, expect, it } from 'vitest';
import type { Reading, Signal } from '../../src/core/observation.ts';
import { createDesk, type Desk, type Look, quickMetric, quickSpec, T0 } from './desk.ts';

const at5 = (parts: Parameters<typeof quickSpec>[0] = {}): Desk => {
  const desk = createDesk(quickSpec(parts));
  desk.reach(5);
  return desk;
};
const looks = (desk: Desk, count: number, look: Look) => {
  for (let made = 0; made < count; made += 1) desk.look(look);
};
const metric = (desk: Desk) => desk.rollout().metrics['error-rate'];
const reasons = (desk: Desk) => desk.rollout().pauses.map(({ reason }) => reason);

describe('not knowing', () => {
  it('pauses Errors after errorLimit looks in a row, ends by itself at the first good look, and asks three new passes', () => {
    const desk = at5();
    looks(desk, 2, 'pass');
    looks(desk, 3, 'error');
    expect(reasons(desk)).toEqual([]);
    looks(desk, 1, 'error');
    expect(reasons(desk)).toEqual(['Errors']);
    looks(desk, 1, 'pass');
    expect(reasons(desk)).toEqual([]);
    looks(desk, 2, 'pass');
    expect(desk.rollout().held.weight).toBe(5);
    looks(desk, 1, 'pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it.each([
    ['hold', []],
    ['pause', ['Errors']],
  ] as const)('holds with onError: %s, never a rollback', (onError, expected) => {
    const desk = at5({ analysis: { onError } });
    looks(desk, 30, 'error');
    expect(reasons(desk)).toEqual(expected);
    expect(desk.rule().canaryWeight).toBe(5);
  });

  it('rolls back for errors or missing data only when asked', () => {
    const noisy = at5({ analysis: { onError: 'rollback' } });
    looks(noisy, 4, 'error');
    expect(noisy.rollout().outcome).toBe('RolledBack');
    const silent = at5({ analysis: { onNoData: 'rollback', noDataGraceMs: 60_000 } });
    looks(silent, 3, 'noData');
    expect(silent.rollout().outcome).toBe('RolledBack');
  });

  it('pauses BadQuery at once, still looks, and ends at the first look without one', () => {
    const desk = at5();
    looks(desk, 1, 'structural');
    expect(reasons(desk)).toEqual(['BadQuery']);
    looks(desk, 1, 'pass');
    expect(reasons(desk)).toEqual([]);
  });

  it('pauses NoData after the grace time; resume accepts it for this step only, with actor and reason', () => {
    const desk = at5({ analysis: { onNoData: 'pause', noDataGraceMs: 60_000 } });
    looks(desk, 3, 'noData');
    expect(reasons(desk)).toEqual(['NoData']);
    desk.command({ verb: 'resume', actor: 'ben', reason: 'no traffic at night' });
    expect(desk.rollout()).toMatchObject({
      analysed: false,
      exemptions: [{ kind: 'resume', actor: 'ben', reason: 'no traffic at night', stepIndex: 0 }],
    });
    expect(desk.rollout().held.weight).toBe(25);
    looks(desk, 2, 'noData');
    expect(reasons(desk)).toEqual([]);
    looks(desk, 1, 'noData');
    expect(reasons(desk)).toEqual(['NoData']);
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('ends a NoData pause by itself when data are back', () => {
    const desk = at5({ analysis: { onNoData: 'pause', noDataGraceMs: 60_000 } });
    looks(desk, 4, 'noData');
    looks(desk, 1, 'pass');
    expect(reasons(desk)).toEqual([]);
    expect(metric(desk)?.passes).toBe(0);
  });

  it('goes back for missing data although another metric that fails only stops it for a person', () => {
    const metrics = [quickMetric({ name: 'errors' }), quickMetric({ name: 'queried' })];
    const analysis = { onNoData: 'rollback', noDataGraceMs: 60_000, metrics } as const;
    const desk = at5({ strategy: { onFailure: 'pause' }, analysis });
    for (let looks = 0; looks < 5; looks += 1) desk.look({ errors: 'pass', queried: 'fail' });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'Failed' }]);
    for (let looks = 0; looks < 7; looks += 1) desk.look({ errors: 'noData', queried: 'fail' });
    expect(desk.state().phase).toBe('RolledBack');
  });

  it('never lets an accepted gap pass over a failing metric', () => {
    const metrics = [quickMetric({ forMs: 600_000 }), quickMetric({ name: 'second' })];
    const desk = at5({ analysis: { onNoData: 'pause', noDataGraceMs: 60_000, metrics } });
    for (let made = 0; made < 3; made += 1) desk.look({ 'error-rate': 'fail', second: 'noData' });
    desk.command({ verb: 'resume' });
    for (let made = 0; made < 3; made += 1) desk.look({ 'error-rate': 'noData', second: 'noData' });
    expect(desk.rollout().exemptions).toHaveLength(1);
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().reason).toMatch(/error-rate failed at its last look with data/);
    desk.look({ second: 'noData' });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('says in its reason that no canary target is up where Prometheus knows', () => {
    const desk = at5({ analysis: { onNoData: 'pause', noDataGraceMs: 60_000 } });
    looks(desk, 2, 'noData');
    const noTarget = {
      id: 'targets',
      at: 0,
      reading: { kind: 'value', value: 0, requests: null },
      query: '',
      skewMs: 0,
    } as const;
    const silent = {
      ...noTarget,
      id: 'error-rate/canary',
      at: desk.now() + 30_000,
      reading: { kind: 'noData', why: 'nan', detail: 'no requests' },
    } as const;
    desk.tick({ after: 30_000, measurements: [silent, noTarget] });
    expect(desk.rollout().pauses[0]?.detail).toContain('; no canary target is up; ');
  });
});

describe('the progress deadline', () => {
  const strategy = { progressDeadlineMs: 120_000 };

  it('pauses NoEvidence when passes were broken by missing data only', () => {
    const desk = at5({ strategy });
    looks(desk, 6, 'noData');
    expect(reasons(desk)).toEqual(['NoEvidence']);
    desk.command({ verb: 'resume', actor: 'ben' });
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 }, analysed: false });
  });

  it('is a failure when a look failed since the bake was over', () => {
    const desk = at5({ strategy });
    looks(desk, 3, 'noData');
    looks(desk, 1, 'fail');
    looks(desk, 2, 'noData');
    expect(desk.rollout().outcome).toBe('RolledBack');
    expect(desk.rollout().endReason).toMatch(/no evidence.*and looks failed/);
  });

  it('does not run in outages and pauses', () => {
    const desk = at5({ strategy, analysis: { onError: 'hold' } });
    looks(desk, 2, 'noData');
    looks(desk, 20, 'error');
    expect(reasons(desk)).toEqual([]);
    desk.command({ verb: 'pause' });
    looks(desk, 20, 'noData');
    expect(reasons(desk)).toEqual(['Manual']);
  });

  it('never ends with 0', () => {
    const desk = at5({ strategy: { progressDeadlineMs: 0 } });
    looks(desk, 100, 'noData');
    expect(reasons(desk)).toEqual([]);
  });
});

describe('a canary that is not there yet', () => {
  it('goes to 0 and Waiting without an outcome when no series was ever seen while stable has traffic; tried again after 1 to 15 minutes', () => {
    const desk = at5({ analysis: { noDataGraceMs: 60_000 } });
    const waits: number[] = [];
    const fresh = createDesk(quickSpec({ analysis: { noDataGraceMs: 60_000 } }));
    for (let tries = 0; tries < 6; tries += 1) {
      while (fresh.rollout().absences === tries) fresh.look('empty');
      expect(fresh.rollout()).toMatchObject({ outcome: null, weight: 0, held: { weight: 0 } });
      expect(fresh.state().phase).toBe('Waiting');
      expect(fresh.rule().canaryWeight).toBe(0);
      const wait = (fresh.rollout().absentUntil ?? 0) - fresh.now();
      waits.push(wait / 60_000);
      const early = fresh.tick({ after: wait - 1_000 });
      expect(early.publish).toBe(false);
      expect(early.explanation.because[0]?.text).toMatch(/^CanaryAbsent/);
      fresh.tick({ after: 1_000 });
      expect(fresh.rollout().held.weight).toBe(5);
    }
    expect(waits).toEqual([1, 2, 4, 8, 15, 15]);
    looks(desk, 1, 'pass');
    looks(desk, 4, 'empty');
    expect(desk.rollout().absences).toBe(0);
  });

  it('is held in Waiting by strategy.ready until that holds at three looks', () => {
    const desk = createDesk(quickSpec({ strategy: { ready: { query: 'up', min: 2 } } }));
    const ready = (value: number) => [
      {
        id: 'ready',
        at: 0,
        reading: { kind: 'value', value, requests: null },
        query: 'up',
        skewMs: 0,
      } as const,
    ];
    for (const value of [2, 2, 1, 2, 2]) desk.tick({ after: 30_000, measurements: ready(value) });
    expect(desk.state()).toMatchObject({
      phase: 'Waiting',
      reason: 'strategy.ready held at 2 of 3 looks in a row',
    });
    desk.tick({ after: 30_000, measurements: ready(3) });
    expect(desk.rollout().held.weight).toBe(5);
  });

  it('says with its reason what strategy.ready found, also in runs that do not ask', () => {
    const desk = createDesk(quickSpec({ strategy: { ready: { query: 'up', min: 2 } } }));
    const found = (reading: Reading) => {
      desk.tick({
        after: 30_000,
        measurements: [{ id: 'ready', at: 0, reading, query: 'up', skewMs: 0 }],
      });
      const { reason } = desk.state();
      desk.tick({ after: 1000 });
      expect(desk.state().reason).toBe(reason);
      return reason;
    };
    expect(found({ kind: 'noData', why: 'empty', detail: 'the query found no series' })).toBe(
      'strategy.ready does not hold: the query found no series',
    );
    expect(found({ kind: 'value', value: 1, requests: null })).toBe(
      'strategy.ready does not hold: it is 1, at least 2 is needed',
    );
    expect(found({ kind: 'value', value: 2, requests: null })).toBe(
      'strategy.ready held at 1 of 3 looks in a row',
    );
  });
});

describe('weight 100', () => {
  it('judges against stable as it was when the raise was saved, asked once, and says when that was', () => {
    const desk = createDesk();
    desk.reach(25);
    looks(desk, 3, 'pass');
    const { frozenAt } = desk.rollout();
    expect(frozenAt).toBe(desk.now());
    desk.look('pass', { stable: { kind: 'value', value: 0.2, requests: 500 } });
    expect(metric(desk)?.frozen).toEqual({ at: frozenAt, value: 0.2, requests: 500 });
    desk.look('fail', { stable: { kind: 'noData', why: 'empty', detail: 'no series' } });
    expect(metric(desk)?.verdict).toMatchObject({ class: 'pass', stable: 0.2, stableFrozenAt: frozenAt });
  });

  const untold = (why: 'error' | 'partial' | 'empty') =>
    why === 'error'
      ? ({ kind: 'error', structural: false, code: 'X', detail: 'down' } as const)
      : ({ kind: 'noData', why, detail: why } as const);

  it('takes the value by which the raise was decided when stable has none of the very moment, after asking again over errors and partial answers', () => {
    const desk = createDesk();
    desk.reach(100);
    for (const why of ['error', 'partial', 'empty'] as const) {
      desk.look('pass', { stable: untold(why) });
      expect(metric(desk)?.frozen === null).toBe(why !== 'empty');
    }
    const { frozenAt } = desk.rollout();
    expect(metric(desk)?.frozen).toMatchObject({ at: frozenAt, value: metric(desk)?.lastStable?.value });
    expect(metric(desk)?.verdict).toMatchObject({ class: 'pass', stableFrozenAt: frozenAt });
  });

  it('has no data for a metric that was never compared before', () => {
    const desk = createDesk();
    desk.reach(100);
    desk.respec({ analysis: { metrics: [quickMetric({ bounds: { maxDelta: 0.02 } })] } });
    desk.look('pass', { stable: untold('empty') });
    looks(desk, 1, 'pass');
    expect(metric(desk)?.verdict?.class).toBe('noData');
  });

  it('still rolls back on a breach', () => {
    const desk = createDesk();
    desk.reach(100);
    looks(desk, 4, 'fail');
    expect(desk.rollout().outcome).toBe('RolledBack');
    expect(desk.rule().canaryWeight).toBe(0);
  });
});

describe('alerts', () => {
  const alert = (action: Signal['action'], firing = true): Signal => ({
    id: `a-${action}`,
    name: 'SloBurn',
    action,
    firing,
    startedAt: 0,
    summary: 'the budget burns',
    eventId: 1,
    toldAt: T0,
  });

  it('that ask for a rollback get one', () => {
    const desk = at5();
    desk.tick({ signals: [alert('rollback')] });
    expect(desk.rollout()).toMatchObject({
      outcome: 'RolledBack',
      endReason: expect.stringMatching(/SloBurn/),
    });
  });

  it('that ask for a pause get one, once for each; a person ends it', () => {
    const desk = at5();
    desk.tick({ signals: [alert('pause')] });
    expect(reasons(desk)).toEqual(['Alert']);
    desk.command({ verb: 'resume' }, { signals: [alert('pause')] });
    desk.tick({ signals: [alert('pause')] });
    expect(reasons(desk)).toEqual([]);
  });

  it('that fire already hold the first step', () => {
    const desk = createDesk(quickSpec(), { signals: [alert('pause')] });
    expect(desk.state()).toMatchObject({
      phase: 'Waiting',
      reason: 'alert SloBurn is firing: the budget burns',
    });
    desk.tick({ signals: [alert('pause', false)] });
    expect(desk.rollout().held.weight).toBe(5);
  });
});
