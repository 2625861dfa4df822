import { describe, expect, it, test } from 'vitest';
import { createDesk, type Desk, INTERVAL, type Look, quickMetric, quickSpec, unreadable } from './desk.ts';
import { lookAtCounters, sequentialDesk, sequentialVerdict } from './sequential/sequential-desk.ts';

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

describe('leaving a step upward', () => {
  it('needs the bake although three passes are there', () => {
    const strategy = {
      steps: [
        { weight: 5, bakeMs: 300_000, approval: false },
        { weight: 100, bakeMs: 0, approval: false },
      ],
    };
    const desk = at5({ strategy });
    looks(desk, 9, 'pass');
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().reason).toMatch(/^baking until 00:05:00Z$/);
    looks(desk, 1, 'pass');
    expect(desk.rollout().held.weight).toBe(100);
  });

  it('needs passes at the last three looks of every metric that counts', () => {
    const analysis = {
      metrics: [quickMetric(), quickMetric({ name: 'second' }), quickMetric({ name: 'dry', dryRun: true })],
    };
    const desk = at5({ analysis });
    for (const second of ['pass', 'pass', 'noData', 'pass', 'pass'] as const)
      desk.look({ second, dry: 'fail' });
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().reason).toBe('second: 2 of 3 passes collected');
    desk.look({ dry: 'fail' });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('needs a live rule that was read in this run', () => {
    const desk = at5();
    looks(desk, 2, 'pass');
    const decision = desk.look('pass', { route: unreadable });
    expect(decision.publish).toBe(false);
    expect(decision.explanation.because.map(({ text }) => text)).toContain(
      'the live rule could not be read: Nacos does not answer',
    );
  });

  it('forgets passes over a restart when nothing was heard of the live rule since the last look', () => {
    for (const isAnswered of [true, false]) {
      const desk = at5();
      desk.look('pass');
      desk.look('pass', { route: { kind: 'notRead' } });
      if (isAnswered) desk.tick();
      desk.restart();
      // So soon that the answer of one process would still have counted.
      desk.tick({ after: 1_000 });
      expect(metric(desk)?.passes).toBe(isAnswered ? 2 : 0);
      desk.look('pass');
      expect(desk.rollout().held.weight).toBe(isAnswered ? 25 : 5);
      expect(metric(desk)?.passes).toBe(isAnswered ? 0 : 1);
    }
  });

  it('forgets passes where the live rule was heard of only long after the look', () => {
    for (const after of [5_000, 7_000]) {
      const desk = at5();
      desk.look('pass');
      desk.look('pass', { route: { kind: 'notRead' } });
      desk.tick({ after });
      expect(metric(desk)?.passes).toBe(after === 5_000 ? 2 : 0);
    }
  });

  it('tells how long ago that was over a jump of the wall clock', () => {
    const desk = at5();
    desk.look('pass', { route: { kind: 'notRead' } });
    const { unreadAt } = desk.rollout();
    desk.tick({ after: 1_000, jump: -600_000, route: { kind: 'notRead' } });
    expect(desk.rollout().unreadAt).toBe(unreadAt! - 600_000);
  });

  it('does not count passes seen while Nacos was unreachable, but counts failures', () => {
    const desk = at5();
    for (let made = 0; made < 5; made += 1) desk.look('pass', { route: unreadable });
    expect(metric(desk)?.passes).toBe(0);
    desk.tick();
    expect(desk.rollout().held.weight).toBe(5);
    desk.look('fail', { route: unreadable });
    expect(metric(desk)?.failures).toBe(1);
    looks(desk, 3, 'pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('never goes more than one step at once, however long nobody looked', () => {
    const desk = at5();
    looks(desk, 2, 'pass');
    desk.look('pass', { after: 10 * 3_600_000 });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('counts no look whose window touches the settle time, neither way', () => {
    const desk = createDesk(quickSpec({ settleMs: 60_000 }));
    desk.look('fail');
    desk.look('pass');
    expect(desk.rollout().metrics['error-rate']).toMatchObject({ passes: 0, failures: 0 });
    expect(metric(desk)?.verdict).toMatchObject({ class: 'pass', counted: false });
    desk.look('pass');
    expect(metric(desk)).toMatchObject({ passes: 1 });
  });

  it('counts no pass while clocks differ by more than 5 s, and says so while it is so', () => {
    const desk = at5();
    for (let made = 0; made < 4; made += 1) desk.look('pass', { skewMs: -6_000 });
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().diagnostics).toMatchObject([{ code: 'CLOCK_SKEW' }]);
    expect(desk.types().filter((type) => type === 'Diagnostic')).toHaveLength(1);
    desk.look('pass', { skewMs: 1_000 });
    expect(desk.state().diagnostics).toEqual([]);
  });

  it("counts no pass of a time that Prometheus' clock was ahead to, after it was set right", () => {
    const desk = at5();
    desk.look('pass', { skewMs: 3 * INTERVAL });
    looks(desk, 1, 'pass');
    expect(desk.state().diagnostics).toMatchObject([
      { code: 'CLOCK_SKEW', detail: expect.stringContaining('was ahead') },
    ]);
    looks(desk, 3, 'pass');
    expect(desk.state().diagnostics).toEqual([]);
    expect(metric(desk)?.passes, 'only the last window lies behind that time').toBe(1);
    expect(desk.rollout().held.weight).toBe(5);
    looks(desk, 1, 'fail');
    expect(metric(desk)).toMatchObject({ passes: 0, failures: 1 });
    const failed = at5();
    failed.look('pass', { skewMs: 3 * INTERVAL });
    looks(failed, 1, 'fail');
    expect(metric(failed), 'a failure counts at once').toMatchObject({ failures: 1 });
  });

  it('waits an hour at most for a clock that was far ahead, or a proxy that says so', () => {
    const desk = at5();
    desk.look('pass', { skewMs: 86_400_000 });
    looks(desk, 120, 'pass');
    expect(metric(desk)).toMatchObject({ passes: 0 });
    looks(desk, 1, 'pass');
    expect(metric(desk)).toMatchObject({ passes: 1 });
  });

  it('takes the same evidence to end the last step as to leave any other', () => {
    const desk = createDesk();
    desk.reach(100);
    looks(desk, 2, 'pass');
    looks(desk, 1, 'noData');
    looks(desk, 2, 'pass');
    expect(desk.rollout().outcome).toBeNull();
    looks(desk, 1, 'pass');
    expect(desk.rollout().outcome).toBe('Promoted');
  });

  it('needs bake and a readable rule only with skip', () => {
    const desk = createDesk(quickSpec({ analysis: { skip: true, metrics: [] } }));
    expect(desk.rollout().held.weight).toBe(5);
    const idle = desk.tick({ after: 1_000 });
    expect(idle.nextCheckAt).toBeGreaterThan(desk.now());
    desk.tick({ after: 60_000, route: unreadable });
    expect(desk.rollout().held.weight).toBe(5);
    desk.tick();
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 }, analysed: false });
  });
});

