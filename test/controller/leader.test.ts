import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLeader, type Leader, type LeaderChange } from '../../src/controller/leader.ts';
import { type Clock, systemClock } from '../../src/lib/clock.ts';
import { lockFileOf } from '../../src/store/file-lock.ts';
import { type Store, StoreError, type StoreErrorCode } from '../../src/store/store.ts';
import { aSave } from '../support/saves.ts';
import { type TempStore, tempStore } from '../support/temp-store.ts';

interface Candidate {
  readonly leader: Leader;
  readonly changes: LeaderChange[];
  readonly warnings: unknown[];
}

function candidate(
  { file, clock }: { file: string; clock: Clock },
  store: Pick<Store, 'claimEpoch' | 'epoch' | 'shareEpoch'>,
  onChange: (change: LeaderChange) => void = () => {},
): Candidate {
  const changes: LeaderChange[] = [];
  const warnings: unknown[] = [];
  const leader = createLeader({
    lockFile: lockFileOf(file),
    store,
    clock,
    log: { warn: (fields) => warnings.push(fields) },
    onChange(change) {
      changes.push(change);
      onChange(change);
    },
    holder: 'host/1',
  });
  onTestFinished(leader.stop);
  return { leader, changes, warnings };
}

function started(temp: TempStore, store = temp.open()): Candidate {
  const made = candidate(temp, store);
  made.leader.start();
  return made;
}

/** A daemon in a process of its own, once it leads. */
async function leadingProcess(file: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'leader-process.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [line] = await once(createInterface(child.stdout), 'line');
  expect(line).toBe('leads with epoch 1');
  return child;
}

describe('taking the lead', () => {
  test('happens at once where nobody leads, and is an event', () => {
    const temp = tempStore();
    const store = temp.open();
    const { leader, changes } = started(temp, store);
    expect(leader.isLeader()).toBe(true);
    expect(leader.epoch()).toBe(1);
    expect(leader.confirm()).toBe(true);
    expect(changes).toMatchObject([{ leader: true, epoch: 1 }]);
    expect(store.events({ limit: 10 })).toMatchObject([
      { type: 'LeaderChanged', data: { holder: 'host/1' } },
    ]);
  });

  test('waits while another daemon leads and follows half a second after it stopped', () => {
    const temp = tempStore();
    const first = started(temp);
    const second = started(temp);
    temp.clock.advance(5_000);
    expect(second.leader.isLeader()).toBe(false);
    expect(second.leader.epoch()).toBe(0);
    expect(second.leader.confirm()).toBe(false);
    first.leader.stop();
    expect(first.leader.isLeader()).toBe(false);
    temp.clock.advance(500);
    expect(second.changes).toMatchObject([{ leader: true, epoch: 2 }]);
  });

  test('ends with stop: nothing is tried afterwards', () => {
    const temp = tempStore();
    const first = started(temp);
    const second = started(temp);
    second.leader.stop();
    first.leader.stop();
    temp.clock.advance(5_000);
    expect(second.changes).toEqual([]);
    expect(second.leader.isLeader()).toBe(false);
  });

  test('follows a kill -9 of the process that led, with what it left behind', async () => {
    const temp = tempStore();
    const child = await leadingProcess(temp.file);
    const store = temp.open();
    const led = new Promise<LeaderChange>((resolve) => {
      const { leader } = candidate({ file: temp.file, clock: systemClock }, store, resolve);
      leader.start();
      expect(leader.isLeader()).toBe(false);
    });
    process.kill(child.pid!, 'SIGKILL');
    expect(await led).toMatchObject({ leader: true, epoch: 2 });
    expect(existsSync(`${temp.file}-wal`)).toBe(true);
    expect(store.load('checkout').state).toMatchObject({ name: 'checkout' });
  });

  test('is refused at the start when the lock file can never be used', () => {
    const temp = tempStore();
    writeFileSync(lockFileOf(temp.file), 'no lock '.repeat(1_000));
    const { leader } = candidate(temp, { claimEpoch: () => 1, epoch: () => 0, shareEpoch: () => 0 });
    expect(() => leader.start()).toThrow('is not a lock file');
  });
});

