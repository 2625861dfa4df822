import { renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runProcess } from '../cli/run.ts';
import { aWorld, ended, liveWeight } from './world.ts';

interface Events {
  readonly items: readonly { readonly id: number; readonly type: string; readonly message: string }[];
}

test('a backup taken in the middle of a rollout is restored', { timeout: 120_000 }, async ({
  onTestFinished,
}) => {
  const world = await aWorld(onTestFinished);
  world.declare('v2');
  const daemon = world.start();
  await daemon.logged({ type: 'WeightVerified' });
  const copy = join(world.dir, 'copy.db');
  const made = await runProcess(['backup', copy, '--db', world.db, '-o', 'json']);
  expect([made.code, made.talk]).toEqual([0, '']);
  const { lastEvent, canaries } = JSON.parse(made.out) as { lastEvent: number; canaries: number };
  expect(canaries).toBe(1);
  await daemon.logged(ended('Promoted'));
  const before = ((await daemon.get('/api/v1/events?limit=500&after=0')) as Events).items;
  daemon.kill('SIGKILL');
  await daemon.ended;

  for (const suffix of ['', '-wal', '-shm', '.journal']) rmSync(world.db + suffix, { force: true });
  renameSync(copy, world.db);
  const restored = world.start();
  await restored.url();
  const after = ((await restored.get('/api/v1/events?limit=500&after=0')) as Events).items;
  expect(after.filter(({ id }) => id <= lastEvent)).toEqual(before.filter(({ id }) => id <= lastEvent));
  // What happened since the copy is a change by someone to it: traffic returns to the step it knows, and goes on.
  await restored.logged({ type: 'DriftCorrected' });
  await restored.logged(ended('Promoted'));
  expect(liveWeight(world)).toBe(100);
});
