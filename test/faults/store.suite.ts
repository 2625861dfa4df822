/** Faults of the database: locked by a second process, damaged, full. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Daemon, readBack, until } from '../system/world.ts';
import { holdLock } from './holder.ts';
import { measured } from './shared.ts';
import { FULL, ROOM } from './signs.ts';
import {
  count,
  eventsOf,
  expectNothingLost,
  expectPromoted,
  expectRolledBack,
  metricOf,
  moreLooks,
  say,
  shows,
  stepsReached,
} from './told.ts';
import { aPlace, atFirstStep, type Parts, type Place, padded, STAYING } from './world.ts';

/** What `get` says of the store. */
async function storeTrouble(daemon: Daemon, code: string): Promise<string> {
  const isIt = (diagnostic: { code: string }) => diagnostic.code === code;
  const { diagnostics } = await shows(daemon, (canary) => canary.diagnostics.some(isIt));
  return diagnostics.find(isIt)?.detail ?? '';
}

const SAVE_ERRORS = 'canary_controller_reconcile_errors_total{stage="save"}';

describe.concurrent('the database is locked by another process', () => {
  test('nothing rises and no command is taken; it goes on when the lock is free', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    const lock = await holdLock(onTestFinished, place.db);
    const { detail } = await daemon.logged({
      level: 'warn',
      msg: 'a decision could not be saved and was not taken',
      code: 'STORE_LOCKED',
    });
    expect(detail).toMatch(/canary\.db: another program holds the database; it is tried again \(SQLITE_BUSY/);
    expect(Number(await metricOf(daemon, SAVE_ERRORS))).toBeGreaterThan(0);
    expect(await storeTrouble(daemon, 'STORE_LOCKED')).toMatch(
      /^nothing rises until its decisions can be saved: /,
    );
    await shows(daemon, ({ reason }) => reason.startsWith('nothing rises unsaved: '));
    const refused = await say(daemon, 'pause');
    expect(refused).toMatchObject({
      status: 503,
      body: { code: 'STORE_FAILED', hint: 'nothing was changed; try again' },
    });
    expect(place.stored).toEqual([50]);
    await lock.release();
    const events = await expectPromoted(daemon, place);
    expect(count(events, 'CommandReceived')).toBe(0);
    await shows(daemon, ({ diagnostics }) => !diagnostics.some(({ code }) => code === 'STORE_LOCKED'));
  });

  test('a rollback is made all the same, kept in the journal, and written down when the lock is free', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, STAYING);
    const lock = await holdLock(onTestFinished, place.db);
    place.setErrors({ v2: 0.5 });
    const kept = { level: 'error', msg: 'a lowering is carried out unsaved', code: 'STORE_LOCKED' };
    expect(await daemon.logged(kept)).toMatchObject({ where: 'kept in the journal' });
    await until(() => place.stored.includes(0));
    await shows(daemon, ({ phase }) => phase === 'RolledBack');
    expect(count(await eventsOf(daemon), 'RollbackStarted'), 'not in the database yet').toBe(0);
    await lock.release();
    await until(async () => count(await eventsOf(daemon), 'RolloutEnded') > 0);
    await expectRolledBack(daemon, place);
  });
});

describe.concurrent('the daemon is killed and the database is locked when it starts again', () => {
  test('it leads, carries the rollback out that was on its way, and writes it down when the lock is free', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const killed = await atFirstStep(place, STAYING);
    await place.nacos.faults.refuse();
    place.setErrors({ v2: 0.5 });
    await killed.logged({ type: 'RollbackStuck' });
    killed.kill('SIGKILL');
    await killed.ended;
    const lock = await holdLock(onTestFinished, place.db);
    // What ailed the new version is over; the decision stands all the same.
    place.setErrors({});
    await place.nacos.faults.accept();
    const daemon = place.start();
    await daemon.logged({ msg: 'leadership changed', leads: true, epoch: 1 });
    await until(() => place.stored.includes(0));
    await shows(daemon, ({ phase }) => phase === 'RolledBack');
    expect(count(await eventsOf(daemon), 'RolloutEnded'), 'not in the database yet').toBe(0);
    await lock.release();
    await daemon.logged({ msg: 'leadership changed', leads: true, epoch: 2 });
    await until(async () => count(await eventsOf(daemon), 'RolloutEnded') > 0);
    await expectRolledBack(daemon, place);
  });
});

