import { describe, expect, it } from 'vitest';
import { createDesk, quickSpec } from './desk.ts';

const slow = {
  strategy: {
    steps: [
      { weight: 5, bakeMs: 300_000, approval: false },
      { weight: 100, bakeMs: 0, approval: false },
    ],
  },
};
const HOUR = 3_600_000;

describe.each([2 * HOUR, -2 * HOUR])('a wall clock that jumps by %i ms', (jump) => {
  it('never shortens or prolongs a bake, never makes two steps, and leaves an event', () => {
    const desk = createDesk(quickSpec(slow));
    desk.reach(5);
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    desk.look('pass', { jump });
    expect(desk.types()).toContain('ClockJump');
    expect(desk.rollout().held).toMatchObject({ weight: 5, bakedMs: 150_000 });
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.rollout().held.weight).toBe(5);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(100);
  });

  it('asks for new evidence: windows must lie after it', () => {
    const desk = createDesk(quickSpec({ settleMs: 30_000 }));
    desk.reach(5);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.tick({ after: 1_000, jump });
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
    expect(desk.rollout().held.clearFrom).toBe(desk.now() + 30_000);
  });

  it('keeps every wait as long as it was', () => {
    const desk = createDesk(quickSpec({ analysis: { noDataGraceMs: 60_000 } }));
    while (desk.rollout().absences === 0) desk.look('empty');
    const wait = (desk.rollout().absentUntil ?? 0) - desk.now();
    desk.tick({ after: 1_000, jump });
    expect((desk.rollout().absentUntil ?? 0) - desk.now()).toBe(wait - 1_000);
    expect(desk.state().nextLookAt - desk.now()).toBeLessThanOrEqual(wait);
  });

  it('does not give up an open raise early, nor keep it for ever', () => {
    const desk = createDesk(quickSpec(), { lands: false });
    desk.tick({ after: 1_000, jump, lands: false });
    expect(desk.state().intent?.direction).toBe('raise');
    desk.tick({ after: 29_000, lands: false });
    expect(desk.state().intent?.direction).not.toBe('raise');
  });

  it('keeps the time before which windows tell of an earlier rollout where it was', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' });
    desk.command({ verb: 'retry' });
    desk.tick();
    const distance = desk.now() - desk.rollout().notBefore;
    desk.tick({ after: 1_000, jump });
    expect(desk.now() - desk.rollout().notBefore).toBe(distance + 1_000);
    expect(desk.now() - (desk.state().zeroed['v2'] ?? 0)).toBe(distance + 1_000);
  });
});

describe('the jump', () => {
  it('is told in whole seconds: what two clocks differ by within a run says nothing to anyone', () => {
    const desk = createDesk(quickSpec(slow));
    desk.reach(5);
    const { events } = desk.tick({ after: 1_000, jump: 2 * HOUR - 3 });
    expect(events.find(({ type }) => type === 'ClockJump')?.message).toBe('the wall clock jumped by 2h');
  });
});

describe('a clock that went back while the daemon was down', () => {
  it('sets a verifiedAt in the future to now; evidence restarts, baked time stays', () => {
    const desk = createDesk(quickSpec(slow));
    desk.reach(5);
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    desk.restart();
    desk.tick({ after: 1_000, jump: -HOUR });
    expect(desk.rollout().held).toMatchObject({ verifiedAt: desk.now(), bakedMs: 120_000 });
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
  });

  it('leaves the start of the new process at its first decision, which is told by the new clock', () => {
    const desk = createDesk(quickSpec(slow));
    desk.reach(5);
    desk.restart();
    desk.tick({ after: 1_000, jump: -HOUR });
    expect(desk.state().bootAt).toBe(desk.now());
  });
});
