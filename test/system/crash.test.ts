import { afterAll, describe, expect, test } from 'vitest';
import { startMeasured } from '../faults/measured.ts';
import {
  aWorld,
  type Daemon,
  ended,
  history,
  type Line,
  liveWeight,
  readBack,
  until,
  type World,
  weightIn,
} from './world.ts';

const measured = await startMeasured();
afterAll(() => measured.stop());

interface Crash {
  readonly moment: string;
  /** Resolves at the moment to be killed in. */
  readonly at: (daemon: Daemon, world: World) => Promise<unknown>;
}

const decided = (part: Line) => (daemon: Daemon) => daemon.logged({ msg: 'decision', ...part });

/** Resolves when the server has been asked to write, which it delays beyond the life of the daemon. */
function beforeWrite(after: Line) {
  return async (daemon: Daemon, world: World) => {
    await daemon.logged({ msg: 'decision', ...after });
    const fault = world.nacos.faults.inject({ fault: 'drop', on: 'write', when: 'before' });
    await until(() => fault.hits() > 0);
  };
}

/** Resolves when the server has stored `weight`, before the daemon can know. */
function onStored(weight: number) {
  return (_daemon: Daemon, { nacos }: World) =>
    new Promise<void>((resolve) => {
      nacos.onPublish(({ content }) => {
        if (weightIn(content) === weight) resolve();
      });
    });
}

const MOMENTS: readonly Crash[] = [
  { moment: 'before its first decision', at: (daemon) => daemon.logged({ msg: 'leadership changed' }) },
  { moment: 'when the rollout begins', at: decided({ type: 'RolloutStarted' }) },
  { moment: 'when a raise is saved', at: decided({ type: 'StepStarted', facts: { to: 50 } }) },
  {
    moment: 'when a raise is refused by a broken line',
    at: beforeWrite(readBack(10)),
  },
  { moment: 'when a raise is stored', at: onStored(50) },
  { moment: 'when a raise is read back', at: decided(readBack(50)) },
  { moment: 'when the last raise is stored', at: onStored(100) },
  { moment: 'when it has promoted', at: decided({ type: 'RolloutEnded' }) },
];

/** Verified weights without repetition of the same one (the mark of the promotion is written at 100 too). */
function weightsIn(events: readonly string[]): string[] {
  const verified = events.filter((event) => event.startsWith('WeightVerified'));
  return verified.filter((event, index) => event !== verified[index - 1]);
}

describe.concurrent('killed', () => {
  test.for(MOMENTS)(
    '$moment, it goes on where it was: never backwards, no step twice or left out',
    { timeout: 120_000 },
    async ({ at }, { onTestFinished }) => {
      const world = await aWorld(onTestFinished, { measured });
      world.declare('v2');
      const first = world.start();
      await at(first, world);
      first.kill('SIGKILL');
      expect(await first.ended).toBe('SIGKILL');
      world.nacos.faults.clear();

      const second = world.start();
      await second.url();
      await until(() => liveWeight(world) === 100);
      const isOver = first.lines.some(({ type }) => type === 'RolloutEnded');
      if (!isOver) await second.logged(ended('Promoted'));
      const events = await history(second);
      expect(weightsIn(events)).toEqual(['WeightVerified 10', 'WeightVerified 50', 'WeightVerified 100']);
      expect(events.filter((event) => event === 'RolloutStarted')).toHaveLength(1);
      expect(events.filter((event) => event === 'RolloutEnded')).toHaveLength(1);
      expect(world.stored).toEqual([...world.stored].sort((a, b) => a - b));
    },
  );

  test.for([
    { moment: 'when a rollback is saved', at: decided({ type: 'RollbackStarted' }) },
    {
      moment: 'when the write of 0 does not get through',
      at: async (_daemon: Daemon, { nacos }: World) => {
        const fault = nacos.faults.inject({ fault: 'drop', on: 'write', when: 'before' });
        await until(() => fault.hits() > 0);
      },
    },
    { moment: 'when 0 is stored', at: onStored(0) },
  ])('$moment, no rollback is lost', { timeout: 120_000 }, async ({ at }, { onTestFinished }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const first = world.start();
    await first.logged(readBack(50));
    const moment = at(first, world);
    world.setErrors(0.5);
    await moment;
    first.kill('SIGKILL');
    await first.ended;
    world.nacos.faults.clear();
    // What ails the new version is over; the decision stands all the same.
    world.setErrors(0);

    const second = world.start();
    await second.logged(ended('RolledBack'));
    expect(liveWeight(world)).toBe(0);
    const events = await history(second);
    expect(events.filter((event) => event === 'RollbackStarted')).toHaveLength(1);
    expect(world.stored.slice(world.stored.indexOf(0)).every((weight) => weight === 0)).toBe(true);
  });
});