describe('failing', () => {
  it('rolls back once the breach lasted `for` without a pass', () => {
    const desk = at5();
    looks(desk, 3, 'fail');
    expect(metric(desk)?.failingMs).toBe(60_000);
    expect(desk.rollout().outcome).toBeNull();
    looks(desk, 1, 'fail');
    expect(desk.rollout()).toMatchObject({ outcome: 'RolledBack' });
    expect(desk.state().reason).toMatch(/canary 0.1 is outside stable 0, maxDelta 0.005; failing for 1m30s/);
  });

  it('says what is still tolerated before it does anything', () => {
    const desk = at5();
    desk.look('fail');
    const { explanation } = desk.look('fail');
    expect(explanation.notBecause.map(({ text }) => text)).toEqual([
      'error-rate: no rollback yet, failing for 30s of 1m30s',
    ]);
  });

  it('more often than failureLimit in the whole rollout, at most one failure a window', () => {
    const metrics = [quickMetric({ forMs: null, failureLimit: 1, windowMs: 60_000 })];
    const desk = at5({ analysis: { metrics } });
    for (const look of ['pass', 'pass', 'fail', 'fail', 'pass', 'pass', 'pass'] as const) desk.look(look);
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 } });
    looks(desk, 2, 'pass');
    desk.look('fail');
    expect(desk.rollout().outcome).toBe('RolledBack');
  });

  it('stops for a person with onFailure: pause; resume, approve and promote are refused, abort and retry leave', () => {
    for (const verb of ['abort', 'retry'] as const) {
      const desk = at5({ strategy: { onFailure: 'pause' } });
      looks(desk, 4, 'fail');
      expect(reasons(desk)).toEqual(['Failed']);
      expect(desk.rule().canaryWeight).toBe(5);
      looks(desk, 4, 'pass');
      for (const refused of ['resume', 'approve', 'promote'] as const) desk.command({ verb: refused });
      expect(reasons(desk)).toEqual(['Failed']);
      expect(desk.types().filter((type) => type === 'CommandRefused')).toHaveLength(3);
      const first = desk.rollout().id;
      desk.command({ verb });
      desk.tick();
      if (verb === 'abort') expect(desk.rollout()).toMatchObject({ id: first, outcome: 'Aborted' });
      else expect(desk.rollout()).toMatchObject({ revision: 'v2', outcome: null, held: { weight: 5 } });
    }
  });

  it.each(['critical metric', 'guard'])(
    'of a %s rolls back at the first look, with onFailure: pause too',
    (what) => {
      const metrics = [quickMetric({ critical: what === 'critical metric' })];
      const desk = at5({ strategy: { onFailure: 'pause' }, analysis: { metrics } });
      desk.look(what === 'guard' ? 'guard' : 'fail');
      expect(desk.rollout().outcome).toBe('RolledBack');
    },
  );

  it('of a critical metric or the guard counts in the settle time', () => {
    for (const critical of [true, false]) {
      const desk = createDesk(
        quickSpec({ settleMs: 600_000, analysis: { metrics: [quickMetric({ critical })] } }),
      );
      desk.look(critical ? 'fail' : 'guard');
      expect(desk.rollout().outcome).toBe('RolledBack');
    }
  });

  it('of a critical metric does not count when its window reaches back before the 0 of an earlier rollout of the revision', () => {
    const metrics = [quickMetric({ critical: true, windowMs: 120_000 })];
    const desk = at5({ analysis: { metrics } });
    desk.respec({ revision: 'v3', analysis: { metrics } });
    desk.tick();
    desk.respec({ revision: 'v2', analysis: { metrics } });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v2', held: { weight: 5 } });
    desk.look('fail');
    expect(desk.rollout().outcome).toBeNull();
    looks(desk, 3, 'fail');
    expect(desk.rollout().outcome).toBe('RolledBack');
  });

  it('of a dry run is measured and shown, never counted', () => {
    const metrics = [quickMetric(), quickMetric({ name: 'dry', dryRun: true, critical: true })];
    const desk = at5({ analysis: { metrics } });
    for (let made = 0; made < 3; made += 1) desk.look({ dry: 'guard' });
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 } });
    expect(desk.rollout().metrics['dry']?.verdict?.class).toBe('fail');
  });

  it('wins over an approval; the approval is kept as a record', () => {
    const strategy = {
      steps: [
        { weight: 5, bakeMs: 0, approval: true },
        { weight: 100, bakeMs: 0, approval: false },
      ],
    };
    const desk = at5({ strategy });
    looks(desk, 3, 'fail');
    desk.command({ verb: 'approve' }, { after: 30_000, looks: 'fail' });
    expect(desk.rollout()).toMatchObject({
      outcome: 'RolledBack',
      approvals: [{ actor: 'ann', stepIndex: 0 }],
    });
  });

  it('holds the step when it comes with the approval, also while it is tolerated', () => {
    const strategy = {
      steps: [
        { weight: 5, bakeMs: 0, approval: true },
        { weight: 100, bakeMs: 0, approval: false },
      ],
    };
    const desk = at5({ strategy });
    looks(desk, 3, 'pass');
    desk.command({ verb: 'approve' }, { after: 30_000, looks: 'fail' });
    expect(desk.rollout()).toMatchObject({ outcome: null, weight: 5, held: { weight: 5 } });
    expect(desk.types().filter((type) => type === 'StepStarted')).toHaveLength(1);
  });

  it('at one metric rolls back while another has no data or cannot be measured', () => {
    for (const second of ['noData', 'error', 'structural'] as const) {
      const desk = at5({ analysis: { metrics: [quickMetric(), quickMetric({ name: 'second' })] } });
      for (let made = 0; made < 4; made += 1) desk.look({ 'error-rate': 'fail', second });
      expect(desk.rollout().outcome).toBe('RolledBack');
    }
  });
});

describe('a look in flight while the clock is set back', () => {
  it('lies in the future and is no evidence: passes are counted anew', () => {
    const desk = createDesk(quickSpec());
    desk.look('pass');
    desk.look('pass');
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(2);
    const future = { at: desk.now() + 60_000, query: 'query', skewMs: 0 } as const;
    desk.tick({
      after: 30_000,
      measurements: ['canary', 'stable'].map((arm) => ({
        ...future,
        id: `error-rate/${arm}`,
        reading: { kind: 'value', value: 0, requests: 100 },
      })),
    });
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
  });
});

test('the query of counted requests says in a comment which of them are bad', () => {
  const desk = sequentialDesk(0);
  lookAtCounters(desk);
  expect(sequentialVerdict(desk)?.query).toBe('canary # bad: http_requests_total{job="shop",code=~"5.."}');
});
