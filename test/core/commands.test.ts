import { describe, expect, it } from 'vitest';
import { objection } from '../../src/core/admit.ts';
import { answer, ask, deskWith, twoSteps } from './asking.ts';

describe('start', () => {
  const parts = { revision: null };
  const started = () => {
    const both = deskWith(parts);
    both.desk.command({ verb: 'start', revision: 'v2' });
    both.desk.reach(5);
    return both;
  };
  const failed = () => {
    const both = started();
    both.desk.command({ verb: 'abort' });
    return both;
  };

  it('is taken for a revision that is neither running, live nor failed', () => {
    const { desk, spec } = deskWith(parts);
    expect(answer(desk, spec, 'start', { revision: 'v2' })).toBe('taken');
  });

  it('of the running revision names its rollout, also with restart', () => {
    const { desk, spec } = started();
    expect(answer(desk, spec, 'start', { revision: 'v2' })).toBe('running');
    expect(answer(desk, spec, 'start', { revision: 'v2', restart: true })).toBe('running');
  });

  it('of another one is IN_PROGRESS unless restart: true', () => {
    const { desk, spec } = started();
    expect(answer(desk, spec, 'start', { revision: 'v3' })).toBe('IN_PROGRESS');
    expect(answer(desk, spec, 'start', { revision: 'v3', restart: true })).toBe('taken');
    desk.command({ verb: 'start', revision: 'v3', restart: true });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v3', startedBy: 'ann' });
    expect(desk.rollout().id).toMatch(/^shop-2-/);
  });

  it('of the live revision is no rollout', () => {
    const { desk, spec } = deskWith(parts);
    expect(answer(desk, spec, 'start', { revision: 'v1' })).toBe('live');
  });

  it('of a failed one is NEEDS_RETRY; restart: true says that it is meant', () => {
    const { desk, spec } = failed();
    expect(answer(desk, spec, 'start', { revision: 'v2' })).toBe('NEEDS_RETRY');
    expect(answer(desk, spec, 'start', { revision: 'v2', restart: true })).toBe('taken');
  });

  it('of another revision than the file names is GIT_OWNS_REVISION with file and line', () => {
    const { desk, spec } = deskWith();
    const against = objection(spec, desk.state(), ask('start', { revision: 'v3' }), true);
    expect(against).toMatchObject({
      code: 'GIT_OWNS_REVISION',
      detail: expect.stringContaining('shop.yaml:1'),
    });
  });

  it('without a known stable is STABLE_UNKNOWN', () => {
    const { desk, spec } = deskWith({ revision: null, stableRevision: null });
    expect(answer(desk, spec, 'start', { revision: 'v2' })).toBe('STABLE_UNKNOWN');
  });

  it('keeps the API’s revision as the target until git names one', () => {
    const { desk } = started();
    desk.tick({ after: 60_000 });
    expect(desk.state().target).toBe('v2');
    desk.respec({ revision: 'v3' });
    desk.tick();
    expect(desk.state().target).toBe('v3');
  });

  it('of stable with restart reverts, and promises no rollout', () => {
    const { desk } = started();
    desk.command({ verb: 'start', revision: 'v1', restart: true });
    expect(desk.rollout().outcome).toBe('Reverted');
    expect(desk.state()).toMatchObject({ phase: 'Stable', reserved: null });
  });

  it('tells that a revision which waited is skipped', () => {
    const { desk } = started();
    desk.command({ verb: 'start', revision: 'v3', restart: true }, { lands: false });
    desk.command({ verb: 'start', revision: 'v4', restart: true }, { lands: false });
    expect(desk.log()).toContainEqual(
      expect.stringMatching(/^RevisionSkipped: v3 is skipped: ann started v4/),
    );
  });

  it('is not confused by a write about the pair before', () => {
    const { desk } = started();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.edit({ canaryWeight: 40 });
    desk.tick();
    desk.command({ verb: 'resume' }, { lands: false });
    expect(desk.state().intent).toMatchObject({ purpose: 'restore', to: 100 });
    desk.command({ verb: 'start', revision: 'v3' }, { lands: false });
    desk.setDocument(desk.state().intent?.content ?? null);
    desk.tick({ lands: false });
    expect(desk.rollout()).toMatchObject({ revision: 'v3', held: { weight: 0 } });
  });
});

