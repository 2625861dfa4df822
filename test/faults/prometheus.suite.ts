/** Faults of Prometheus: away, slow, without an answer that is a number, and refusing. */
import { describe, expect, test } from 'vitest';
import type { Daemon } from '../system/world.ts';
import type { Spoil } from './between.ts';
import { REMOTE_LABEL, REMOTE_VALUE, startMeasured } from './measured.ts';
import { measured } from './shared.ts';
import {
  count,
  eventsOf,
  expectNothingLost,
  expectPromoted,
  looks,
  metricOf,
  moreLooks,
  say,
  shows,
  stepsReached,
} from './told.ts';
import { aPlace, atFirstStep, errorsOf, type Parts, type Place, weightOf } from './world.ts';

/** Missing data pauses after two seconds instead of holding for ten minutes. */
const IMPATIENT: Parts = { analysis: { onNoData: 'pause', noDataGrace: '2s' } };

/** Resolves with what is said of it once the Canary stands still for `reason`; nothing has risen or fallen meanwhile. */
async function paused(daemon: Daemon, place: Place, reason: string): Promise<string> {
  await daemon.logged({ type: 'Paused', facts: { pauseReason: reason } });
  const canary = await shows(daemon, ({ pauses }) => pauses.some((pause) => pause.reason === reason));
  expect(canary.weight).toMatchObject({ desired: 50, observed: 50 });
  expect(place.stored).toEqual([50]);
  return canary.pauses.find((pause) => pause.reason === reason)?.detail ?? '';
}

/** Promoted, after a pause that ended by itself and three new passes. */
async function expectHealed(daemon: Daemon, place: Place, reason: string, seen: number): Promise<void> {
  const events = await expectPromoted(daemon, place);
  const pauses = events.filter(({ facts }) => facts['pauseReason'] === reason);
  expect(pauses).toHaveLength(1);
  const ends = events.filter(({ type }) => type === 'PauseEnded').map(({ message }) => message);
  expect(ends).toContain(`pause ended (${reason}): the first good look`);
  expect(count(events, 'RollbackStarted')).toBe(0);
  expect(looks(place) - seen, 'three passes at each step').toBeGreaterThanOrEqual(6);
}

describe.concurrent('Prometheus is down', () => {
  test('it pauses for errors, never rolls back, and goes on by itself', async ({ onTestFinished }) => {
    const own = await startMeasured();
    onTestFinished(() => own.stop());
    await own.isScraping();
    const place = await aPlace(onTestFinished, own, { isDirect: true });
    const daemon = await atFirstStep(place);
    await own.kill();
    const reason = await paused(daemon, place, 'Errors');
    expect(reason).toMatch(
      /^errors could not be measured 4 times in a row: Prometheus cannot be reached: .*ECONNREFUSED.*; check that it runs and that --prometheus is its address; it goes on at the first good look$/,
    );
    expect(await metricOf(daemon, 'canary_controller_provider_up{provider="prometheus"}')).toBe('0');
    await own.restart();
    const events = await expectPromoted(daemon, place);
    expect(count(events, 'RollbackStarted')).toBe(0);
    await daemon.logged({ message: 'pause ended (Errors): the first good look' });
  });
});

describe.concurrent('Prometheus does not answer as it should', () => {
  interface Row {
    readonly title: string;
    readonly spoil: Spoil;
    readonly said: RegExp;
  }

  const rows: readonly Row[] = [
    {
      title: 'too late',
      spoil: { kind: 'slow', ms: 3_000 },
      said: /Prometheus did not answer within \d+ ms; look at its load and at the network/,
    },
    {
      title: '401, without credentials',
      spoil: { kind: 'status', status: 401 },
      said: /Prometheus answered 401: not today; check the credentials for Prometheus/,
    },
    {
      title: '404, at a wrong path',
      spoil: { kind: 'path', path: '/metrics/api/v1/query' },
      said: /Prometheus answered 404: 404 page not found; check that the address, with its path, is the one/,
    },
    {
      title: '429, asked too much',
      spoil: { kind: 'status', status: 429 },
      said: /Prometheus answered 429: not today; it is asked more than it takes/,
    },
  ];

  for (const { title, spoil, said } of rows) {
    test(`${title}: it pauses for errors and goes on by itself`, async ({ onTestFinished }) => {
      const place = await aPlace(onTestFinished, measured);
      const daemon = await atFirstStep(place);
      place.between.spoil(spoil);
      const reason = await paused(daemon, place, 'Errors');
      expect(reason).toMatch(said);
      expect(reason).toMatch(/; it goes on at the first good look$/);
      expect(place.between.spoiled()).toBeGreaterThanOrEqual(4);
      const seen = looks(place);
      place.between.spoil(null);
      await expectHealed(daemon, place, 'Errors', seen);
    });
  }
});

