import { createHmac } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/controller/controls.ts';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { REPLAY_WINDOW_MS } from '../../src/server/webhook-secret.ts';
import { NOW, paymentSpec } from '../view/states.ts';
import { parseExposition } from './exposition.ts';
import { OPEN_WEBHOOKS, serverOf, standIn } from './stand-in.ts';

const SECRET = 'correct-horse-battery-staple';
const JSON_TYPE = { 'content-type': 'application/json' };

function loaded(webhooks = OPEN_WEBHOOKS) {
  const behind = standIn({ specs: [paymentSpec()] });
  const served = serverOf(behind, webhooks);
  return {
    behind,
    ...served,
    post: (type: string, body: unknown, headers: Record<string, string> = {}, remoteAddress?: string) =>
      served.app.inject({
        method: 'POST',
        url: `/webhooks/${type}`,
        headers: { ...JSON_TYPE, ...headers },
        payload: typeof body === 'string' ? body : JSON.stringify(body),
        ...(remoteAddress === undefined ? {} : { remoteAddress }),
      }),
    alerts: (): readonly Alert[] => behind.received.flatMap(({ alerts }) => alerts),
  };
}

function anAlert(over: object = {}) {
  return {
    status: 'firing',
    labels: { alertname: 'SloBurn', canary: 'payment-service', severity: 'critical' },
    annotations: { summary: 'the budget burns', description: 'longer' },
    startsAt: '2026-11-23T08:00:00.123456789Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus.example/graph',
    fingerprint: '91c94a0d5bd7a0ff',
    ...over,
  };
}

/** A counter as `GET /metrics` shows it. */
async function counted(app: FastifyInstance, name: string, type: string, result: string): Promise<number> {
  const { samples } = parseExposition((await app.inject('/metrics')).body);
  const sample = samples.find(
    (one) => one.name === name && one.labels['type'] === type && one.labels['result'] === result,
  );
  return sample?.value ?? Number.NaN;
}

const STARTED = Date.UTC(2026, 10, 23, 8, 0, 0, 123);

/** As Alertmanager 0.28 sends it. */
function alertmanager(...alerts: readonly object[]) {
  return {
    receiver: 'canary',
    status: 'firing',
    alerts,
    groupLabels: { canary: 'payment-service' },
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager.example',
    version: '4',
    groupKey: '{}:{canary="payment-service"}',
    truncatedAlerts: 0,
  };
}

/** As Grafana 12 sends it: the same, and more. */
function grafana(...alerts: readonly object[]) {
  return {
    ...alertmanager(
      ...alerts.map((alert) => ({
        ...alert,
        values: { B: 0.3, C: 1 },
        valueString: "[ var='B' value=0.3 ]",
        dashboardURL: '',
        panelURL: '',
        silenceURL: 'http://grafana.example/silence',
      })),
    ),
    version: '1',
    orgId: 1,
    title: '[FIRING:1] SloBurn',
    state: 'alerting',
    message: '**Firing**',
  };
}

describe('a body of Alertmanager', () => {
  test('is read alert by alert, firing and resolved', async () => {
    const { post, behind } = loaded();
    const body = alertmanager(
      anAlert(),
      anAlert({ status: 'resolved', endsAt: '2026-11-23T08:10:00Z', fingerprint: 'beef' }),
    );
    const answer = await post('alertmanager', body);
    expect(answer.statusCode).toBe(202);
    expect(answer.json()).toMatchObject({
      alerts: [{ alert: 'SloBurn' }, {}],
      truncated: 0,
      replayed: false,
    });
    expect(behind.received).toEqual([
      {
        type: 'alertmanager',
        address: '127.0.0.1',
        body: JSON.stringify(body),
        alerts: [
          {
            canary: 'payment-service',
            service: null,
            action: 'rollback',
            fingerprint: '91c94a0d5bd7a0ff',
            startedAt: STARTED,
            endedAt: null,
            name: 'SloBurn',
            firing: true,
            summary: 'the budget burns',
          },
          expect.objectContaining({ firing: false, endedAt: Date.UTC(2026, 10, 23, 8, 10) }),
        ],
      },
    ]);
  });

  test('that left alerts out says so in the answer', async () => {
    const { post } = loaded();
    const answer = await post('alertmanager', { ...alertmanager(anAlert()), truncatedAlerts: 3 });
    expect(answer.json()).toMatchObject({ truncated: 3 });
  });
});

