import { describe, expect, it } from 'vitest';
import { firstSight, type Looking, look, readRoute, withDeadline } from '../../src/controller/observe.ts';
import type { Measurement, MeasureRequest, Reading, RouteReading } from '../../src/core/observation.ts';
import { initialRollout, initialState } from '../../src/core/state.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { createTraffic, quickSpec } from './rig.ts';

const ABSENT: RouteReading = { kind: 'absent', at: 0, authoritative: true };
const NEVER = new Promise<never>(() => {});

function looking(over: Partial<Looking>): Looking {
  return {
    isLook: true,
    measurements: Promise.resolve<readonly Measurement[]>([]),
    route: Promise.resolve(ABSENT),
    beta: Promise.resolve(null),
    ...over,
  };
}

describe('the first sight', () => {
  it('has the live rule when it came with the measurements', async () => {
    const sight = await firstSight(createVirtualClock(), looking({}), 100);
    expect(sight.route).toBe(ABSENT);
  });

  it('gives a slow rule a little more time than the measurements, then goes without it', async () => {
    const clock = createVirtualClock();
    const sight = firstSight(clock, looking({ route: NEVER }), 100);
    await clock.armed(100);
    clock.advance(100);
    expect(await sight).toEqual({ measurements: [], route: null, beta: null });
  });

  it('takes a rule that comes within that time, and leaves no timer behind', async () => {
    const clock = createVirtualClock();
    const route = Promise.withResolvers<RouteReading>();
    const sight = firstSight(clock, looking({ route: route.promise }), 100);
    await clock.armed(100);
    route.resolve(ABSENT);
    expect((await sight).route).toBe(ABSENT);
    expect(clock.nextIn()).toBeNull();
  });

  it('waits for the rule where nothing was measured: there is nothing to decide without it', async () => {
    const clock = createVirtualClock();
    const route = Promise.withResolvers<RouteReading>();
    const sight = firstSight(clock, looking({ isLook: false, route: route.promise }), 100);
    clock.advance(4_000);
    route.resolve(ABSENT);
    expect((await sight).route).toBe(ABSENT);
  });
});

describe('a deadline', () => {
  it('of a look is kept by the port, which can say what was late', async () => {
    const clock = createVirtualClock();
    const { canary, ...spec } = quickSpec('shop', { strategy: { ready: { query: 'up', min: 1 } } });
    const state = initialState({ ...spec, canary }, clock.now(), 'boot');
    const start = { id: 'shop-1', revision: 'v2', stable: 'v1', by: 'git', now: 0, notBefore: 0 };
    state.rollout = initialRollout(canary, start);
    const late: Reading = { kind: 'error', structural: false, code: 'PROM_TIMEOUT', detail: 'too slow' };
    const measure = ({ id, intervalMs }: MeasureRequest, signal: AbortSignal) =>
      new Promise<Measurement>((resolve) => {
        const end = (reading: Reading) => resolve({ id, at: 0, reading, query: 'up', skewMs: null });
        clock.after(intervalMs, () => end(late));
        signal.addEventListener('abort', () => end({ ...late, detail: 'given up' }));
      });
    const deps = { clock, router: createTraffic(clock), measure };
    const { measurements } = look(deps, { ...spec, canary }, state, [], new AbortController().signal);
    clock.advance(60_000);
    expect((await measurements).map(({ reading }) => reading)).toEqual([late]);
  });

  it('ends a read that hangs after five seconds, as a reading', async () => {
    const clock = createVirtualClock();
    const router = createTraffic(clock);
    router.hanging.add('shop');
    const state = initialState(quickSpec(), clock.now(), 'boot');
    const deps = { clock, router, measure: () => NEVER };
    const reading = readRoute(deps, state, new AbortController().signal);
    await clock.armed(5_000);
    clock.advance(5_000);
    expect(await reading).toMatchObject({ kind: 'unreadable' });
  });

  it('ends with the run that it belongs to, and tells the work why', async () => {
    const clock = createVirtualClock();
    const run = new AbortController();
    const reasons: unknown[] = [];
    const wait = (until: AbortSignal) =>
      new Promise<void>((resolve) => {
        until.addEventListener('abort', () => {
          reasons.push(until.reason);
          resolve();
        });
      });
    const first = withDeadline(clock, 1_000, run.signal, wait);
    clock.advance(1_000);
    await first;
    const second = withDeadline(clock, 1_000, run.signal, wait);
    run.abort('shutdown');
    await second;
    expect(reasons).toEqual([new Error('no answer within 1000 ms'), 'shutdown']);
    expect(clock.nextIn()).toBeNull();
  });

  it('is over at once for work that begins after the end', async () => {
    const clock = createVirtualClock();
    await withDeadline(clock, 1_000, AbortSignal.abort(), async (until) => {
      expect(until.aborted).toBe(true);
    });
    expect(clock.nextIn()).toBeNull();
  });
});
