/** Faults of Nacos: away, slow, untruthful, and not Nacos at all. */
import { describe, expect, test } from 'vitest';
import { until } from '../system/world.ts';
import { measured } from './shared.ts';
import {
  count,
  eventsOf,
  expectNothingLost,
  expectPromoted,
  expectRolledBack,
  looks,
  moreLooks,
  say,
  shows,
  stepsReached,
} from './told.ts';
import { aPlace, atFirstStep, dataIdOf, GROUP, type Place, STAYING } from './world.ts';

describe.concurrent('Nacos is down', () => {
  test('the weight is held, no pass counts, and it goes on when Nacos is back', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    await place.nacos.faults.refuse();
    const held = await shows(daemon, ({ reason }) => reason.includes('the server cannot be reached'));
    expect(held.weight).toMatchObject({ desired: 50 });
    expect(held.reason).toMatch(
      /^the live rule could not be read: .*; check that Nacos runs and that the address is right$/,
    );
    await daemon.logged({ msg: 'Nacos lost', code: 'NACOS_UNAVAILABLE' });
    await moreLooks(place, 4);
    const blind = await shows(daemon, ({ metrics }) => metrics[0]?.verdict === 'pass');
    expect(blind.metrics[0]).toMatchObject({ passes: 0 });
    const seen = looks(place);
    await place.nacos.faults.accept();
    await expectPromoted(daemon, place);
    expect(looks(place) - seen, 'two steps, three passes each').toBeGreaterThanOrEqual(6);
  });

  test('a rollback is decided all the same, tried for ever, told to people, and done when Nacos is back', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, STAYING);
    await place.nacos.faults.refuse();
    place.setErrors({ v2: 0.5 });
    await daemon.logged({ type: 'RollbackStuck' });
    const stuck = await shows(daemon, ({ reason }) => reason.includes('cannot be written'));
    expect(stuck).toMatchObject({ phase: 'RollingBack', weight: { desired: 0 } });
    expect(stuck.reason).toMatch(
      /^a critical metric failed: errors: .*; weight 0 cannot be written: the server cannot be reached: .*; check that Nacos runs .*\(try \d+\)$/,
    );
    expect(place.stored).toEqual([50]);
    await place.nacos.faults.accept();
    await expectRolledBack(daemon, place);
  });
});

describe.concurrent('Nacos is slow', () => {
  test('reads that hang hold no rollback back', async ({ onTestFinished }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, STAYING);
    const hang = place.nacos.faults.inject({ fault: 'delay', on: 'read', ms: 600_000 });
    const { detail } = await daemon.logged({ msg: 'Nacos lost', code: 'NACOS_TIMEOUT' });
    expect(detail).toMatch(
      /^the server did not answer in time: .*; look at the load of Nacos and at the network$/,
    );
    const held = await shows(daemon, ({ reason }) => reason.startsWith('the live rule'));
    expect(held.reason).toMatch(/is not read yet: the server is slow to answer$|could not be read: /);
    // By now it is paused between two probes, each of which is answered.
    await until(() => hang.hits() >= 3);
    place.setErrors({ v2: 0.5 });
    await until(() => place.stored.includes(0));
    expect(await shows(daemon, () => true)).toMatchObject({ phase: 'RollingBack' });
    hang.remove();
    await expectRolledBack(daemon, place);
  });

  test('a raise that comes through too late is given up, and cannot land any more', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    const late = place.nacos.faults.inject({ fault: 'delay', on: 'write', ms: 9_000, times: 1 });
    const { message } = await daemon.logged({ type: 'RaiseCancelled' });
    expect(message).toBe('raise to 100 % cancelled: it was not read back within 5s');
    expect(late.hits()).toBe(1);
    await expectPromoted(daemon, place);
    expect(place.stored, 'the held rule once more, the raise once, its mark').toEqual([50, 50, 100, 100]);
  });
});