describe('what an alert asks for', () => {
  test.each([
    [{ canary_action: 'rollback' }, 'rollback'],
    [{ canary_action: 'pause', severity: 'critical' }, 'pause'],
    [{ canary_action: ' Promote ' }, 'promote'],
    [{ canary_action: 'ignore', severity: 'critical' }, 'ignore'],
    [{ severity: 'critical' }, 'rollback'],
    [{ severity: 'Critical' }, 'rollback'],
    [{ severity: 'warning' }, 'pause'],
    [{}, 'pause'],
    [{ canary_action: 'rolback' }, 'pause'],
    [{ canary_action: 'none', severity: 'critical' }, 'pause'],
    [{ canary_action: '', severity: 'critical' }, 'rollback'],
  ])('by the labels %j is %s', async (labels, action) => {
    const { post, alerts } = loaded();
    await post('alertmanager', alertmanager(anAlert({ labels })));
    expect(alerts()).toMatchObject([{ action, canary: null, service: null, name: 'unnamed' }]);
  });

  test('and is no word that is known, is said, logged and counted; a flood of them is one line', async () => {
    const { post, alerts, app, warnings } = loaded();
    const body = alertmanager(
      anAlert({ labels: { canary_action: 'nöne\n', severity: 'critical' } }),
      anAlert(),
    );
    await post('alertmanager', body);
    await post('alertmanager', body);
    const [mistaken, sound] = alerts();
    expect(mistaken).toMatchObject({
      action: 'pause',
      summary:
        'canary_action "nöne" is none of rollback, pause, promote, ignore, so it pauses: the budget burns',
    });
    expect(sound).toMatchObject({ action: 'rollback', summary: 'the budget burns' });
    const page = parseExposition((await app.inject('/metrics')).body);
    const count = page.samples.find(
      ({ name, labels }) =>
        name.endsWith('webhook_actions_unknown_total') && labels['type'] === 'alertmanager',
    );
    expect(count?.value).toBe(2);
    expect(warnings).toEqual([
      {
        type: 'alertmanager',
        label: 'canary_action',
        unknown: ['nöne'],
        known: ['rollback', 'pause', 'promote', 'ignore'],
      },
    ]);
  });

  test('and is no word that is known pauses in the body from before unified alerting too', async () => {
    const { post, alerts, warnings } = loaded();
    const tags = { canary_action: 'revert', severity: 'critical' };
    await post('grafana', { title: '[Alerting] x', state: 'alerting', tags });
    expect(alerts()).toMatchObject([{ action: 'pause', summary: expect.stringContaining('"revert"') }]);
    expect(warnings).toMatchObject([{ unknown: ['revert'] }]);
  });

  test('is read from the labels that the settings name', async () => {
    const labels = { canary: 'app', service: 'svc', action: 'do', severity: 'level' };
    const { post, alerts } = loaded({ secret: null, labels });
    const told = { app: 'shop', svc: 'basket', do: 'promote', canary: 'x', canary_action: 'ignore' };
    await post(
      'alertmanager',
      alertmanager(anAlert({ labels: told }), anAlert({ labels: { level: 'critical' } })),
    );
    expect(alerts()).toMatchObject([
      { canary: 'shop', service: 'basket', action: 'promote' },
      { canary: null, action: 'rollback' },
    ]);
  });
});

