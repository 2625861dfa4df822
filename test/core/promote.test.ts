import { describe, expect, it } from 'vitest';
import { answer, deskWith, twoSteps } from './asking.ts';
import { quickMetric } from './desk.ts';

describe('promote', () => {
  it('leaves the step without the rest of its bake and without missing passes; that is recorded', () => {
    const { desk } = deskWith();
    desk.look('pass');
    desk.command({ verb: 'promote', actor: 'ben', reason: 'hotfix' });
    expect(desk.rollout()).toMatchObject({
      held: { weight: 25 },
      analysed: false,
      exemptions: [{ kind: 'promote', actor: 'ben', reason: 'hotfix', stepIndex: 0 }],
    });
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('counts as the approval of that step', () => {
    const { desk } = deskWith({ strategy: { steps: twoSteps(true) } });
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'Approval' }]);
    desk.command({ verb: 'promote' });
    expect(desk.rollout()).toMatchObject({ held: { weight: 100 }, analysed: true, exemptions: [] });
  });

  it('--full asks for a look at each weight, also where nothing settles: the one before says nothing', () => {
    const { desk } = deskWith({ settleMs: 0 });
    desk.look('pass');
    desk.command({ verb: 'promote', full: true });
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 }, outcome: null });
    desk.look('fail');
    expect(desk.rollout()).toMatchObject({ held: { weight: 25 }, outcome: null });
  });

  it('--full goes on for each later step, one at a time, each verified and settled', () => {
    const { desk } = deskWith({ settleMs: 60_000 });
    desk.look('pass');
    desk.command({ verb: 'promote', full: true });
    expect(desk.rollout().held.weight).toBe(5);
    const weights: number[] = [];
    for (let runs = 0; runs < 12 && desk.rollout().outcome === null; runs += 1) {
      desk.look('pass');
      weights.push(desk.rule().canaryWeight);
    }
    expect(weights).toEqual([25, 25, 100, 100, 100]);
    expect(desk.rollout()).toMatchObject({ outcome: 'Promoted', analysed: false });
    expect(desk.rollout().exemptions.map(({ stepIndex }) => stepIndex)).toEqual([0, 1, 2]);
  });

  it('never goes over a fail: refused when asked, and held back when the fail comes later', () => {
    const { desk, spec } = deskWith({ settleMs: 60_000 });
    desk.look('pass');
    desk.command({ verb: 'promote', force: true });
    desk.look('fail');
    desk.look('fail');
    expect(desk.rollout().held.weight).toBe(5);
    expect(answer(desk, spec, 'promote', { force: true })).toBe('NOT_APPLICABLE');
    desk.look('noData');
    expect(desk.rollout().held.weight).toBe(5);
    expect(answer(desk, spec, 'promote', { force: true })).toBe('NOT_APPLICABLE');
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it.each(['noData', 'error'] as const)('needs --force from %s', (look) => {
    const { desk, spec } = deskWith();
    desk.look(look);
    expect(answer(desk, spec, 'promote')).toBe('NOT_APPLICABLE');
    expect(answer(desk, spec, 'promote', { force: true })).toBe('taken');
    desk.command({ verb: 'promote', force: true });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('waits for the first look of a metric that was never measured', () => {
    const { desk } = deskWith({ analysis: { metrics: [quickMetric(), quickMetric({ name: 'second' })] } });
    desk.command({ verb: 'promote' });
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().reason).toMatch(/error-rate has no data \(not measured yet\)/);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('is refused while something pauses the rollout: it would be spent on whatever weight is held afterwards', () => {
    const { desk, spec } = deskWith();
    desk.look('pass');
    desk.command({ verb: 'pause' });
    expect(answer(desk, spec, 'promote', { force: true })).toBe('NOT_APPLICABLE');
    desk.command({ verb: 'promote' });
    desk.command({ verb: 'resume' });
    expect(desk.rollout()).toMatchObject({ held: { weight: 5 }, promote: null });
  });

  it('is of no use before the first step', () => {
    const { desk, spec } = deskWith({ suspend: true });
    expect(answer(desk, spec, 'promote')).toBe('NOT_APPLICABLE');
  });
});

describe('approve', () => {
  it('is not waited for any longer once another weight is held', () => {
    const { desk } = deskWith({ strategy: { steps: twoSteps(true) } });
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'Approval' }]);
    desk.edit({ canaryWeight: 3 });
    desk.tick();
    desk.command({ verb: 'resume' });
    expect(desk.rollout()).toMatchObject({ pauses: [], held: { weight: 3 } });
  });

  it('may be given while baking and lets the step go once it is good', () => {
    const { desk, spec } = deskWith({ strategy: { steps: twoSteps(true) } });
    desk.command({ verb: 'approve' });
    expect(answer(desk, spec, 'approve')).toBe('NOT_APPLICABLE');
    expect(desk.rollout().held.weight).toBe(5);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.rollout()).toMatchObject({ held: { weight: 100 }, analysed: true });
  });

  it('is refused where no approval is asked', () => {
    const { desk, spec } = deskWith();
    expect(answer(desk, spec, 'approve')).toBe('NOT_APPLICABLE');
  });

  it('ends the wait also while looks are bad; the step leaves once they are good again', () => {
    const { desk } = deskWith({ strategy: { steps: twoSteps(true) } });
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.look('noData');
    desk.command({ verb: 'approve' });
    expect(desk.rollout()).toMatchObject({ held: { weight: 5 }, pauses: [] });
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.rollout().held.weight).toBe(100);
  });
});
