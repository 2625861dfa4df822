import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createMemory, newEntry } from '../../src/controller/memory.ts';
import { createSignalDesk } from '../../src/controller/signal-desk.ts';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { GrafanaBody } from '../../src/view/webhooks.ts';
import { listenToProcess } from '../support/listen-to-process.ts';
import { paymentSpec } from '../view/states.ts';
import { serverOf, standIn } from './stand-in.ts';

/** Stands where a caller might leave a secret, and must come back in no answer and no log. */
const PLANTED = 'planted-secret-7f3a9c';
const SECRET = 'correct-horse-battery-staple';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    '',
    'payment-service',
    'rollback',
    'critical',
    '__proto__',
    '\ud800',
    PLANTED,
    'x'.repeat(9_000),
  ),
);
const key = fc.oneof(
  fc.constantFrom(
    'alertname',
    'canary',
    'service',
    'canary_action',
    'severity',
    'grafana_state_reason',
    'toString',
  ),
  text,
);
const labels = fc
  .tuple(fc.dictionary(key, text, { maxKeys: 8 }), fc.boolean())
  .map(([some, isOurs]) => (isOurs ? { ...some, canary: 'payment-service' } : some));
const time = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.constantFrom(
      '0001-01-01T00:00:00Z',
      '2026-11-23T08:00:00.123456789+02:00',
      '9999-12-31T23:59:59Z',
    ),
  },
  {
    weight: 30,
    arbitrary: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('2099-01-01') })
      .map((date) => date.toISOString()),
  },
  { weight: 1, arbitrary: fc.constantFrom('now', '', '2026-99-99T00:00:00Z') },
);
const anything = fc.anything({ withNullPrototype: false }).map((value) => JSON.stringify(value) ?? 'null');
const maybe = <T>(value: fc.Arbitrary<T>) => fc.oneof({ weight: 100, arbitrary: value }, fc.jsonValue());
const alert = fc.record(
  {
    status: maybe(fc.constantFrom('firing', 'resolved')),
    labels: maybe(labels),
    annotations: maybe(labels),
    startsAt: maybe(time),
    endsAt: maybe(time),
    fingerprint: maybe(text),
  },
  { requiredKeys: ['status', 'labels'] },
);
const unified = fc.record(
  {
    version: fc.constantFrom('4', '4', '4', '1', 4),
    alerts: maybe(fc.array(alert, { maxLength: 5 })),
    truncatedAlerts: maybe(fc.nat()),
  },
  { requiredKeys: ['alerts'] },
);
const older = fc.record(
  {
    title: maybe(text),
    state: maybe(fc.constantFrom('alerting', 'ok', 'no_data', 'paused')),
    tags: maybe(labels),
    message: maybe(text),
    ruleName: maybe(text),
    ruleId: maybe(fc.double()),
  },
  { requiredKeys: ['state'] },
);
const body = fc.oneof(
  { weight: 6, arbitrary: unified.map((value) => JSON.stringify(value)) },
  { weight: 3, arbitrary: older.map((value) => JSON.stringify(value)) },
  { weight: 2, arbitrary: anything },
  { weight: 1, arbitrary: text },
);
const headers = fc.record(
  {
    authorization: fc.oneof(
      { weight: 8, arbitrary: fc.constant(`Bearer ${SECRET}`) },
      fc.constantFrom(`Bearer ${PLANTED}`, `Basic ${PLANTED}`),
    ),
    'x-grafana-alerting-signature': fc.constantFrom(PLANTED, 'a'.repeat(64)),
    'x-grafana-alerting-timestamp': fc.constantFrom('1', PLANTED),
    'content-type': fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom('application/json', 'application/json; charset=utf-8') },
      fc.constant('text/plain'),
    ),
  },
  { requiredKeys: ['content-type', 'authorization'] },
);

/** The desk and the store behind the real application, as the daemon has them. */
function loaded(secret: string | null) {
  const spec = paymentSpec();
  const behind = standIn({ specs: [spec] });
  const served = serverOf(behind, { secret, labels: ALERT_LABELS });
  const memory = createMemory();
  memory.put(newEntry(spec, 'present', 0));
  const desk = createSignalDesk({
    store: served.store,
    clock: served.clock,
    memory,
    isLeading: () => true,
    enqueue() {},
  });
  behind.told = (webhook) => {
    const answer = desk.receive(webhook);
    served.store.flush();
    return answer;
  };
  return { ...served, entry: memory.get(spec.canary.name) };
}

test.each([null, SECRET])(
  'whatever is posted to a webhook (secret: %s) is taken or refused with a reason, and what is refused changes nothing',
  async (secret) => {
    const { app, store, entry, errors } = loaded(secret);
    const said = listenToProcess();
    const snapshot = () => JSON.stringify([store.lastEventId(), [...(entry?.signals.values() ?? [])]]);
    const taken = { count: 0, refused: 0, recorded: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('grafana', 'alertmanager'),
        body,
        headers,
        async (type, payload, given) => {
          const before = snapshot();
          const answer = await app.inject({
            method: 'POST',
            url: `/webhooks/${type}`,
            headers: given,
            payload,
          });
          if (answer.statusCode === 202) {
            taken.count += 1;
            if (snapshot() !== before) taken.recorded += 1;
            return;
          }
          taken.refused += 1;
          expect(answer.statusCode).toBeGreaterThanOrEqual(400);
          expect(answer.statusCode).toBeLessThan(500);
          expect(answer.json()).toMatchObject({
            code: expect.stringMatching(/^[A-Z_]+$/),
            detail: expect.stringMatching(/./),
            hint: expect.stringMatching(/./),
          });
          expect(snapshot()).toBe(before);
          for (const secretText of [PLANTED, SECRET]) expect(answer.body).not.toContain(secretText);
        },
      ),
      { numRuns: 300 },
    );
    expect(errors).toEqual([]);
    expect(said()).not.toMatch(new RegExp(`${PLANTED}|${SECRET}`));
    expect(taken.count).toBeGreaterThan(10);
    expect(taken.refused).toBeGreaterThan(10);
    expect(taken.recorded).toBeGreaterThan(0);
  },
);

test('a body with alerts is never read as one from before unified alerting', () => {
  const counts = { read: 0, refused: 0 };
  const both = fc.tuple(older, unified).map(([before, now]) => ({ ...before, ...now }));
  fc.assert(
    fc.property(both, (given) => {
      const { data, error } = GrafanaBody.safeParse(given);
      if (data === undefined) {
        counts.refused += 1;
        const [{ path = [], message = '' } = {}] = error?.issues ?? [];
        expect(`${path.join('.')} ${message}`).toMatch(/^( is none of Grafana: )?(alerts|truncatedAlerts)\b/);
      } else {
        counts.read += 1;
        expect(data).not.toHaveProperty('state');
        expect(data).toHaveProperty('alerts.length', Array.isArray(given.alerts) ? given.alerts.length : -1);
      }
    }),
  );
  expect(Math.min(counts.read, counts.refused)).toBeGreaterThan(5);
});