describe('a body of Grafana', () => {
  test('of unified alerting is read like Alertmanager’s', async () => {
    const { post, alerts } = loaded();
    await post('grafana', grafana(anAlert(), anAlert({ status: 'resolved', fingerprint: 'beef' })));
    expect(alerts()).toMatchObject([
      { fingerprint: '91c94a0d5bd7a0ff', action: 'rollback', firing: true, startedAt: STARTED },
      { fingerprint: 'beef', firing: false },
    ]);
  });

  test('may have no annotations', async () => {
    const { post, alerts } = loaded();
    expect((await post('grafana', grafana(anAlert({ annotations: null })))).statusCode).toBe(202);
    expect(alerts()).toMatchObject([{ name: 'SloBurn', action: 'rollback', summary: '' }]);
  });

  test.each([
    [{ labels: { alertname: 'DatasourceNoData', severity: 'critical', canary_action: 'rollback' } }, 'pause'],
    [{ labels: { alertname: 'DatasourceError', canary_action: 'promote' } }, 'ignore'],
    [{ annotations: { grafana_state_reason: 'NoData' } }, 'pause'],
    [{ annotations: { grafana_state_reason: 'MissingSeries' } }, 'rollback'],
  ])('that tells of a rule that could not be evaluated, %j, asks for %s at most', async (over, action) => {
    const { post, alerts } = loaded();
    await post('grafana', grafana(anAlert(over)));
    expect(alerts()).toMatchObject([{ action }]);
  });

  test.each([
    ['promote', { labels: { alertname: 'SalesGood', canary_action: 'promote' } }],
    ['rollback', {}],
  ])('that ends an alert for %s because its rule could not be evaluated is its end', async (action, over) => {
    const { post, alerts } = loaded();
    const annotations = { grafana_state_reason: 'NoData' };
    await post('grafana', grafana(anAlert({ ...over, status: 'resolved', annotations })));
    expect(alerts()).toMatchObject([{ action, firing: false }]);
  });

  const older = (state: string, over: object = {}) => ({
    dashboardId: 1,
    evalMatches: [{ value: 0.3, metric: 'error-rate', tags: null }],
    message: 'error rate of the canary',
    orgId: 1,
    panelId: 2,
    ruleId: 7,
    ruleName: 'Canary error rate',
    state,
    tags: { service: 'payment-service' },
    title: `[${state === 'ok' ? 'OK' : 'Alerting'}] Canary error rate`,
    ...over,
  });

  test('as it was before, and as the founding article reads it, is one alert of one rule', async () => {
    const { post, alerts } = loaded();
    await post('grafana', older('alerting'));
    await post('grafana', older('ok'));
    await post('grafana', older('alerting', { tags: { service: 'payment-service', severity: 'critical' } }));
    const [first, second, third] = alerts();
    expect(first).toEqual({
      canary: null,
      service: 'payment-service',
      action: 'pause',
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/),
      startedAt: null,
      endedAt: null,
      name: 'Canary error rate',
      firing: true,
      summary: 'error rate of the canary',
    });
    expect(second).toEqual({ ...first, firing: false });
    expect(third).toMatchObject({ action: 'rollback' });
  });

  test('with no more than the article needs is read too; the title tells which rule', async () => {
    const { post, alerts } = loaded();
    await post('grafana', {
      title: '[Alerting] Slow',
      state: 'alerting',
      tags: { service: 'payment-service' },
    });
    await post('grafana', { title: '[OK] Slow', state: 'ok', tags: { service: 'payment-service' } });
    const [firing, over] = alerts();
    expect(firing?.name).toBe('Slow');
    expect(over).toEqual({ ...firing, firing: false });
  });

  test.each(['no_data', 'pending', 'paused', 'unknown'])(
    'in the state %s says nothing, and is kept',
    async (state) => {
      const { post, behind, alerts } = loaded();
      expect((await post('grafana', older(state))).statusCode).toBe(202);
      expect(alerts()).toEqual([]);
      expect(behind.received).toHaveLength(1);
    },
  );
});

