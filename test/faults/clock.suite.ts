/** Faults of the wall clock: set forward, set back, and off from the clock of Prometheus. */
import { describe, expect, test } from 'vitest';
import { readBack } from '../system/world.ts';
import { startClocked } from './clocked.ts';
import { measured } from './shared.ts';
import { count, type Event, expectPromoted, moreLooks, shows } from './told.ts';
import { aPlace, type Parts } from './world.ts';

const HOUR = 3_600_000;
/** Long enough to be jumped into. */
const BAKING: Parts = {
  strategy: {
    steps: [
      { setWeight: 50, bake: '6s' },
      { setWeight: 100, bake: '1s' },
    ],
  },
};

/** What each step that was left says of its bake, in seconds. */
function bakes(events: readonly Event[]): number[] {
  return events
    .filter(({ type }) => type === 'StepLeft')
    .map(({ message }) => Number(/is good after (\d+)s:/.exec(message)?.[1]));
}

describe.concurrent('the clock is set', () => {
  for (const [direction, jumpMs, said] of [
    ['forward', HOUR, 'the wall clock jumped by 1h'],
    ['back', -HOUR, 'the wall clock jumped by -1h'],
  ] as const) {
    test(`${direction} by an hour in the middle of a bake: it is told, the bake is not shortened and nothing waits an hour`, async ({
      onTestFinished,
    }) => {
      const place = await aPlace(onTestFinished, measured);
      place.declare('v2', BAKING);
      const { daemon, move } = startClocked(place);
      await daemon.logged(readBack(50));
      await moreLooks(place, 1);
      await move({ wallMs: jumpMs });
      const { message } = await daemon.logged({ type: 'ClockJump' });
      expect(String(message).startsWith(said)).toBe(true);
      const events = await expectPromoted(daemon, place);
      expect(count(events, 'ClockJump')).toBe(1);
      const [first, second] = bakes(events);
      expect(first).toBeGreaterThanOrEqual(6);
      expect(first).toBeLessThan(HOUR / 1_000);
      expect(second).toBeLessThan(HOUR / 1_000);
      const jumps = events.filter((event, index) => {
        const before = events[index - 1];
        return before !== undefined && Math.abs(Date.parse(event.at) - Date.parse(before.at)) > HOUR / 2;
      });
      expect(jumps.map(({ type }) => type)[0], 'the first event by the new clock').toBe('ClockJump');
    });
  }

  test('back while the daemon is down: it is told at the start, and nothing waits for the old time', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2', BAKING);
    const { daemon: first } = startClocked(place, HOUR);
    await first.logged(readBack(50));
    await moreLooks(place, 1);
    first.kill('SIGKILL');
    await first.ended;
    const { daemon: second } = startClocked(place, 0);
    await second.logged({ type: 'ClockJump' });
    const events = await expectPromoted(second, place);
    expect(count(events, 'ClockJump')).toBe(1);
  });
});

describe.concurrent('the clock differs from that of Prometheus', () => {
  test('no look is evidence until both agree again, and it says so', async ({ onTestFinished }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2');
    const { daemon, moveAlone } = startClocked(place);
    await daemon.logged(readBack(50));
    await moveAlone({ wallMs: 20_000 });
    const isTold = ({ code }: { code: string }) => code === 'CLOCK_SKEW';
    const skewed = await shows(daemon, ({ diagnostics }) => diagnostics.some(isTold));
    expect(skewed.diagnostics.find(isTold)?.detail).toMatch(
      /^Prometheus' clock differs from ours by -(19|20|21)s: no look is evidence until both agree within 5s/,
    );
    await moreLooks(place, 4);
    const blind = await shows(daemon, ({ metrics }) => metrics[0]?.verdict === 'pass');
    expect(blind.metrics[0]).toMatchObject({ passes: 0 });
    expect(place.stored).toEqual([50]);
    await moveAlone({});
    const events = await expectPromoted(daemon, place);
    expect(count(events, 'RollbackStarted')).toBe(0);
    const healed = await shows(daemon, ({ diagnostics }) => !diagnostics.some(isTold));
    expect(healed.phase).toBe('Succeeded');
  });
});