describe.concurrent('Nacos lies', () => {
  test('it says yes to a raise and does nothing: the raise is given up, earned again and made', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured, { version: '3.1' });
    const daemon = await atFirstStep(place);
    const lie = place.nacos.faults.inject({ fault: 'ignoreWrite', times: 1 });
    const { message } = await daemon.logged({ type: 'RaiseCancelled' });
    expect(message).toBe('raise to 100 % cancelled: it was not read back within 5s');
    expect(lie.hits()).toBe(1);
    expect(place.stored).toEqual([50]);
    const seen = looks(place);
    await expectPromoted(daemon, place);
    expect(looks(place) - seen, 'three passes before the raise, three after it').toBeGreaterThanOrEqual(6);
  });

  test('it says yes to weight 0 and does nothing: 0 is written until it is read back', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, STAYING);
    const lie = place.nacos.faults.inject({ fault: 'ignoreWrite' });
    place.setErrors({ v2: 0.5 });
    const stuck = await daemon.logged({ type: 'RollbackStuck' });
    expect(stuck['message']).toMatch(
      /^weight 0 is not read back after 3 tries; it is tried for ever: see why, or set it by hand$/,
    );
    expect(lie.hits()).toBeGreaterThanOrEqual(3);
    const { reason } = await shows(daemon, () => true);
    expect(reason).toMatch(/; weight 0 is written and not read back \(try \d+\)$/);
    expect(place.stored).toEqual([50]);
    lie.remove();
    await expectRolledBack(daemon, place);
  });

  test('it says no to a write for no reason: that raise is given up at once and made later', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    const lie = place.nacos.faults.inject({ fault: 'answerFalse', times: 1 });
    await daemon.logged({ type: 'RaiseCancelled' });
    expect(lie.hits()).toBe(1);
    await expectPromoted(daemon, place);
  });

  test('its reads stay behind: nothing is written twice and nothing taken for drift', async ({
    onTestFinished,
  }) => {
    const never = 3_600_000;
    const dumpLag = { tickMs: never, tailShare: 0, tailMs: never };
    const place = await aPlace(onTestFinished, measured, { dumpLag });
    place.declare('v2', { traffic: { verifyTimeout: '1m' } });
    const daemon = place.start();
    for (const stored of [[50], [50, 100], [50, 100, 100]]) {
      await until(() => place.stored.length === stored.length);
      const asked = reads(place);
      await until(() => reads(place) > asked + 10);
      expect(place.stored).toEqual(stored);
      const canary = await shows(daemon, () => true);
      expect(canary.reason).toMatch(/written and not read back yet$/);
      // What a restart loads is what was written.
      await place.nacos.restart();
    }
    const events = await expectPromoted(daemon, place);
    for (const type of ['RaiseCancelled', 'DriftSeen', 'LateWriteLowered', 'DocumentMissing', 'Paused']) {
      expect(count(events, type), type).toBe(0);
    }
  });
});

function reads({ nacos }: Place): number {
  return nacos.requests.filter(({ method, path }) => method === 'GET' && path.includes('/cs/configs')).length;
}

describe.concurrent('Nacos answers 404', () => {
  test.for(['proxy', 'spring'] as const)(
    'of a %s: that is no Nacos, and no missing document',
    async (by, { onTestFinished }) => {
      const place = await aPlace(onTestFinished, measured);
      const daemon = await atFirstStep(place);
      const fault = place.nacos.faults.inject({ fault: 'notFound', by });
      const held = await shows(daemon, ({ reason }) => reason.includes('is not one of the Nacos API'));
      expect(held.reason).toMatch(
        /; check the address, its context path \(usually \/nacos\) and --nacos-api$/,
      );
      expect(held.diagnostics.map(({ code }) => code)).not.toContain('DOCUMENT_MISSING');
      await moreLooks(place, 4);
      expect(fault.hits()).toBeGreaterThan(1);
      expect(place.stored).toEqual([50]);
      fault.remove();
      const events = await expectPromoted(daemon, place);
      expect(count(events, 'DocumentMissing')).toBe(0);
    },
  );

  test('because the document was deleted: nothing above 0 is written again until a person says how to go on', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, STAYING);
    place.nacos.delete(dataIdOf('shop'), GROUP);
    const { message } = await daemon.logged({ type: 'DocumentMissing' });
    expect(message).toMatch(/the step is held until it is back, or until abort$/);
    const isTold = ({ code }: { code: string }) => code === 'DOCUMENT_MISSING';
    const held = await shows(daemon, ({ diagnostics }) => diagnostics.some(isTold));
    expect(held.weight).toMatchObject({ desired: 50 });
    await moreLooks(place, 5);
    expect(place.stored).toEqual([50]);
    expect(await say(daemon, 'abort')).toMatchObject({ status: 202 });
    await daemon.logged({ type: 'RolloutEnded', facts: { outcome: 'Aborted' } });
    const events = await eventsOf(daemon);
    expectNothingLost(events);
    expect(stepsReached(events)).toEqual([50]);
    expect(place.stored.slice(1).every((weight) => weight === 0)).toBe(true);
  });
});
