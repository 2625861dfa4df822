import { describe, expect, it } from 'vitest';
import { aDocument, createDesk, type Desk, OURS, quickSpec, T0, unreadable } from './desk.ts';

const at25 = (parts = {}): Desk => {
  const desk = createDesk(quickSpec(parts));
  desk.reach(25);
  return desk;
};
const promoted = (): Desk => {
  const desk = at25();
  desk.reach(100);
  for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
  expect(desk.state().phase).toBe('Succeeded');
  return desk;
};
const reasons = (desk: Desk) => desk.rollout().pauses.map(({ reason }) => reason);

describe('another controller', () => {
  const foreign = (desk: Desk) => {
    desk.edit({ controller: 'canary-controller/22222222' });
    desk.tick();
    expect(reasons(desk)).toEqual(['ForeignController']);
  };

  it('is taken over at weight 0 where it had disabled the rule', () => {
    const desk = at25();
    desk.edit({ enabled: false });
    foreign(desk);
    desk.command({ verb: 'resume' });
    expect(desk.rule()).toMatchObject({
      enabled: true,
      canaryWeight: 0,
      managedBy: { controller: OURS.controller },
    });
    expect(desk.rollout().held).toMatchObject({ index: -1, weight: 0 });
  });

  it('stops everything: nothing is written, not even a rollback, until resume takes the document over', () => {
    const desk = at25();
    foreign(desk);
    const text = desk.document();
    for (let looks = 0; looks < 6; looks += 1) desk.look('fail');
    desk.tick({
      signals: [
        {
          id: 'a',
          name: 'A',
          action: 'rollback',
          firing: true,
          startedAt: 0,
          summary: '',
          eventId: 1,
          toldAt: T0,
        },
      ],
    });
    desk.respec({ revision: 'v3' });
    desk.tick();
    expect(desk.document()).toBe(text);
    expect(desk.state().phase).toBe('Paused');
    desk.respec({});
    desk.command({ verb: 'resume' });
    desk.tick({ after: 1_000 });
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.rule()).toMatchObject({
      canaryWeight: 0,
      managedBy: { controller: 'canary-controller/11111111' },
    });
  });

  it.each(['abort', 'retry', 'promote', 'approve'] as const)('refuses %s meanwhile', (verb) => {
    const desk = at25();
    foreign(desk);
    const text = desk.document();
    const decision = desk.command({ verb });
    expect(decision.events.map(({ type }) => type)).toEqual(['CommandRefused']);
    expect(desk.document()).toBe(text);
  });

  it('refuses start with restart and undo meanwhile', () => {
    const running = createDesk(quickSpec({ revision: null }));
    running.command({ verb: 'start', revision: 'v2' });
    running.reach(5);
    foreign(running);
    const decision = running.command({ verb: 'start', revision: 'v3', restart: true });
    expect(decision.events.map(({ type }) => type)).toEqual(['CommandRefused']);
    const done = promoted();
    done.edit({ controller: 'canary-controller/22222222' });
    done.tick();
    done.command({ verb: 'undo', force: true });
    expect(done.rule().canaryWeight).toBe(100);
  });

  it('does not fire a deadline over it', () => {
    const desk = at25({ strategy: { progressDeadlineMs: 60_000 } });
    for (let looks = 0; looks < 3; looks += 1) desk.look(looks === 2 ? 'fail' : 'noData');
    desk.edit({ controller: 'canary-controller/22222222' });
    const decision = desk.tick({ after: 600_000 });
    expect(decision.publish).toBe(false);
    expect(reasons(desk)).toEqual(['ForeignController']);
  });

  it('does not withdraw a cancelled raise over it', () => {
    const desk = createDesk();
    desk.reach(5);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    expect(desk.state().intent?.direction).toBe('raise');
    desk.tick({ after: 30_000, route: unreadable });
    expect(desk.rollout().withdrawDue).toBe(true);
    desk.edit({ controller: 'canary-controller/22222222' });
    const text = desk.document();
    desk.tick({ after: 10_000 });
    expect(desk.document()).toBe(text);
  });

  it('finishes a rollback that was under way after resume, never before', () => {
    const desk = at25();
    desk.command({ verb: 'abort' }, { lands: false });
    desk.edit({ controller: 'canary-controller/22222222' });
    const text = desk.document();
    desk.tick({ after: 10_000 });
    expect(desk.document()).toBe(text);
    expect(desk.rollout().outcome).toBeNull();
    desk.command({ verb: 'resume' });
    expect(desk.rollout().outcome).toBe('Aborted');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('leaves the document to it when the file is removed', () => {
    const desk = at25();
    foreign(desk);
    const text = desk.document();
    const decision = desk.tick({ file: 'gone' });
    expect(decision.forget).toBe(true);
    expect(desk.document()).toBe(text);
    expect(desk.rollout().outcome).toBe('Cancelled');
  });

  it('never takes the step of its own rollout for that of the other pair at a smaller weight', () => {
    const desk = at25();
    desk.reach(100);
    desk.edit({ controller: 'canary-controller/22222222', canaryVersion: 'v4', canaryWeight: 47 });
    desk.tick();
    desk.command({ verb: 'resume' });
    desk.tick({ after: 1_000 });
    expect(desk.rollout()).toMatchObject({ revision: 'v4', stepIndex: 1, held: { index: 1, weight: 47 } });
    desk.command({ verb: 'resume' });
    for (let looks = 0; looks < 5; looks += 1) desk.look('pass');
    const promoted = desk.rule().managedBy?.promoted;
    expect([desk.rule().canaryWeight, promoted]).not.toEqual([47, true]);
  });

  it('takes what it made of the document when it moved on to another pair', () => {
    const desk = at25();
    desk.setDocument(
      aDocument({
        canaryVersion: 'v7',
        canaryWeight: 100,
        stableVersion: 'v1',
        managedBy: { ...OURS, controller: 'canary-controller/22222222', promoted: true },
      }),
    );
    desk.tick();
    desk.respec({ revision: 'v7' });
    desk.tick();
    desk.command({ verb: 'resume' });
    expect(desk.state()).toMatchObject({ stable: 'v7', ending: null, phase: 'Succeeded' });
    expect(desk.rollout().outcome).toBe('Superseded');
  });
});
