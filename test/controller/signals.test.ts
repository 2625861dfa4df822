import { describe, expect, it } from 'vitest';
import type { Alert, AlertAnswer } from '../../src/controller/controls.ts';
import { StoreError } from '../../src/store/store.ts';
import { aRig, BAD, quickSpec, type Rig, type RigOptions } from './rig.ts';

const MINUTE = 60_000;

function anAlert(over: Partial<Alert> = {}): Alert {
  return {
    canary: 'shop',
    service: null,
    fingerprint: 'f00d',
    startedAt: Date.UTC(2026, 0, 1),
    endedAt: null,
    name: 'SloBurn',
    action: 'pause',
    firing: true,
    summary: 'the budget burns',
    ...over,
  };
}

async function tell(rig: Rig, ...alerts: readonly Alert[]) {
  const answer = rig.controller.receive({
    type: 'alertmanager',
    address: '192.0.2.7',
    body: '{"alerts":[]}',
    alerts,
  });
  await rig.settle();
  return answer;
}

async function answers(rig: Rig, ...alerts: readonly Alert[]): Promise<readonly AlertAnswer[]> {
  const answer = await tell(rig, ...alerts);
  if ('code' in answer) throw new Error(answer.detail);
  return answer;
}

/** Leads, and has written the first step. */
async function atTen(options: RigOptions = {}): Promise<Rig> {
  const rig = await aRig({ specs: [quickSpec()], ...options });
  rig.lead();
  await rig.run(15_000);
  expect(rig.weight()).toBe(10);
  return rig;
}

describe('an alert', () => {
  it('that asks for a rollback gets it at once, however long the look in hand would still take', async () => {
    const rig = await atTen();
    rig.traffic.hanging.add('shop');
    rig.answers.hanging.add('shop');
    await rig.run(7_000);
    expect(await answers(rig, anAlert({ action: 'rollback' }))).toEqual([
      { alert: 'SloBurn', canary: 'shop', action: 'rollback', result: 'recorded', effect: 'rollsBack' },
    ]);
    expect(rig.traffic.writes.at(-1)).toBe('shop 0 blind');
    expect(rig.events().slice(-3)).toEqual(['SignalReceived', 'SignalApplied', 'RollbackStarted']);
  });

  it('is on disk before its sender hears of it, and explains what it did', async () => {
    const rig = await atTen();
    await tell(rig, anAlert({ action: 'rollback' }));
    const events = rig.store.events({ canary: 'shop', limit: 10 });
    const received = events.find(({ type }) => type === 'SignalReceived');
    const applied = events.find(({ type }) => type === 'SignalApplied');
    expect(received).toMatchObject({ actor: 'alertmanager', data: { address: '192.0.2.7', webhook: 1 } });
    expect(applied?.causedBy).toBe(received?.id);
    expect(applied?.explanation?.because).toContainEqual(
      expect.objectContaining({ code: 'alert', text: 'alert SloBurn: the budget burns' }),
    );
    expect(rig.store.webhook(1)?.body).toBe('{"alerts":[]}');
  });

  it('that is told twice does its work once', async () => {
    const rig = await atTen();
    await tell(rig, anAlert());
    await rig.submit('resume');
    expect(await answers(rig, anAlert())).toMatchObject([{ result: 'known', effect: null }]);
    await rig.run(MINUTE);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
    expect(rig.events().filter((type) => type === 'SignalReceived')).toHaveLength(1);
  });

  it('that fires before the start holds it, and lets it go when it is over', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    expect(await answers(rig, anAlert({ action: 'rollback' }))).toMatchObject([{ effect: 'holdsTheStart' }]);
    await rig.run(MINUTE);
    expect(rig.controller.state('shop')).toMatchObject({
      phase: 'Waiting',
      reason: 'alert SloBurn is firing: the budget burns',
    });
    expect(rig.controller.signals('shop')).toMatchObject([{ name: 'SloBurn', firing: true }]);
    await tell(rig, anAlert({ action: 'rollback', firing: false }));
    expect(rig.weight()).toBe(10);
    expect(rig.controller.signals('shop')).toEqual([]);
  });

  it('that is over ends its pause only where the file says so', async () => {
    for (const resumeOnResolved of [false, true]) {
      const rig = await atTen({ specs: [quickSpec('shop', { analysis: { resumeOnResolved } })] });
      await tell(rig, anAlert());
      expect(rig.controller.state('shop')?.phase).toBe('Paused');
      expect(await answers(rig, anAlert({ firing: false }))).toMatchObject([
        { result: 'resolved', effect: 'over' },
      ]);
      expect(rig.controller.state('shop')?.phase).toBe(resumeOnResolved ? 'Progressing' : 'Paused');
    }
  });

  it.each(['promote', 'ignore', 'rollback'] as const)(
    'that fired for a promotion is over when its sender says so, by then with %s',
    async (action) => {
      const rig = await atTen();
      await tell(rig, anAlert({ action: 'promote' }));
      expect(rig.controller.signals('shop')).toHaveLength(1);
      expect(await answers(rig, anAlert({ action, firing: false }))).toMatchObject([{ result: 'resolved' }]);
      expect(rig.controller.signals('shop')).toEqual([]);
    },
  );

  it('of many that come in one body does what it asks for, each for its own Canary', async () => {
    const rig = await atTen({ specs: [quickSpec('shop'), quickSpec('cart')] });
    const told = await answers(
      rig,
      anAlert(),
      anAlert({ canary: 'cart', action: 'rollback' }),
      anAlert({ canary: 'nobody' }),
      anAlert({ fingerprint: 'beef', action: 'ignore' }),
      anAlert({ fingerprint: 'cafe', firing: false }),
    );
    expect(told.map(({ canary, result, effect }) => [canary, result, effect])).toEqual([
      ['shop', 'recorded', 'pauses'],
      ['cart', 'recorded', 'rollsBack'],
      [null, 'unknown', null],
      ['shop', 'ignored', null],
      ['shop', 'unheard', null],
    ]);
    expect(rig.controller.state('shop')?.phase).toBe('Paused');
    expect(rig.weight('cart')).toBe(0);
  });
});