describe('pause, resume and retry', () => {
  it('pause holds the weight; resume ends it; both are refused when they change nothing', () => {
    const { desk, spec } = deskWith();
    desk.reach(5);
    expect(answer(desk, spec, 'resume')).toBe('NOT_APPLICABLE');
    desk.command({ verb: 'pause', reason: 'lunch' });
    expect(answer(desk, spec, 'pause')).toBe('NOT_APPLICABLE');
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.state()).toMatchObject({ phase: 'Paused', reason: 'paused by ann: lunch; resume goes on' });
    desk.command({ verb: 'resume' });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('resume ends every reason of the set that needs a person, and leaves the others', () => {
    const { desk } = deskWith({ strategy: { steps: twoSteps(true) } });
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.command({ verb: 'pause' });
    expect(desk.rollout().pauses.map(({ reason }) => reason)).toEqual(['Approval', 'Manual']);
    desk.command({ verb: 'resume' });
    expect(desk.rollout().pauses.map(({ reason }) => reason)).toEqual(['Approval']);
  });

  it('resume is refused for an approval and for suspend, saying what helps', () => {
    const approval = deskWith({ strategy: { steps: twoSteps(true) } });
    for (let looks = 0; looks < 3; looks += 1) approval.desk.look('pass');
    const objections = [objection(approval.spec, approval.desk.state(), ask('resume', {}), true)];
    const suspended = deskWith();
    suspended.desk.reach(5);
    suspended.desk.respec({ suspend: true });
    suspended.desk.tick();
    objections.push(objection(suspended.spec, suspended.desk.state(), ask('resume', {}), true));
    expect(objections).toMatchObject([
      { code: 'NOT_APPLICABLE', hint: '`approve` it' },
      { code: 'NOT_APPLICABLE', hint: 'set suspend: false in the file' },
    ]);
  });

  it('is itself the reason of the decision that takes it, and no server is blamed for what was not asked', () => {
    const { desk } = deskWith({ strategy: { steps: twoSteps(true) } });
    desk.reach(5);
    const { explanation, state } = desk.command(
      { verb: 'approve', actor: 'ana', reason: 'looks fine' },
      { route: { kind: 'notRead' } },
    );
    const said = explanation.because.map(({ text }) => text);
    expect(said).toContain('step 1 approved by ana: looks fine');
    expect([...said, state.reason].join()).not.toContain('slow');
    const late = desk.look('pass', { route: { kind: 'notRead', isLate: true } });
    expect(late.explanation.because.map(({ text }) => text).join()).toContain('the server is slow to answer');
  });

  it('resume of a document’s pause waits until the document was read', () => {
    const { desk } = deskWith();
    desk.reach(5);
    desk.edit({ canaryWeight: 1 });
    desk.tick();
    const decision = desk.command({ verb: 'resume' }, { route: { kind: 'notRead' } });
    expect(decision.consumed).toEqual([]);
    expect(desk.rollout().pauses).toHaveLength(1);
  });

  it('retry while paused is Aborted, 0 verified, then a new rollout of the revision', () => {
    const { desk } = deskWith();
    desk.reach(25);
    desk.command({ verb: 'pause' });
    const decision = desk.command({ verb: 'retry' }, { lands: false });
    expect(decision.state.intent).toMatchObject({ to: 0 });
    const { reserved } = desk.state();
    desk.setDocument(desk.state().intent?.content ?? null);
    const ended = desk.tick({ lands: false });
    expect(ended.rollouts.map(({ outcome }) => outcome)).toContain('Aborted');
    expect(desk.rollout()).toMatchObject({ id: reserved?.rolloutId, revision: 'v2', outcome: null });
  });

  it('retry is refused while a rollout runs and where nothing failed', () => {
    const { desk, spec } = deskWith();
    desk.reach(5);
    expect(answer(desk, spec, 'retry')).toBe('NOT_APPLICABLE');
    const idle = deskWith({ revision: 'v1' });
    expect(answer(idle.desk, idle.spec, 'retry')).toBe('NOT_APPLICABLE');
  });

  it.each(['pause', 'approve', 'promote', 'abort', 'resume'] as const)(
    '%s is refused while nothing runs',
    (verb) => {
      const { desk, spec } = deskWith({ revision: 'v1' });
      expect(answer(desk, spec, verb)).toBe('NOT_APPLICABLE');
    },
  );

  it('forget is refused while there is a file', () => {
    const { desk, spec } = deskWith({ revision: 'v1' });
    expect(answer(desk, spec, 'forget')).toBe('NOT_APPLICABLE');
    expect(answer(desk, spec, 'forget', { hasFile: false })).toBe('taken');
  });
});

describe('undo after a promotion', () => {
  const promoted = () => {
    const both = deskWith();
    both.desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) both.desk.look('pass');
    return both;
  };
  const targets = (value: number | null) => [
    {
      id: 'undo',
      at: 0,
      reading:
        value === null
          ? ({ kind: 'error', structural: false, code: 'X', detail: 'Prometheus is down' } as const)
          : ({ kind: 'value', value, requests: null } as const),
      query: 'up',
      skewMs: null,
    },
  ];

  it('writes 0 at once: a new record, Reverted, that undoes the old one, which stays Promoted', () => {
    const { desk } = promoted();
    const old = desk.rollout();
    const decision = desk.command(
      { verb: 'undo', reason: 'slow' },
      { measurements: targets(2), lands: false },
    );
    expect(decision.state.intent).toMatchObject({ to: 0, direction: 'lower' });
    desk.setDocument(desk.state().intent?.content ?? null);
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v2', outcome: 'Reverted', undoes: old.id });
    expect(old.outcome).toBe('Promoted');
    expect(desk.state()).toMatchObject({ phase: 'RolledBack', stable: 'v1' });
    desk.respec({ revision: 'v1' });
    desk.tick();
    expect(desk.state().phase).toBe('Stable');
  });

  it('is refused without force when the old version shows no live target, or when that cannot be told', () => {
    for (const value of [0, null]) {
      const { desk } = promoted();
      desk.command({ verb: 'undo' }, { measurements: targets(value) });
      expect(desk.rule().canaryWeight).toBe(100);
      expect(desk.log().at(-1)).toMatch(/v1 shows no live target/);
      desk.command({ verb: 'undo', force: true });
      expect(desk.rule().canaryWeight).toBe(0);
    }
  });

  it('waits until Prometheus was asked', () => {
    const { desk } = promoted();
    expect(desk.command({ verb: 'undo' }).consumed).toEqual([]);
  });

  it('is refused once the document no longer holds the old pair, and answered at once', () => {
    const { desk } = promoted();
    desk.setDocument(null);
    desk.tick();
    const decision = desk.command({ verb: 'undo' });
    expect(decision.events.map(({ type }) => type)).toEqual(['CommandRefused']);
    expect(decision.consumed).toHaveLength(1);
  });
});
