import { describe, expect, it } from 'vitest';
import { initialState } from '../../src/core/state.ts';
import { aDocument, createDesk, quickSpec, T0 } from './desk.ts';

const failing = () => {
  const desk = createDesk();
  desk.reach(5);
  for (let looks = 0; looks < 4; looks += 1) desk.look('fail');
  return desk;
};

describe('where outcomes lead', () => {
  it('promotes after all steps: Succeeded, the document keeps the old pair at 100 with its promoted mark', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.state()).toMatchObject({ phase: 'Succeeded', stable: 'v2' });
    expect(desk.rollout()).toMatchObject({ outcome: 'Promoted', analysed: true, judge: 'threshold' });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 100, stableVersion: 'v1' });
    expect(desk.rule().managedBy?.promoted).toBe(true);
  });

  it('is no promotion before its mark is read back', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    const { intent } = desk.state();
    expect(intent).toMatchObject({ purpose: 'promoted', to: 100 });
    desk.tick({ after: 1_000, lands: false });
    expect(desk.state()).toMatchObject({ phase: 'Progressing', stable: 'v1' });
    desk.setDocument(intent?.content ?? null);
    desk.tick({ after: 1_000 });
    expect(desk.state()).toMatchObject({ phase: 'Succeeded', stable: 'v2' });
  });

  it('writes the new pair and its first weight in one document after a promotion', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.respec({ revision: 'v3' });
    desk.tick();
    desk.tick();
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v3', canaryWeight: 5, stableVersion: 'v2' });
  });

  it('needs retry after a failure: RolledBack until then, weight 0', () => {
    const desk = failing();
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
    desk.tick({ after: 60_000 });
    expect(desk.state().phase).toBe('RolledBack');
    desk.command({ verb: 'retry' });
    desk.tick();
    expect(desk.state().phase).toBe('Progressing');
    expect(desk.rollout().id).toMatch(/^shop-2-/);
  });

  it('aborts before the first write as Aborted: nothing is written, the revision needs retry', () => {
    const desk = createDesk(quickSpec({ suspend: true }));
    desk.tick();
    desk.command({ verb: 'abort' });
    expect(desk.document()).toBeNull();
    expect(desk.rollout().outcome).toBe('Aborted');
    expect(desk.state().phase).toBe('RolledBack');
  });

  it('supersedes and reverts before the first write without writing anything', () => {
    const desk = createDesk(quickSpec({ suspend: true }));
    desk.respec({ suspend: true, revision: 'v3' });
    const superseded = desk.tick();
    expect(superseded.rollouts.map(({ outcome }) => outcome)).toEqual(['Superseded', null]);
    desk.respec({ suspend: true, revision: 'v1' });
    desk.tick();
    expect(desk.rollout().outcome).toBe('Reverted');
    expect(desk.state().phase).toBe('Stable');
    expect(desk.document()).toBeNull();
  });

  it('goes to 0 at once and is Stable when git names the stable revision again mid-rollout', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.respec({ revision: 'v1' });
    desk.tick();
    expect(desk.rollout().outcome).toBe('Reverted');
    expect(desk.state().phase).toBe('Stable');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('keeps the outcome when git goes back to stable after a rollback, and knows the failed revision when it returns', () => {
    const desk = failing();
    desk.respec({ revision: 'v1' });
    desk.tick();
    expect(desk.state().phase).toBe('Stable');
    expect(desk.rollout().outcome).toBe('RolledBack');
    desk.respec({});
    desk.tick();
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.state().reason).toMatch(/^v2 failed in rollout shop-1-/);
  });

  it('verifies 0 first and starts only the newest when revisions arrive during RollingBack; skipped ones get an event', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' }, { lands: false });
    expect(desk.state().phase).toBe('RollingBack');
    desk.respec({ revision: 'v3' });
    desk.tick({ after: 100, lands: false });
    desk.respec({ revision: 'v4' });
    desk.tick({ after: 100, lands: false });
    expect(desk.state().phase).toBe('RollingBack');
    desk.tick({ after: 10_000 });
    expect(desk.rollout()).toMatchObject({ revision: 'v4', outcome: null });
    expect(desk.log()).toContainEqual(expect.stringMatching(/^RevisionSkipped: v3 is skipped/));
  });

  it('retries a rollback for ever, with a message to people after the third try', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' }, { lands: false });
    const told = () => desk.types().filter((type) => type === 'RollbackStuck').length;
    for (let tries = 2; tries <= 3; tries += 1) desk.tick({ after: 10_000, lands: false });
    expect(told()).toBe(0);
    for (let tries = 4; tries <= 9; tries += 1) desk.tick({ after: 10_000, lands: false });
    expect(told()).toBe(1);
    expect(desk.state().intent?.attempts).toBe(9);
    desk.tick({ after: 10_000 });
    expect(desk.state().phase).toBe('RolledBack');
  });

  it('rolls back without being able to read the live rule', () => {
    const desk = createDesk();
    desk.reach(25);
    const route = { kind: 'unreadable', at: 0, code: 'X', detail: 'no answer' } as const;
    let decision = desk.look('fail', { route, lands: false });
    for (let looks = 0; looks < 3 && !decision.publish; looks += 1) {
      decision = desk.look('fail', { route, lands: false });
    }
    expect(decision.publish).toBe(true);
    expect(decision.state.intent).toMatchObject({ direction: 'lower', to: 0, expectMd5: null });
    const again = desk.tick({ after: 10_000, route, lands: false });
    expect(again.publish).toBe(true);
    expect(again.state.intent).toMatchObject({ to: 0, expectMd5: null, attempts: 2 });
  });

  it('writes the facts of an ending for programs: outcome, weight when it was decided, revision', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' }, { lands: false });
    const decision = desk.tick({ after: 10_000, lands: false });
    expect(decision.publish).toBe(true);
    desk.setDocument(desk.state().intent?.content ?? null);
    const ended = desk.tick().events.find(({ type }) => type === 'RolloutEnded');
    expect(ended?.data).toMatchObject({ outcome: 'Aborted', weight: 25, revision: 'v2' });
  });
});