describe.concurrent('Prometheus has no number', () => {
  test('but NaN: that is no data, it pauses where that is asked for, and goes on by itself', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, IMPATIENT);
    place.show([errorsOf(place.name, 'v1', '0'), errorsOf(place.name, 'v2', 'NaN')]);
    const reason = await paused(daemon, place, 'NoData');
    expect(reason).toMatch(
      /^errors has had no data for \d+s: canary: the result is not a number; check its traffic and version label; it goes on when data is back$/,
    );
    const seen = looks(place);
    place.setErrors({});
    await expectHealed(daemon, place, 'NoData', seen);
  });

  test('because the series is gone: it is held, also beyond its bake, and never promoted', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place, { strategy: { progressDeadline: '3s' } });
    place.show([errorsOf(place.name, 'v1', '0')]);
    await shows(daemon, ({ reason }) =>
      reason.includes('0 of 3 passes collected (no data: canary: the query found no series)'),
    );
    const reason = await paused(daemon, place, 'NoEvidence');
    expect(reason).toMatch(/^no evidence .*; resume goes on without, abort goes back$/);
    await moreLooks(place, 3);
    expect(place.stored).toEqual([50]);
    expect(await say(daemon, 'abort')).toMatchObject({ status: 202 });
    await daemon.logged({ type: 'RolloutEnded', facts: { outcome: 'Aborted' } });
    expect(place.stored.at(-1)).toBe(0);
    const events = await eventsOf(daemon);
    expectNothingLost(events);
    expect(stepsReached(events)).toEqual([50]);
    expect(count(events, 'StepLeft')).toBe(0);
  });

  test('but several: it pauses at once for a bad query, and goes on by itself', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    const copies = ['a', 'b'].map((copy) => errorsOf(place.name, 'v2', '0', copy));
    place.show([errorsOf(place.name, 'v1', '0'), ...copies]);
    const reason = await paused(daemon, place, 'BadQuery');
    expect(reason).toMatch(
      /^errors: the query gives 2 series where one number is expected, such as .*; aggregate them, for example with sum\(\)/,
    );
    const seen = looks(place);
    place.setErrors({});
    await expectHealed(daemon, place, 'BadQuery', seen);
  });

  test('because it refuses the query (422): it pauses at once for a bad query, and goes on by itself', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const matcher = `place="${place.name}"`;
    const query = `shop_errors{${matcher},version="{{version}}"} * on (place) group_left () shop_weight{${matcher}}`;
    const errors = ['v1', 'v2'].map((version) => errorsOf(place.name, version, '0'));
    place.show([...errors, weightOf(place.name, 'a')]);
    const daemon = await atFirstStep(place, { query });
    place.show([...errors, weightOf(place.name, 'a'), weightOf(place.name, 'b')]);
    const reason = await paused(daemon, place, 'BadQuery');
    expect(reason).toMatch(
      /^errors: Prometheus answered 422: found duplicate series .*; correct the query, or the series it reads; it goes on once the query gives one number$/,
    );
    const seen = looks(place);
    place.show([...errors, weightOf(place.name, 'a')]);
    await expectHealed(daemon, place, 'BadQuery', seen);
  });

  test('for sure, because a storage behind it is away: that is no data, whatever it answers', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    onTestFinished(() => measured.exporter.setRemote(true));
    const stored = { [REMOTE_LABEL]: REMOTE_VALUE };
    place.show(
      ['v1', 'v2'].map((version) => {
        const series = errorsOf(place.name, version, '0');
        return { ...series, labels: { ...series.labels, ...stored } };
      }),
    );
    const query = `shop_errors{place="${place.name}",version="{{version}}",${REMOTE_LABEL}="${REMOTE_VALUE}"}`;
    const daemon = await atFirstStep(place, { ...IMPATIENT, query });
    await shows(daemon, ({ metrics }) => metrics[0]?.verdict === 'pass');
    measured.exporter.setRemote(false);
    const reason = await paused(daemon, place, 'NoData');
    expect(reason).toMatch(/^errors has had no data for \d+s: canary: Prometheus warned: .*remote/);
    expect(measured.exporter.remoteFailures()).toBeGreaterThan(0);
    const seen = looks(place);
    measured.exporter.setRemote(true);
    await expectHealed(daemon, place, 'NoData', seen);
  });
});
