import { describe, expect, it } from 'vitest';
import { StoreError } from '../../src/store/store.ts';
import { aRig, BAD, GOOD, quickSpec, type Rig } from './rig.ts';

const LOCKED = new StoreError('STORE_LOCKED', 'another program holds the database');

describe('the loop', () => {
  it('brings a good revision through its steps and rolls a bad one back', async () => {
    const rig = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    rig.answers.canary.set('cart', BAD);
    rig.lead();
    await rig.run(240_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rig.weight('shop')).toBe(100);
    expect(rig.controller.state('cart')?.phase).toBe('RolledBack');
    expect(rig.weight('cart')).toBe(0);
  });

  it('takes a command at once, however long the look in hand would still take', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    rig.traffic.hanging.add('shop');
    rig.answers.hanging.add('shop');
    await rig.run(7_000);
    const asked = rig.answers.asked;
    await rig.submit('abort');
    await rig.settle();
    expect(rig.traffic.writes.at(-1)).toBe('shop 0 blind');
    expect(rig.answers.asked).toBe(asked);
  });

  it('keeps a traffic router that hangs for one Canary from delaying the others', async () => {
    const rig = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    rig.traffic.hanging.add('cart');
    rig.lead();
    await rig.run(240_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rig.controller.state('cart')?.phase).toBe('Initializing');
  });

  it('keeps a Prometheus that hangs for one Canary from delaying the others', async () => {
    const rig = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    rig.answers.hanging.add('cart');
    rig.lead();
    await rig.run(240_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rig.controller.state('cart')?.rollout).toMatchObject({ weight: 10 });
    expect(rig.controller.state('cart')?.phase).toBe('Paused');
  });

  it('does not let a slow router hold back a rollback: it goes out before the live rule was read', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    expect(rig.weight()).toBe(10);
    rig.traffic.hanging.add('shop');
    rig.answers.canary.set('shop', BAD);
    const { nextLookAt } = rig.controller.state('shop')!;
    await rig.run(nextLookAt - rig.clock.now() + 100);
    expect(rig.weight()).toBe(0);
    expect(rig.traffic.writes.at(-1)).toBe('shop 0 blind');
  });

  it('backs off one Canary after a fault of the program, logs its stack and leaves the others alone', async () => {
    const rig = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    rig.traffic.faulty.add('cart');
    rig.lead();
    await rig.run(240_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    const faults = rig.lines.filter(({ canary, level }) => canary === 'cart' && level === 'error');
    expect(faults[0]?.['err']).toMatchObject({ name: 'TypeError', stack: expect.stringContaining('rig.ts') });
    // 0.5 s, 1 s, 2 s … 60 s: the tick every 5 s does not cut the back-off short.
    expect(faults.map(({ retryInMs }) => retryInMs)).toEqual([
      500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
    rig.traffic.faulty.clear();
    await rig.run(60_000);
    expect(rig.controller.state('cart')?.phase).toBe('Progressing');
  });

  it('reads an idle Canary once a minute and asks no queries', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: 'v1' })] });
    rig.lead();
    await rig.run(60_000);
    const reads = rig.traffic.reads.length;
    await rig.run(600_000);
    expect(rig.traffic.reads.length - reads).toBe(10);
    expect(rig.answers.asked).toBe(0);
  });

  it('does not run in circles where nothing is measured', async () => {
    const analysis = { skip: true, metrics: [] };
    const rig = await aRig({ specs: [quickSpec('shop', { analysis })] });
    rig.lead();
    await rig.run(300_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rig.traffic.reads.length).toBeLessThan(200);
  });

  it('shows how late it is: commit minus due time, of recent runs', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(30_000);
    expect(rig.controller.figures().tickLagSeconds).toBeLessThan(0.2);
    rig.answers.hanging.add('shop');
    await rig.run(30_000);
    expect(rig.controller.figures().tickLagSeconds).toBeGreaterThanOrEqual(10);
  });

  it('counts how late each look is, its wait for the answer included', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.answers.lateMs = 700;
    rig.lead();
    await rig.run(30_000);
    const planned = rig.lags.filter((lag) => lag !== null);
    expect(planned.length).toBeGreaterThan(2);
    for (const lag of planned) expect(lag).toBeCloseTo(0.75, 1);
  });

  it('shows how late it is also while nothing can be committed', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(30_000);
    rig.traffic.faulty.add('shop');
    await rig.run(120_000);
    expect(rig.controller.figures().tickLagSeconds).toBeGreaterThanOrEqual(100);
  });
});