describe('a process that was stopped', () => {
  test('for ten seconds finds out before its next write that another one leads', () => {
    const temp = tempStore();
    const { leader, changes } = started(temp);
    temp.clock.freeze(10_000);
    rmSync(lockFileOf(temp.file));
    const other = candidate(temp, temp.open()).leader;
    other.start();
    expect(other.isLeader()).toBe(true);
    expect(leader.isLeader()).toBe(true);
    expect(leader.confirm()).toBe(false);
    expect(leader.isLeader()).toBe(false);
    expect(changes).toMatchObject([{ leader: true }, { leader: false, epoch: 1 }]);
  });

  test('finds out by the epoch too, where the lock looks untouched', () => {
    const temp = tempStore();
    const { leader } = started(temp);
    temp.open().claimEpoch('host/2', temp.clock.now());
    expect(leader.confirm()).toBe(true);
    temp.clock.freeze(10_000);
    expect(leader.confirm()).toBe(false);
  });

  test('goes on when nobody took its place', () => {
    const temp = tempStore();
    const { leader, changes } = started(temp);
    temp.clock.freeze(60_000);
    expect(leader.confirm()).toBe(true);
    expect(leader.epoch()).toBe(1);
    expect(changes).toHaveLength(1);
  });

  test('counts wall time too, which passes while a machine sleeps', () => {
    const temp = tempStore();
    const asleep = { ms: 0 };
    const clock: Clock = { ...temp.clock, now: () => temp.clock.now() + asleep.ms };
    const { leader } = candidate({ file: temp.file, clock }, temp.open());
    leader.start();
    temp.open().claimEpoch('host/2', clock.now());
    asleep.ms = 10_000;
    expect(leader.confirm()).toBe(false);
  });
});

describe('losing the lead', () => {
  test('is noticed by the next check without any write, and earned again with a new epoch', () => {
    const temp = tempStore();
    const { leader, changes } = started(temp);
    rmSync(lockFileOf(temp.file));
    temp.clock.advance(500);
    expect(leader.isLeader()).toBe(false);
    temp.clock.advance(500);
    expect(changes).toMatchObject([
      { leader: true, epoch: 1 },
      { leader: false, epoch: 1, reason: 'the lock file was removed or replaced' },
      { leader: true, epoch: 2 },
    ]);
    expect(leader.confirm()).toBe(true);
  });
});

describe('a store in trouble', () => {
  function failing(store: Store, code: StoreErrorCode, failures: number) {
    let left = failures;
    return {
      epoch: store.epoch,
      shareEpoch: store.shareEpoch,
      claimEpoch(holder: string, at: number) {
        left -= 1;
        if (left >= 0) throw new StoreError(code, `${code} for now`);
        return store.claimEpoch(holder, at);
      },
    };
  }

  test('that cannot be used at all lets nobody lead; the lock is free meanwhile, and it is said once', () => {
    const temp = tempStore();
    const store = temp.open();
    const { leader, warnings } = candidate(temp, failing(store, 'STORE_FAILED', 2));
    leader.start();
    expect(leader.isLeader()).toBe(false);
    temp.clock.advance(500);
    expect(leader.isLeader()).toBe(false);
    expect(warnings).toHaveLength(1);
    temp.clock.advance(500);
    expect(leader.epoch()).toBe(1);
  });

  test.each(['STORE_FULL', 'STORE_LOCKED'] as const)(
    'that takes nothing (%s) keeps nobody from leading, and the epoch is claimed before the next write if it can be',
    (code) => {
      const temp = tempStore();
      const store = temp.open();
      store.claimEpoch('host/0', temp.clock.now());
      const { leader, changes } = candidate(temp, failing(store, code, 2));
      leader.start();
      expect(leader.isLeader()).toBe(true);
      expect(leader.epoch()).toBe(1);
      expect(leader.confirm()).toBe(true);
      expect(leader.epoch()).toBe(1);
      expect(leader.confirm()).toBe(true);
      expect(leader.epoch()).toBe(2);
      expect(changes.map(({ leader, epoch }) => [leader, epoch])).toEqual([
        [true, 1],
        [true, 2],
      ]);
    },
  );

  test('that another program holds is read all the same: its epoch stays the last one until it is free', () => {
    const temp = tempStore();
    const store = temp.open();
    store.claimEpoch('host/0', temp.clock.now());
    const other = new Database(temp.file);
    onTestFinished(() => void other.close());
    other.exec('BEGIN IMMEDIATE');
    const { leader } = started(temp, store);
    expect(leader.confirm()).toBe(true);
    expect(leader.epoch()).toBe(1);
    other.exec('ROLLBACK');
    temp.clock.advance(500);
    expect(leader.epoch()).toBe(2);
  });

  test('whose disk is full fences who leads without a claim as soon as another one has claimed', () => {
    const temp = tempStore();
    const store = temp.open();
    const { leader } = candidate(temp, failing(store, 'STORE_FULL', 1));
    leader.start();
    temp.open().claimEpoch('host/2', temp.clock.now());
    expect(() => store.save(aSave('checkout'))).toThrow('another daemon leads');
  });

  test('that cannot be asked takes the lead from nobody', () => {
    const temp = tempStore();
    const store = temp.open();
    const { leader, warnings } = candidate(temp, {
      claimEpoch: store.claimEpoch,
      shareEpoch: store.shareEpoch,
      epoch() {
        throw new StoreError('STORE_FULL', 'the disk fails');
      },
    });
    leader.start();
    temp.clock.freeze(10_000);
    expect(leader.confirm()).toBe(true);
    expect(warnings).toHaveLength(1);
    store.save(aSave('checkout'));
  });
});
