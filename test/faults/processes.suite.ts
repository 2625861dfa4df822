/** Faults of the process that leads: killed in the middle of a rollback, stopped, and replaced while it was. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEATH_VARIABLE, type Death, DYING } from '../crash/boundary.ts';
import { readBack, until } from '../system/world.ts';
import { startClocked } from './clocked.ts';
import { measured } from './shared.ts';
import { count, expectPromoted, expectRolledBack, say } from './told.ts';
import { aPlace, atFirstStep, type Place, STAYING } from './world.ts';

describe.concurrent('the leader is killed', () => {
  test('while its rollback does not get through: the standby goes on with it, and decides nothing anew', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const leader = await atFirstStep(place, STAYING);
    const standby = place.start();
    await standby.url();
    await place.nacos.faults.refuse();
    place.setErrors({ v2: 0.5 });
    await leader.logged({ type: 'RollbackStuck' });
    leader.kill('SIGKILL');
    // What ailed the new version is over; the decision stands all the same.
    place.setErrors({});
    await standby.logged({ msg: 'leadership changed', leads: true, epoch: 2 });
    expect(place.stored).toEqual([50]);
    await place.nacos.faults.accept();
    const events = await expectRolledBack(standby, place);
    expect(count(events, 'RollbackStuck')).toBe(1);
  });
});

describe.concurrent('the leader is stopped and wakes up again', () => {
  test('later than 10 s, still with the lock: nobody took its place, and no step is made too many', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2');
    const { daemon: leader, move } = startClocked(place);
    await leader.logged(readBack(50));
    leader.kill('SIGSTOP');
    const standby = place.start();
    await standby.url();
    expect(await standby.get('/readyz')).toEqual({ status: 'ready', leader: false });
    expect(await say(standby, 'pause')).toMatchObject({
      status: 503,
      body: { code: 'STANDBY', hint: 'ask the leader: /leaderz answers 200 on it alone' },
    });
    const moved = move({ wallMs: 11_000, monotonicMs: 11_000 });
    leader.kill('SIGCONT');
    await moved;
    const events = await expectPromoted(leader, place);
    expect(count(events, 'LeaderChanged')).toBe(1);
    expect(standby.lines.some(({ msg }) => msg === 'leadership changed')).toBe(false);
  });

  test('in the middle of a raise, after another took its place: the raise cannot land, and it writes nothing more', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2');
    const leader = startStopping(place, { purpose: 'step', to: 100, boundary: 'before the publish' });
    await leader.logged({ msg: DYING });
    const standby = place.start();
    await standby.url();
    // Somebody takes it for dead.
    rmSync(`${place.db}.lock`);
    await standby.logged({ msg: 'leadership changed', leads: true, epoch: 2 });
    place.setErrors({ v2: 0.5 });
    await expectRolledBack(standby, place);
    const written = writes(place);
    leader.kill('SIGCONT');
    const lost = await leader.logged({ msg: 'leadership changed', leads: false });
    expect(lost['reason']).toBe('the lock file was removed or replaced');
    await until(() => writes(place) > written);
    const events = await expectRolledBack(standby, place);
    expect(count(events, 'LeaderChanged')).toBe(2);
    expect(writes(place), 'the one that was on its way, and none after it').toBe(written + 1);
    expect(await say(leader, 'pause')).toMatchObject({ status: 503, body: { code: 'STANDBY' } });
  });
});

/** A daemon that stops itself at a boundary, as a machine that falls asleep does. */
function startStopping(place: Place, death: Omit<Death, 'signal'>) {
  return place.start([], {
    NODE_OPTIONS: `--import=${join(import.meta.dirname, '../crash/die.ts')}`,
    [DEATH_VARIABLE]: JSON.stringify({ ...death, signal: 'SIGSTOP' }),
  });
}

/** Writes that reached the server, whatever became of them. */
function writes({ nacos }: Place): number {
  return nacos.requests.filter(({ method, path }) => method === 'POST' && path.includes('/cs/config')).length;
}