describe('the wall clock', () => {
  it('may be set back between a decision and the plan for the next run: nothing waits for the old time', async () => {
    let backMs = 0;
    let isSet = false;
    const rig = await aRig({
      specs: [quickSpec()],
      store: (store) => ({
        saveLater(save) {
          if (isSet) backMs = 3_600_000;
          return store.saveLater(save);
        },
      }),
    });
    const { now } = rig.clock;
    rig.clock.now = () => now() - backMs;
    rig.lead();
    await rig.run(15_000);
    isSet = true;
    await rig.run(30_000);
    expect(rig.events()).toContain('ClockJump');
  });
});

describe('commands', () => {
  it('answer start and retry once the rollout exists', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: null })] });
    rig.lead();
    await rig.run(1_000);
    const started = await rig.submit('start', { revision: 'v2' });
    expect(started).toEqual({
      eventId: expect.any(Number),
      rolloutId: rig.controller.state('shop')?.rollout?.id,
      changed: true,
    });
    rig.answers.canary.set('shop', BAD);
    await rig.run(60_000);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
    rig.answers.canary.set('shop', GOOD);
    const retried = await rig.submit('retry');
    expect(retried).toMatchObject({ rolloutId: rig.controller.state('shop')?.rollout?.id, changed: true });
    expect(await rig.submit('start', { revision: 'v2' })).toMatchObject({ changed: false });
  });

  it('never keep a look from its end, however often they come: a bad canary still goes back', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    expect(rig.weight()).toBe(10);
    rig.answers.canary.set('shop', BAD);
    rig.answers.lateMs = 1_000;
    for (let ask = 0; ask < 30; ask += 1) {
      void rig.submit(ask % 2 === 0 ? 'pause' : 'resume');
      await rig.run(900);
    }
    expect(rig.weight()).toBe(0);
    expect(rig.events()).toContain('RollbackStarted');
  });

  it('leave no trace when there is nothing to do, so that a pipeline may ask for hours', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: null })] });
    rig.lead();
    await rig.run(1_000);
    const started = await start(rig);
    const before = rig.store.lastEventId();
    for (let ask = 0; ask < 10; ask += 1) {
      expect(await rig.submit('start', { revision: 'v2' })).toEqual({
        ...started,
        eventId: undefined,
        changed: false,
      });
    }
    expect(rig.store.lastEventId()).toBe(before);
  });

  it('answer start after ten seconds although the loop could not take it, and take it later', async () => {
    let isFaulty = false;
    const rig = await aRig({
      specs: [quickSpec('shop', { revision: null })],
      store: (store) => ({
        async saveSoon(save) {
          if (isFaulty) throw new Error('a fault');
          return store.saveSoon(save);
        },
      }),
    });
    rig.lead();
    await rig.run(1_000);
    isFaulty = true;
    const answer = rig.submit('start', { revision: 'v2' });
    await rig.run(10_000);
    expect(await answer).toMatchObject({ status: 503, code: 'NOT_YET' });
    isFaulty = false;
    await rig.run(60_000);
    expect(rig.controller.state('shop')?.target).toBe('v2');
  });

  it('are refused for a Canary that does not exist, and for the moment where one was not looked at yet', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.traffic.hanging.add('shop');
    rig.lead();
    expect(await rig.submit('pause', { canary: 'other' })).toMatchObject({ status: 404, code: 'NOT_FOUND' });
    expect(await rig.submit('start', { revision: 'v3' })).toMatchObject({ status: 503, code: 'NOT_READY' });
  });

  it('are refused with 503 while the store takes nothing, and nothing is kept of them', async () => {
    let isLocked = false;
    const rig = await aRig({
      specs: [quickSpec()],
      store: (store) => ({
        addCommand(command, at) {
          if (isLocked) throw LOCKED;
          return store.addCommand(command, at);
        },
      }),
    });
    rig.lead();
    await rig.run(15_000);
    isLocked = true;
    expect(await rig.submit('abort')).toMatchObject({ status: 503, code: 'STORE_FAILED' });
    isLocked = false;
    await rig.run(15_000);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
  });

  it('are told when the loop refuses them after all', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: null })] });
    rig.lead();
    await rig.run(1_000);
    const both = [rig.submit('start', { revision: 'v2' }), rig.submit('start', { revision: 'v3' })];
    await rig.settle();
    const answers = await Promise.all(both);
    expect(answers[0]).toMatchObject({ changed: true });
    expect(answers[1]).toMatchObject({ status: 409, code: 'IN_PROGRESS' });
  });
});