describe('a text that people will read', () => {
  test('is one line of bounded length, without control characters', async () => {
    const { post, alerts } = loaded();
    const labels = { alertname: `\u001b[31mBad\r\n${'x'.repeat(500)}` };
    const annotations = { description: `a\u2028b\u0000 ${'y'.repeat(500)}` };
    await post('alertmanager', alertmanager(anAlert({ labels, annotations })));
    const [{ name = '', summary = '' } = {}] = alerts();
    expect(name).toMatch(/^\[31mBad x{180,}$/);
    expect(summary).toMatch(/^a b y{290,}$/);
    expect([name.length, summary.length]).toEqual([200, 300]);
  });

  test('a fingerprint that is none is made from the labels', async () => {
    const { post, alerts } = loaded();
    const twice = ['not a fingerprint!', undefined].map((fingerprint) => anAlert({ fingerprint }));
    await post('alertmanager', alertmanager(...twice, anAlert({ fingerprint: undefined, labels: {} })));
    const prints = alerts().map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(3);
    for (const print of prints) expect(print).toMatch(/^[0-9a-f]{16}$/);
  });
});

describe('a body that is none', () => {
  test.each([
    ['alertmanager', '[]', 'INVALID_BODY', 'the body must be an Alertmanager body with alerts'],
    ['alertmanager', '{}', 'INVALID_BODY', 'alerts'],
    ['alertmanager', 'null', 'INVALID_BODY', ''],
    ['alertmanager', '', 'INVALID_REQUEST', 'cannot be empty'],
    ['alertmanager', '{"alerts":[', 'INVALID_JSON', 'not valid JSON'],
    ['alertmanager', '{"alerts":[{"__proto__":{"status":"firing"}}]}', 'INVALID_JSON', 'not valid JSON'],
    ['alertmanager', { version: '5', alerts: [] }, 'INVALID_BODY', 'version must be "4"'],
    [
      'alertmanager',
      { alerts: [anAlert({ status: 'on' })] },
      'INVALID_BODY',
      'alerts.0.status must be firing or resolved',
    ],
    ['alertmanager', { alerts: [anAlert({ startsAt: 'soon' })] }, 'INVALID_BODY', 'startsAt must be a time'],
    [
      'alertmanager',
      { alerts: [anAlert(), anAlert({ labels: { a: 1 } })] },
      'INVALID_BODY',
      'alerts.1.labels.a',
    ],
    ['grafana', '{"title":"x"}', 'INVALID_BODY', 'must be a Grafana body'],
    [
      'grafana',
      grafana(anAlert(), anAlert({ startsAt: 'soon' })),
      'INVALID_BODY',
      'alerts.1.startsAt must be a time, RFC 3339',
    ],
    [
      'grafana',
      grafana(anAlert(), anAlert({ status: 'on' })),
      'INVALID_BODY',
      'the body is none of Grafana: alerts.1.status must be firing or resolved',
    ],
    ['grafana', { state: 'alerting', alerts: null }, 'INVALID_BODY', 'alerts must be a list of alerts'],
    ['grafana', { state: 'alerting', tags: ['a'] }, 'INVALID_BODY', 'must be a Grafana body'],
  ])('for %s, %j, is refused with %s, whole', async (type, body, code, detail) => {
    const { post, behind, app } = loaded();
    const answer = await post(type, body);
    expect(answer.statusCode).toBe(400);
    expect(answer.json()).toMatchObject({ code, detail: expect.stringContaining(detail) });
    expect(behind.received).toEqual([]);
    expect(await counted(app, 'canary_controller_webhook_requests_total', type, 'refused')).toBe(1);
  });

  test('of more than 1 MiB is refused with 413, one of 900 KiB is not', async () => {
    const { post, behind } = loaded();
    const long = (kib: number) => ({ ...alertmanager(anAlert()), pad: 'x'.repeat(kib * 1024) });
    const refused = await post('alertmanager', long(1025));
    expect([refused.statusCode, refused.json().hint]).toEqual([413, 'send at most 1024 KiB']);
    expect(behind.received).toEqual([]);
    expect((await post('alertmanager', long(900))).statusCode).toBe(202);
  });

  test('of more alerts than can be recorded at once is refused with 413 and what to do', async () => {
    const { post, behind } = loaded();
    const refusal = { status: 413, code: 'TOO_MANY_ALERTS', detail: 'too many', hint: 'group' } as const;
    behind.told = async () => refusal;
    const answer = await post('alertmanager', alertmanager(anAlert()));
    expect(answer.statusCode).toBe(413);
    expect(answer.json()).toMatchObject({ ...refusal, title: 'Too many alerts' });
  });

  test('of another type is refused with 415', async () => {
    const { app, behind } = loaded();
    const payload = JSON.stringify(alertmanager(anAlert()));
    const answer = await app.inject({
      method: 'POST',
      url: '/webhooks/alertmanager',
      headers: { 'content-type': 'text/plain' },
      payload,
    });
    expect(answer.statusCode).toBe(415);
    expect(behind.received).toEqual([]);
  });

  test('other methods are told which one is right', async () => {
    const { app } = loaded();
    const answer = await app.inject('/webhooks/grafana');
    expect(answer.statusCode).toBe(405);
    expect(answer.headers['allow']).toBe('POST');
  });
});

describe('without a secret', () => {
  test('webhooks are taken from this machine only', async () => {
    const { post, behind } = loaded();
    const answer = await post('grafana', grafana(anAlert()), {}, '192.0.2.7');
    expect(answer.statusCode).toBe(403);
    expect(answer.json()).toMatchObject({ code: 'NOT_LOOPBACK' });
    expect((await post('grafana', grafana(anAlert()), { origin: 'http://evil.example' })).statusCode).toBe(
      403,
    );
    expect(behind.received).toEqual([]);
  });
});

describe('with a secret', () => {
  const secured = () => loaded({ secret: SECRET, labels: ALERT_LABELS });
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const sign = (body: string, at: number, secret = SECRET) => {
    const seconds = String(Math.floor(at / 1000));
    return {
      'x-grafana-alerting-timestamp': seconds,
      'x-grafana-alerting-signature': createHmac('sha256', secret).update(`${seconds}:${body}`).digest('hex'),
    };
  };

  test('a bearer token opens it, from any machine', async () => {
    const { post, behind } = secured();
    const answer = await post('alertmanager', alertmanager(anAlert()), bearer(SECRET), '192.0.2.7');
    expect(answer.statusCode).toBe(202);
    expect(behind.received).toMatchObject([{ address: '192.0.2.7' }]);
  });

  test('a signature of the body opens it', async () => {
    const { post, behind } = secured();
    const body = JSON.stringify(grafana(anAlert()));
    expect((await post('grafana', body, sign(body, NOW), '192.0.2.7')).statusCode).toBe(202);
    expect(behind.received).toHaveLength(1);
  });

  test.each([
    ['nothing', {}, 401, 'WEBHOOK_UNSIGNED'],
    ['another token', bearer(`${SECRET}x`), 403, 'WEBHOOK_SECRET_WRONG'],
    ['an empty token', { authorization: 'Bearer ' }, 403, 'WEBHOOK_SECRET_WRONG'],
    ['another scheme', { authorization: `Basic ${SECRET}` }, 403, 'WEBHOOK_SECRET_WRONG'],
    ['a signature of another body', sign('{}', NOW), 403, 'WEBHOOK_SECRET_WRONG'],
    [
      'a signature by another secret',
      sign(JSON.stringify(grafana(anAlert())), NOW, 'x'),
      403,
      'WEBHOOK_SECRET_WRONG',
    ],
    ['a signature without a time', { 'x-grafana-alerting-signature': 'a'.repeat(64) }, 403, 'WEBHOOK_STALE'],
    [
      'an old signature',
      sign(JSON.stringify(grafana(anAlert())), NOW - REPLAY_WINDOW_MS - 1000),
      403,
      'WEBHOOK_STALE',
    ],
    [
      'one from the future',
      sign(JSON.stringify(grafana(anAlert())), NOW + REPLAY_WINDOW_MS + 2000),
      403,
      'WEBHOOK_STALE',
    ],
  ])('%s does not, also from this machine', async (_, headers, status, code) => {
    const { post, behind, errors } = secured();
    const answer = await post('grafana', JSON.stringify(grafana(anAlert())), headers);
    expect(answer.statusCode).toBe(status);
    expect(answer.json()).toMatchObject({ code });
    expect(answer.body).not.toContain(SECRET);
    expect(behind.received).toEqual([]);
    expect(errors).toEqual([]);
  });

  test('a signed request that comes again changes nothing, and one that was not taken may come again', async () => {
    const { post, behind } = secured();
    const body = JSON.stringify(grafana(anAlert()));
    const headers = sign(body, NOW);
    const { told } = behind;
    behind.told = async () => ({ status: 503, code: 'STORE_FAILED', detail: 'full', hint: 'try again' });
    expect((await post('grafana', body, headers)).json()).toMatchObject({ code: 'STORE_FAILED' });
    behind.told = told;
    expect((await post('grafana', body, headers)).json()).toMatchObject({ replayed: false });
    expect((await post('grafana', body, headers)).json()).toMatchObject({ replayed: true, alerts: [] });
    expect(behind.received).toHaveLength(2);
  });

  test('a signed request is the same one however its signature is written', async () => {
    const { post, behind } = secured();
    const body = JSON.stringify(grafana(anAlert()));
    const { 'x-grafana-alerting-signature': signature, ...time } = sign(body, NOW);
    const written = [signature, `sha256=${signature}`, signature.toUpperCase()];
    for (const one of [...written, `sha256=${signature.toUpperCase()}`]) {
      const answer = await post('grafana', body, { ...time, 'x-grafana-alerting-signature': one });
      expect(answer.json()).toMatchObject({ replayed: one !== signature });
    }
    expect(behind.received).toHaveLength(1);
  });

  /** Both copies of one signed request have come before `told` answers the first. */
  async function twoAtOnce(served: ReturnType<typeof secured>) {
    const { app, behind, post } = served;
    const both = Promise.withResolvers<void>();
    let come = 0;
    app.addHook('preHandler', (_request, _reply, done) => {
      come += 1;
      if (come === 2) both.resolve();
      done();
    });
    const { told } = behind;
    behind.told = async (webhook) => {
      await both.promise;
      return told(webhook);
    };
    const body = JSON.stringify(grafana(anAlert()));
    return Promise.all([1, 2].map(() => post('grafana', body, sign(body, NOW))));
  }

  test('of two copies that come at once one is taken', async () => {
    const served = secured();
    const answers = await twoAtOnce(served);
    expect(answers.map((answer) => answer.json().replayed)).toEqual([false, true]);
    expect(served.behind.received).toHaveLength(1);
  });

  test('the second of two copies is taken where the first is not', async () => {
    const served = secured();
    const { told } = served.behind;
    served.behind.told = async (webhook) => {
      if (served.behind.received.length > 1) return told(webhook);
      return { status: 503, code: 'STORE_FAILED', detail: 'full', hint: 'try again' };
    };
    const answers = await twoAtOnce(served);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 202]);
    expect(answers[1]?.json()).toMatchObject({ replayed: false });
  });
});

