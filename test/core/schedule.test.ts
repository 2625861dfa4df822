import { describe, expect, it } from 'vitest';
import { isLookDue, nextCheckAt, nextLookAt } from '../../src/core/schedule.ts';
import { initialState } from '../../src/core/state.ts';
import { createDesk, quickSpec, T0 } from './desk.ts';

const spec = quickSpec();
const idle = (name: string) => ({
  ...initialState(spec, T0, 'boot'),
  name,
  phase: 'Stable' as const,
  stable: 'v1',
});

describe('the next check', () => {
  it('of an idle Canary comes once a minute, at the same second of each', () => {
    const first = nextCheckAt(spec.canary, idle('shop'), T0);
    expect(first).toBeGreaterThan(T0);
    expect(first).toBeLessThanOrEqual(T0 + 60_000);
    expect(nextCheckAt(spec.canary, idle('shop'), first)).toBe(first + 60_000);
    expect(nextCheckAt(spec.canary, idle('shop'), first + 1)).toBe(first + 60_000);
  });

  it.each([
    ['svc-', 5],
    ['payment-service-', 1],
    ['a', 3],
  ])('spreads names that differ in a number only (%s) evenly over the minute', (prefix, digits) => {
    const seconds = new Array<number>(60).fill(0);
    for (let index = 0; index < 6_000; index += 1) {
      const at = nextCheckAt(spec.canary, idle(`${prefix}${String(index).padStart(digits, '0')}`), T0);
      const second = Math.floor(((at - T0) % 60_000) / 1_000);
      seconds[second] = (seconds[second] ?? 0) + 1;
    }
    expect(Math.min(...seconds)).toBeGreaterThan(50);
    expect(Math.max(...seconds)).toBeLessThan(160);
  });

  it('comes within seconds while the live rule is not known yet, or a write is open', () => {
    expect(nextCheckAt(spec.canary, initialState(spec, T0, 'boot'), T0)).toBe(T0 + 5_000);
    const desk = createDesk(spec, { lands: false });
    expect(nextCheckAt(spec.canary, desk.state(), desk.now())).toBe(desk.now() + 1_000);
  });

  it('is the next look, or the end of the bake if that is sooner', () => {
    const desk = createDesk(spec);
    desk.reach(5);
    const decision = desk.look('pass');
    expect(decision.nextCheckAt).toBe(desk.now() + 30_000);
    const late = desk.tick({ after: 10_000 });
    expect(late.nextCheckAt).toBe(desk.now() + 20_000);
    const steps = [{ weight: 5, bakeMs: 7_000, approval: false }];
    const short = quickSpec({ strategy: { steps } });
    const state = { ...createDesk(short).state(), nextLookAt: T0 + 30_000 };
    expect(nextCheckAt(short.canary, state, T0)).toBe(T0 + 7_000);
  });

  it('does not drift: after a late or an early look comes the time that would have come anyway', () => {
    const desk = createDesk(spec);
    desk.reach(5);
    desk.look('pass');
    const due = desk.state().nextLookAt;
    desk.tick({ after: due - desk.now() + 4_000, looks: 'pass' });
    expect(desk.state().nextLookAt).toBe(due + 30_000);
    desk.tick({ after: due + 27_000 - desk.now(), looks: 'pass' });
    expect(desk.state().nextLookAt).toBe(due + 60_000);
  });

  it('leaves at least half an interval between two looks, and at most one and a half', () => {
    for (let lateMs = 0; lateMs < 120_000; lateMs += 700) {
      const waitMs = nextLookAt(spec.canary, T0 + lateMs) - (T0 + lateMs);
      expect(waitMs).toBeGreaterThan(15_000);
      expect(waitMs).toBeLessThanOrEqual(45_000);
    }
  });

  it('spreads the looks of Canaries that began together over the interval', () => {
    const tenths = new Array<number>(10).fill(0);
    for (let index = 0; index < 1_000; index += 1) {
      const at = nextLookAt({ ...spec.canary, name: `svc-${index}` }, T0);
      const tenth = Math.floor(((at - T0) % 30_000) / 3_000);
      tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    }
    expect(Math.min(...tenths)).toBeGreaterThan(60);
    expect(Math.max(...tenths)).toBeLessThan(150);
  });

  it('allows a look a tenth of an interval before its time, not sooner', () => {
    const state = { ...idle('shop'), nextLookAt: T0 + 30_000 };
    expect(isLookDue(spec.canary, state, T0 + 26_999)).toBe(false);
    expect(isLookDue(spec.canary, state, T0 + 27_000)).toBe(true);
  });
});
