import { describe, expect, it } from 'vitest';
import { createDesk, type Desk, quickSpec } from './desk.ts';

const unsavable = 'the disk is full';
const at25 = (): Desk => {
  const desk = createDesk(quickSpec());
  desk.reach(25);
  return desk;
};

describe('while nothing can be saved', () => {
  it('no step is made, the evidence goes on, and the step follows as soon as it can be saved', () => {
    const desk = at25();
    for (let looks = 0; looks < 5; looks += 1) expect(desk.look('pass', { unsavable }).publish).toBe(false);
    expect(desk.state().reason).toBe('nothing rises unsaved: the disk is full');
    expect(desk.rollout()).toMatchObject({ weight: 25, metrics: { 'error-rate': { passes: 5 } } });
    desk.tick();
    expect(desk.rule().canaryWeight).toBe(100);
  });

  it('no first step is made', () => {
    const desk = createDesk(quickSpec(), { unsavable });
    desk.tick({ after: 60_000, unsavable });
    expect(desk.document()).toBeNull();
    expect(desk.state().phase).toBe('Waiting');
    desk.tick();
    expect(desk.rule().canaryWeight).toBe(5);
  });

  it('nothing is marked promoted', () => {
    const desk = at25();
    desk.reach(100);
    for (let looks = 0; looks < 5; looks += 1) expect(desk.look('pass', { unsavable }).publish).toBe(false);
    expect(desk.state().phase).toBe('Progressing');
    desk.tick();
    expect(desk.state().phase).toBe('Succeeded');
  });

  it('a raise that is not seen is given up, its withdrawal is owed, and failures count to the rollback', () => {
    const desk = at25();
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    expect(desk.state().intent?.direction).toBe('raise');
    const cancelled = desk.look('fail', { unsavable });
    expect(cancelled.events.map(({ type }) => type)).toContain('RaiseCancelled');
    expect(cancelled.publish).toBe(false);
    expect(desk.rollout().withdrawDue).toBe(true);
    while (desk.state().phase === 'Progressing') desk.look('fail', { unsavable });
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('a raise that was given up is withdrawn as soon as that can be saved', () => {
    const desk = at25();
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    desk.look('pass', { unsavable });
    expect(desk.tick().state.intent?.purpose).toBe('withdraw');
  });

  it('a resume that would write waits, and is taken later', () => {
    const desk = at25();
    desk.edit({ controller: 'canary-controller/22222222' });
    desk.tick();
    const waiting = desk.command({ id: 900, verb: 'resume' }, { unsavable });
    expect(waiting).toMatchObject({ consumed: [], publish: false });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'ForeignController' }]);
    expect(desk.command({ id: 900, verb: 'resume' }).consumed).toEqual([900]);
    expect(desk.rollout().pauses).toEqual([]);
  });

  it('a resume that a rollback waits for is taken', () => {
    const desk = at25();
    desk.command({ verb: 'abort' }, { lands: false });
    desk.edit({ controller: 'canary-controller/22222222' });
    desk.tick();
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'ForeignController' }]);
    desk.command({ verb: 'resume' }, { unsavable });
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.state().phase).toBe('RolledBack');
  });
});