describe('nothing is taken', () => {
  test('by a standby, nor before the first scan: 503, so that the sender comes again', async () => {
    const { post, behind, app } = loaded();
    const requests = (result: string) =>
      counted(app, 'canary_controller_webhook_requests_total', 'alertmanager', result);
    behind.isLeader = false;
    expect((await post('alertmanager', alertmanager(anAlert()))).json()).toMatchObject({ code: 'STANDBY' });
    expect([await requests('standby'), await requests('refused')]).toEqual([1, 0]);
    behind.isReady = false;
    const answer = await post('alertmanager', alertmanager(anAlert()));
    expect([answer.statusCode, answer.json().code]).toEqual([503, 'NOT_READY']);
    expect(behind.received).toEqual([]);
  });
});

test('an alert for an unknown canary is no error, and is counted', async () => {
  const { post, behind, app } = loaded();
  behind.told = async () => [
    { alert: 'SloBurn', canary: null, action: 'rollback', result: 'unknown', effect: null },
  ];
  const answer = await post('grafana', grafana(anAlert()));
  expect(answer.statusCode).toBe(202);
  expect(answer.json()).toMatchObject({ alerts: [{ canary: null, result: 'unknown' }] });
  expect(await counted(app, 'canary_controller_webhook_alerts_total', 'grafana', 'unknown')).toBe(1);
  expect(await counted(app, 'canary_controller_webhook_requests_total', 'grafana', 'accepted')).toBe(1);
});

test('a body is shown as it came, by the number that its events name', async () => {
  const { app, store, clock } = loaded();
  const kept = store.addWebhook(
    { type: 'grafana', address: '192.0.2.7', body: '{"a":"<b>"}', signals: [] },
    clock.now(),
  );
  store.flush();
  await kept;
  expect((await app.inject('/api/v1/webhooks/1')).json()).toEqual({
    id: 1,
    at: new Date(clock.now()).toISOString(),
    type: 'grafana',
    address: '192.0.2.7',
    size: 11,
    isCut: false,
    body: '{"a":"<b>"}',
  });
  expect((await app.inject('/api/v1/webhooks/2')).json()).toMatchObject({ code: 'NOT_FOUND' });
  expect((await app.inject('/api/v1/webhooks/x')).statusCode).toBe(400);
});