describe('what the store could not take', () => {
  it('is saved at the first tick at which it takes it, though the canary rests and is not due', async () => {
    let isLocked = false;
    const rig = await aRig({
      specs: [quickSpec()],
      store: (store) => {
        const unlocked = <S, T>(take: (save: S) => T) => {
          return (save: S) => {
            if (isLocked) throw LOCKED;
            return take(save);
          };
        };
        return {
          save: unlocked(store.save),
          saveSoon: unlocked(store.saveSoon),
          saveLater: unlocked(store.saveLater),
        };
      },
    });
    rig.lead();
    await rig.run(15_000);
    isLocked = true;
    rig.answers.canary.set('shop', BAD);
    await rig.run(15_000);
    expect(rig.weight()).toBe(0);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
    expect(rig.events()).not.toContain('RollbackStarted');
    expect(rig.controller.diagnostics()).toMatchObject([
      { severity: 'error', code: 'STORE_LOCKED', canary: 'shop', file: 'shop.yaml' },
    ]);
    isLocked = false;
    await rig.run(5_000);
    expect(rig.controller.diagnostics()).toEqual([]);
    expect(rig.events().slice(-3)).toEqual(['RollbackStarted', 'WeightVerified', 'RolloutEnded']);
  });
});

describe('removal', () => {
  it('ends the rollout of a removed Canary, then forgets it and keeps its history', async () => {
    const rig = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    rig.lead();
    await rig.run(15_000);
    rig.files.set('shop', { spec: quickSpec('shop'), file: 'gone' });
    await rig.run(120_000);
    expect(rig.weight()).toBe(0);
    expect(rig.controller.names()).toEqual(['cart']);
    expect(rig.controller.state('shop')).toBeNull();
    expect(rig.files.has('shop')).toBe(false);
    expect(rig.events()).toContain('Forgotten');
  });

  it('is confirmed by forget where the directory alone is not believed', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: 'v1' }), quickSpec('cart')] });
    rig.lead();
    await rig.run(15_000);
    expect(await rig.submit('forget')).toMatchObject({ status: 409 });
    rig.files.set('shop', { spec: quickSpec('shop', { revision: 'v1' }), file: 'missing' });
    await rig.controller.rescan();
    expect(await rig.submit('forget', { reason: 'moved' })).toMatchObject({ changed: true });
    await rig.run(60_000);
    expect(rig.controller.names()).toEqual(['cart']);
  });

  it('begins afresh when a forgotten Canary has a file again', async () => {
    const rig = await aRig({ specs: [quickSpec('shop', { revision: 'v1' }), quickSpec('cart')] });
    rig.lead();
    await rig.run(15_000);
    rig.files.set('shop', { spec: quickSpec('shop', { revision: 'v1' }), file: 'gone' });
    await rig.run(120_000);
    expect(rig.controller.names()).toEqual(['cart']);
    rig.files.set('shop', { spec: quickSpec('shop'), file: 'present' });
    await rig.run(15_000);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
  });

  it('of much at once is an event, told once, and an error in the log', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    rig.mass = '9 of 10 canaries vanished at once';
    await rig.run(60_000);
    const told = rig.store.events({ limit: 100, types: ['MassDeletion'] });
    expect(told.map(({ message, canary }) => ({ message, canary }))).toEqual([
      { message: rig.mass, canary: null },
    ]);
    expect(rig.lines.filter(({ message }) => message === 'mass deletion is not believed')).toHaveLength(1);
  });

  it('of much while nobody led is told when somebody does', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.mass = 'the directory holds no canary any more';
    await rig.controller.rescan();
    expect(rig.store.events({ limit: 100 })).toEqual([]);
    rig.lead();
    expect(rig.store.events({ limit: 100, types: ['MassDeletion'] })).toHaveLength(1);
  });
});