describe.concurrent('the database is damaged at the start', () => {
  test('in the middle of a rollout: it is moved aside, the weight stays, and a person says how to go on', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const first = await atFirstStep(place);
    first.kill('SIGTERM');
    await first.ended;
    writeFileSync(place.db, 'no database any more'.repeat(1_000));
    const second = place.start();
    const { notice } = await second.logged({ level: 'error', msg: 'the database needed care' });
    expect(notice).toMatch(
      /was damaged .* and is now .*; a new database was begun: history is lost, what is/,
    );
    const aside = readdirSync(place.dir).filter((name) => name.startsWith(`${basename(place.db)}.corrupt-`));
    expect(aside.length).toBeGreaterThan(0);
    const paused = await shows(second, ({ phase }) => phase === 'Paused');
    expect(paused).toMatchObject({ stableRevision: 'v1', weight: { desired: 50, observed: 50 } });
    expect(paused.pauses).toMatchObject([{ reason: 'StateRebuilt' }]);
    expect(paused.reason).toMatch(/resume .*abort/);
    await moreLooks(place, 4);
    expect(place.stored).toEqual([50]);
    expect(await say(second, 'resume')).toMatchObject({ status: 202 });
    await second.logged({ type: 'RolloutEnded', facts: { outcome: 'Promoted' } });
    const events = await eventsOf(second);
    expectNothingLost(events);
    expect(stepsReached(events).at(-1)).toBe(100);
    expect(place.stored).toEqual(place.stored.toSorted((a, b) => a - b));
  });
});

const HOOK = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'full.ts')}` };

/** What is kept of a decision about this metric needs pages of its own. */
function bulky(place: Place): Parts {
  return { query: padded(`shop_errors{place="${place.name}",version="{{version}}"}`, 9_000) };
}

/** A daemon at its first step whose disk is full. */
async function onFullDisk(place: Place, parts: Parts = {}): Promise<Daemon> {
  place.declare('v2', { ...bulky(place), ...parts });
  const daemon = place.start([], HOOK);
  await daemon.logged(readBack(50));
  daemon.kill('SIGUSR2');
  await daemon.logged({ msg: FULL });
  return daemon;
}

describe.concurrent('the disk is full', () => {
  test('nothing rises; it goes on when there is room', async ({ onTestFinished }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await onFullDisk(place);
    const { detail } = await daemon.logged({
      level: 'warn',
      msg: 'a decision could not be saved and was not taken',
      code: 'STORE_FULL',
    });
    expect(detail).toMatch(/canary\.db: the disk is full or fails; free some space \(SQLITE_FULL/);
    expect(Number(await metricOf(daemon, SAVE_ERRORS))).toBeGreaterThan(0);
    expect(await storeTrouble(daemon, 'STORE_FULL')).toContain('free some space');
    expect(place.stored).toEqual([50]);
    daemon.kill('SIGUSR2');
    await daemon.logged({ msg: ROOM });
    await expectPromoted(daemon, place);
  });

  test('a rollback is made all the same and kept in the journal; killed, the next daemon writes it down', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const first = await onFullDisk(place, STAYING);
    place.setErrors({ v2: 0.5 });
    const kept = { level: 'error', msg: 'a lowering is carried out unsaved', code: 'STORE_FULL' };
    expect(await first.logged(kept)).toMatchObject({ where: 'kept in the journal' });
    await until(() => place.stored.includes(0));
    first.kill('SIGKILL');
    await first.ended;
    // What ailed the new version is over; the decision stands all the same.
    place.setErrors({});
    const second = place.start();
    await expectRolledBack(second, place);
  });

  test('and there is no journal: a rollback is made all the same and kept in memory until there is room', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    mkdirSync(`${place.db}.journal`);
    const daemon = await onFullDisk(place, STAYING);
    const { problem } = await daemon.logged({ level: 'warn', msg: 'no emergency journal' });
    expect(problem).toMatch(/canary\.db\.journal cannot be allocated/);
    place.setErrors({ v2: 0.5 });
    const kept = { level: 'error', msg: 'a lowering is carried out unsaved', code: 'STORE_FULL' };
    expect(await daemon.logged(kept)).toMatchObject({ where: 'kept in memory only' });
    await until(() => place.stored.includes(0));
    daemon.kill('SIGUSR2');
    await daemon.logged({ msg: ROOM });
    await expectRolledBack(daemon, place);
  });
});