describe('a Canary is found', () => {
  const two = [
    quickSpec('shop-eu', { service: 'shop' }),
    quickSpec('shop-us', { service: 'shop' }),
    quickSpec('cart', { service: 'basket' }),
  ];
  const found = async (canary: string | null, service: string | null) => {
    const rig = await aRig({ specs: two });
    rig.lead();
    return (await answers(rig, anAlert({ canary, service }))).map((answer) => answer.canary);
  };

  it('by its name, else by its service, else by a service of its name', async () => {
    expect(await found('shop-eu', 'basket')).toEqual(['shop-eu']);
    expect(await found('v1.5.1', 'basket')).toEqual(['cart']);
    expect(await found(null, 'cart')).toEqual(['cart']);
    expect(await found('basket', null)).toEqual([null]);
    expect(await found(null, null)).toEqual([null]);
  });

  it('as all that move one service', async () => {
    expect(await found(null, 'shop')).toEqual(['shop-eu', 'shop-us']);
  });
});

describe('an alert survives', () => {
  it('a daemon that dies before it decided: the next one rolls back at once', async () => {
    const first = await atTen();
    first.follow();
    first.store.addWebhook(
      {
        type: 'grafana',
        address: '127.0.0.1',
        body: '{}',
        signals: [{ ...anAlert(), canary: 'shop', action: 'rollback' }],
      },
      first.clock.now(),
    );
    await first.settle();
    const next = await aRig({ beside: first });
    next.lead();
    await next.run(1_000);
    expect(next.weight()).toBe(0);
    expect(next.events()).toContain('SignalApplied');
  });

  it('for a Canary whose file comes back under another leader', async () => {
    const first = await aRig({ specs: [quickSpec()] });
    first.lead();
    await tell(first, anAlert());
    first.follow();
    const file = first.files.get('shop');
    first.files.delete('shop');
    const next = await aRig({ beside: first });
    next.lead();
    if (file !== undefined) next.files.set('shop', file);
    await next.controller.rescan();
    await next.run(MINUTE);
    expect(next.controller.signals('shop')).toHaveLength(1);
    expect(next.controller.state('shop')?.phase).toBe('Waiting');
  });

  it('in a Canary that nothing was decided about yet', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.traffic.hanging.add('shop');
    rig.lead();
    await rig.settle();
    await tell(rig, anAlert());
    rig.follow();
    rig.traffic.hanging.delete('shop');
    rig.lead();
    await rig.run(MINUTE);
    expect(rig.controller.state('shop')).toMatchObject({ phase: 'Waiting' });
  });
});

describe('nothing is taken', () => {
  it('by a standby, which shows what the store knows', async () => {
    const rig = await atTen();
    await tell(rig, anAlert());
    rig.follow();
    expect(await tell(rig, anAlert({ fingerprint: 'beef' }))).toMatchObject({ status: 503, code: 'STANDBY' });
    expect(rig.controller.signals('shop')).toHaveLength(1);
  });

  it('that cannot be recorded', async () => {
    const rig = await atTen({
      store: () => ({
        addWebhook: () => Promise.reject(new StoreError('STORE_FULL', 'the disk is full')),
      }),
    });
    expect(await tell(rig, anAlert({ action: 'rollback' }))).toMatchObject({
      status: 503,
      code: 'STORE_FAILED',
      detail: 'the webhook could not be recorded: the disk is full',
    });
    await rig.run(1_000);
    expect(rig.weight()).toBe(10);
  });
});

it('a failing canary goes back although an alert has paused it', async () => {
  const rig = await atTen();
  await tell(rig, anAlert());
  rig.answers.canary.set('shop', BAD);
  await rig.run(MINUTE);
  expect(rig.weight()).toBe(0);
});