describe('a file found after the lead began', () => {
  it('may belong to a Canary that another leader decided about: what the store knows of it is not begun anew', async () => {
    const first = await aRig({ specs: [quickSpec('shop')] });
    first.lead();
    await first.run(1_000);
    const cart = { spec: quickSpec('cart', { revision: 'v1' }), file: 'present' as const };
    const second = await aRig({ beside: { ...first, files: new Map([['cart', cart]]) } });
    second.lead();
    await second.run(5_000);
    expect(second.controller.state('cart')?.phase).toBe('Stable');
    second.follow();

    first.follow();
    first.lead();
    first.traffic.hanging.add('cart');
    first.files.set('cart', cart);
    await first.controller.rescan();
    await first.run(120_000);
    expect(first.controller.state('cart')).toMatchObject({ phase: 'Stable', stable: 'v1' });
  });
});

describe('the standby', () => {
  it('writes nothing, refuses commands with 503 and shows what the leader stored', async () => {
    const leader = await aRig({ specs: [quickSpec()] });
    const standby = await aRig({ beside: leader });
    leader.lead();
    await leader.run(15_000);
    const writes = leader.traffic.writes.length;
    const events = leader.store.lastEventId();
    await standby.controller.rescan();
    await standby.settle();
    expect(standby.controller.isLeader()).toBe(false);
    expect(standby.controller.isReady()).toBe(true);
    expect(standby.controller.state('shop')?.rollout).toMatchObject({ weight: 10 });
    expect(standby.controller.explanation('shop')).toMatchObject({ canary: 'shop' });
    expect(await standby.submit('pause')).toMatchObject({ status: 503, code: 'STANDBY' });
    expect(leader.traffic.writes.length).toBe(writes);
    expect(leader.store.lastEventId()).toBe(events);
    await leader.run(70_000);
    expect(standby.controller.state('shop')?.rollout).toMatchObject({ weight: 50 });
  });

  it('drops what the leader has forgotten', async () => {
    const leader = await aRig({ specs: [quickSpec('shop', { revision: 'v1' }), quickSpec('cart')] });
    const files = new Map(leader.files);
    const standby = await aRig({ beside: { ...leader, files } });
    leader.lead();
    await leader.run(15_000);
    const gone = { spec: quickSpec('shop', { revision: 'v1' }), file: 'gone' } as const;
    files.set('shop', gone);
    await standby.controller.rescan();
    expect(standby.controller.names()).toEqual(['cart', 'shop']);
    leader.files.set('shop', gone);
    await leader.run(120_000);
    expect(standby.controller.names()).toEqual(['cart']);
  });

  it('takes over with what the last leader stored, and goes on from there', async () => {
    const first = await aRig({ specs: [quickSpec()] });
    const second = await aRig({ beside: first });
    first.lead();
    await first.run(70_000);
    expect(first.weight()).toBe(50);
    await first.submit('pause');
    await first.settle();
    first.follow();
    second.lead();
    await second.run(10_000);
    expect(second.controller.state('shop')?.phase).toBe('Paused');
    await second.submit('resume');
    await second.run(200_000);
    expect(second.controller.state('shop')?.phase).toBe('Succeeded');
    expect(second.traffic.writes.map((write) => write.split(' ')[1])).toEqual(['10', '50', '100', '100']);
  });

  it('takes over commands that the last leader did not get to', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    rig.follow();
    rig.store.addCommand(
      {
        canary: 'shop',
        verb: 'abort',
        actor: 'ops',
        source: 'api',
        reason: '',
        force: false,
        full: false,
        revision: null,
        restart: false,
      },
      rig.clock.now(),
    );
    rig.lead();
    await rig.run(1_000);
    expect(rig.weight()).toBe(0);
  });

  it('forgets what it knew itself when it leads again', async () => {
    const first = await aRig({ specs: [quickSpec('shop'), quickSpec('cart')] });
    const second = await aRig({ beside: { ...first, files: new Map(first.files) } });
    first.lead();
    await first.run(15_000);
    first.follow();
    second.lead();
    await second.run(200_000);
    expect(second.controller.state('shop')?.phase).toBe('Succeeded');
    second.follow();
    first.lead();
    await first.run(1_000);
    expect(first.controller.state('shop')?.phase).toBe('Succeeded');
    expect(first.weight()).toBe(100);
  });

  it('does not lead while the store cannot be read, and does as soon as it can', async () => {
    let isLocked = true;
    const rig = await aRig({
      specs: [quickSpec()],
      store: (store) => ({
        index() {
          if (isLocked) throw LOCKED;
          return store.index();
        },
      }),
    });
    rig.lead();
    await rig.run(5_000);
    expect(rig.controller.isLeader()).toBe(false);
    expect(rig.traffic.reads).toEqual([]);
    isLocked = false;
    await rig.run(600);
    expect(rig.controller.isLeader()).toBe(true);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
  });

  it('drops the decision of a run that was in hand when leadership was lost and won again', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    rig.traffic.hanging.add('shop');
    rig.answers.canary.set('shop', BAD);
    rig.answers.hanging.add('shop');
    await rig.run(6_000);
    rig.follow();
    rig.traffic.hanging.clear();
    rig.answers.hanging.clear();
    rig.answers.canary.clear();
    rig.lead();
    await rig.run(200_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rig.traffic.writes.map((write) => write.split(' ')[1])).toEqual(['10', '50', '100', '100']);
  });

  it('writes nothing any more when leadership was lost while the intent was saved', async () => {
    const rig: Rig = await aRig({
      specs: [quickSpec()],
      store: (store) => ({
        async saveSoon(save) {
          const saved = await store.saveSoon(save);
          if (save.state?.intent?.to === 50) rig.follow();
          return saved;
        },
      }),
    });
    rig.lead();
    await rig.run(120_000);
    expect(rig.store.load('shop').state?.intent).toMatchObject({ direction: 'raise', to: 50 });
    expect(rig.traffic.writes).toEqual(['shop 10 guarded']);
  });

  it('lets a fenced daemon take no decision', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    const before = rig.controller.state('shop');
    rig.temp.open().claimEpoch('another', rig.clock.now());
    await rig.run(60_000);
    expect(rig.controller.state('shop')).toBe(before);
    expect(rig.traffic.writes).toEqual(['shop 10 guarded']);
    expect(await rig.submit('abort')).toMatchObject({ status: 503, code: 'STANDBY' });
    expect(rig.failures).toContain('save');
  });
});