describe('a third revision mid-rollout', () => {
  it('restarts: 0 is verified, then the new one begins at its first step', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.respec({ revision: 'v3' });
    const decision = desk.tick({ lands: false });
    expect(decision.state.intent).toMatchObject({ to: 0, direction: 'lower' });
    expect(desk.rollout().revision).toBe('v2');
    desk.setDocument(desk.state().intent?.content ?? null);
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v3', outcome: null });
  });

  it('queues: the running rollout ends first', () => {
    const desk = createDesk();
    desk.reach(5);
    const strategy = { onRevisionChange: 'queue' as const };
    desk.respec({ revision: 'v3', strategy });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v2', outcome: null });
    desk.reach(100);
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.rollout()).toMatchObject({ revision: 'v3', stable: 'v2' });
  });

  it('rejects: the revision is not started later either, until the file names it anew', () => {
    const desk = createDesk();
    desk.reach(5);
    const strategy = { onRevisionChange: 'reject' as const };
    desk.respec({ revision: 'v3', strategy });
    desk.tick();
    expect(desk.log()).toContainEqual(expect.stringMatching(/^RevisionSkipped: v3 is rejected/));
    desk.reach(100);
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.state()).toMatchObject({ phase: 'Succeeded', stable: 'v2' });
    desk.respec({ revision: 'v2', strategy });
    desk.tick();
    desk.respec({ revision: 'v3', strategy });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v3', outcome: null });
  });

  it('changes nothing when the revision is removed from the file', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ revision: null });
    desk.tick();
    expect(desk.state().target).toBe('v2');
    desk.reach(25);
    expect(desk.rollout()).toMatchObject({ revision: 'v2', outcome: null });
  });
});

describe('a removed file', () => {
  it('does nothing while the scans are not sure', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.tick({ file: 'missing' });
    expect(desk.rollout().outcome).toBeNull();
  });

  it('rolls back, is Cancelled and then forgotten', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.tick({ file: 'gone' });
    expect(desk.rollout().outcome).toBe('Cancelled');
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.state().phase).toBe('Terminating');
    expect(desk.types()).toContain('Forgotten');
  });

  it('leaves a line of history when it is there again before the Canary was forgotten', () => {
    const desk = createDesk(quickSpec({ suspend: true }));
    desk.setDocument(aDocument({ canaryVersion: 'v2', canaryWeight: 40, stableVersion: 'v1' }));
    desk.tick({ after: 1_000, lands: false });
    desk.tick({ file: 'gone', after: 1_000, lands: false });
    expect(desk.state().phase).toBe('Terminating');
    const { events } = desk.tick({ after: 1_000 });
    expect(desk.state().phase).not.toBe('Terminating');
    expect(events.map(({ message }) => message)).toContain('shop.yaml is there again');
  });

  it('retains the weight where onDelete says so', () => {
    const desk = createDesk(quickSpec({ strategy: { onDelete: 'retain' } }));
    desk.reach(5);
    const decision = desk.tick({ file: 'gone' });
    expect(decision.forget).toBe(true);
    expect(desk.rollout().outcome).toBe('Cancelled');
    expect(desk.rule().canaryWeight).toBe(5);
  });

  it('lets a rollback under way end with its own outcome', () => {
    for (const onDelete of ['rollback', 'retain'] as const) {
      const desk = createDesk(quickSpec({ strategy: { onDelete } }));
      desk.reach(5);
      desk.command({ verb: 'abort' }, { lands: false });
      desk.tick({ file: 'gone', after: 10_000 });
      expect(desk.rollout().outcome).toBe('Aborted');
      expect(desk.rule().canaryWeight).toBe(0);
    }
  });

  it('takes a person’s word for it: forget ends what the mass deletion guard held back', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.command({ verb: 'forget' }, { file: 'missing' });
    desk.tick({ file: 'missing' });
    expect(desk.types()).toContain('Forgotten');
  });
});

describe('an abort of a rollout that waits at 0 again', () => {
  it('writes 0 unless this run read that nothing else is live: what was read a while ago is no proof', () => {
    const desk = createDesk(quickSpec());
    desk.reach(5);
    desk.edit({ canaryWeight: 0 });
    desk.tick();
    desk.command({ verb: 'resume' }, { lands: false });
    desk.edit({ canaryWeight: 59 });
    const decision = desk.command({ verb: 'abort' }, { route: { kind: 'notRead' } });
    expect(decision.state.ending?.outcome ?? decision.state.rollout?.outcome).toBe('Aborted');
    desk.tick({ after: 5_000 });
    desk.tick({ after: 5_000 });
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.state().phase).toBe('RolledBack');
  });
});

describe('a Canary that was forgotten and comes back', () => {
  it('goes on counting its rollouts, so that no id is given twice', () => {
    const state = initialState(quickSpec(), T0, 'boot', 'shop-7-11111111');
    expect(state.seq.rollout).toBe(7);
    expect(initialState(quickSpec(), T0, 'boot').seq.rollout).toBe(0);
  });
});