describe('shutdown', () => {
  it('finishes the run in hand and leaves the weights alone', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(60_000);
    rig.answers.hanging.add('shop');
    await rig.run(10_000);
    const weight = rig.weight();
    const stopped = rig.controller.stop(4_000);
    let isStopped = false;
    void stopped.then(() => {
      isStopped = true;
    });
    await rig.run(3_999);
    expect(isStopped).toBe(false);
    await rig.run(1);
    await stopped;
    expect(rig.weight()).toBe(weight);
    // What was cut short was not judged: a look that is aborted is no look that failed.
    expect(rig.controller.state('shop')?.rollout?.metrics['error-rate']?.errors).toBe(0);
    expect(rig.clock.nextIn()).toBeNull();
  });

  it('answers whoever waits for a command, which the next start takes', async () => {
    let isFaulty = false;
    const rig = await aRig({
      specs: [quickSpec('shop', { revision: null })],
      store: (store) => ({
        async saveSoon(save) {
          if (isFaulty) throw new Error('a fault');
          return store.saveSoon(save);
        },
      }),
    });
    rig.lead();
    await rig.run(1_000);
    isFaulty = true;
    const answer = rig.submit('start', { revision: 'v2' });
    await rig.settle();
    await rig.controller.stop(4_000);
    expect(await answer).toMatchObject({ status: 503, code: 'NOT_YET' });
  });

  it('leaves nothing behind that runs later, also when it comes during a tick', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.settle();
    rig.clock.advance(5_000);
    const stopped = rig.controller.stop(4_000);
    await rig.settle();
    await stopped;
    expect(rig.clock.nextIn()).toBeNull();
  });
});

/** Begins the rollout of v2 by command. */
async function start(rig: Awaited<ReturnType<typeof aRig>>) {
  const answer = rig.submit('start', { revision: 'v2' });
  await rig.run(100);
  return answer;
}
