import { createHmac } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import { newToken, withToken } from '../../src/access/tokens.ts';
import { runProcess } from '../cli/run.ts';
import { startStandIn } from '../metrics/stand-in.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { aWorld, type Cleanup, startDaemon, until } from './world.ts';

const PLANTED = {
  nacosPassword: 'planted-nacos-password',
  prometheusToken: 'planted-prometheus-token',
  webhookSecret: 'planted-webhook-secret',
  wrongSecret: 'planted-wrong-secret-guess',
  notifyPath: 'planted-notify-path',
  header: 'planted-header-value',
};

/** A Prometheus that refuses every query and repeats what it was sent. */
async function repeatingPrometheus(cleanup: Cleanup) {
  const prometheus = await startStandIn(({ request }, response) => {
    response.statusCode = 400;
    const error = JSON.stringify(request.headers);
    response.end(JSON.stringify({ status: 'error', errorType: 'bad_data', error }));
  });
  cleanup(() => prometheus.close());
  return prometheus;
}

/** The declaration of the shop as one that needs no Nacos, so that Prometheus is asked. */
function kioskOf(dir: string): string {
  return readFileSync(join(dir, 'canaries/shop.yaml'), 'utf8')
    .replaceAll('shop', 'kiosk')
    .replace(/nacos: \{.*?\}/, 'file: { path: kiosk.json }')
    .replace(/^ +ready:.*\n/m, '');
}

/** Sends bytes that may be no request at all. Resolves with what came back. */
function raw(url: URL, text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(url.port), url.hostname, () => socket.write(text));
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

test('no secret stands in the log, in an answer, in the database or in what the command line says', {
  timeout: 60_000,
}, async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  world.declare('v2');
  // Both sides refuse, and Prometheus repeats what it was sent.
  const nacos = await startDevNacos({ version: '3.1', auth: { username: 'canary', password: 'another' } });
  onTestFinished(() => nacos.close());
  const prometheus = await repeatingPrometheus(onTestFinished);
  const write = (name: string, text: string) => {
    writeFileSync(join(world.dir, name), text);
    return join(world.dir, name);
  };
  const [admin, viewer, unknown] = [newToken(), newToken(), newToken()];
  const file = withToken('', { name: 'ana', role: 'admin', sha256: admin.sha256 });
  const tokens = write('tokens', withToken(file, { name: 'vic', role: 'viewer', sha256: viewer.sha256 }));
  write('canaries/kiosk.yaml', kioskOf(world.dir));
  const daemon = startDaemon(
    onTestFinished,
    [
      ...['--canaries', join(world.dir, 'canaries'), '--db', world.db, '--listen', '127.0.0.1:0'],
      ...['--nacos', nacos.url, '--prometheus', prometheus.url, '--tick', '200ms', '--tokens', tokens],
      ...['--log-format', 'json', '--log-level', 'debug', '--prometheus-header', `X-Key: ${PLANTED.header}`],
      ...['--notify-url', `http://127.0.0.1:1/${PLANTED.notifyPath}`],
    ],
    {
      CANARY_NACOS_USERNAME: 'canary',
      CANARY_NACOS_PASSWORD_FILE: write('nacos-password', PLANTED.nacosPassword),
      CANARY_PROMETHEUS_TOKEN_FILE: write('prometheus-token', PLANTED.prometheusToken),
      CANARY_WEBHOOK_SECRET_FILE: write('webhook-secret', PLANTED.webhookSecret),
    },
  );
  const url = await daemon.url();
  const heard: string[] = [];
  async function ask(path: string, authorization: string | null, body?: string, more: object = {}) {
    const response = await fetch(url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'content-type': 'application/json',
        ...(authorization === null ? {} : { authorization }),
        ...more,
      },
      ...(body === undefined ? {} : { body }),
    });
    heard.push(JSON.stringify([...response.headers]), await response.text());
    return response.status;
  }
  const bearers = [admin.secret, viewer.secret, unknown.secret, `${admin.secret}x`, PLANTED.wrongSecret];
  const schemes = bearers.flatMap((secret) => [`Bearer ${secret}`, `Basic ${secret}`, secret]);
  const statuses = new Set<number>();
  for (const authorization of [null, ...schemes, `Bearer ${PLANTED.webhookSecret}`]) {
    for (const path of ['/api/v1/canaries', '/metrics', '/openapi.json', '/readyz', '/api/v1/canaries/%zz']) {
      statuses.add(await ask(path, authorization));
    }
    for (const path of [
      '/api/v1/canaries/shop/pause',
      '/api/v1/canaries/shop/forget',
      '/api/v1/canary/start',
    ]) {
      for (const body of ['{}', '{', '{"force":true}', ''])
        statuses.add(await ask(path, authorization, body));
    }
    for (const body of ['{"alerts":[]}', '{', '{"alerts":7}']) {
      statuses.add(await ask('/webhooks/alertmanager', authorization, body));
    }
  }
  const at = String(Math.floor(Date.now() / 1000));
  const sign = (secret: string) => createHmac('sha256', secret).update(`${at}:{"alerts":[]}`).digest('hex');
  for (const secret of [PLANTED.webhookSecret, PLANTED.wrongSecret]) {
    const headers = { 'x-grafana-alerting-timestamp': at, 'x-grafana-alerting-signature': sign(secret) };
    statuses.add(await ask('/webhooks/grafana', null, '{"alerts":[]}', headers));
  }
  for (const status of [200, 202, 400, 401, 403, 409, 429]) expect(statuses).toContain(status);
  heard.push(await raw(new URL(url), `GET / HTTP/1.1\r\nAuthorization: Bearer ${admin.secret}\x01\r\n\r\n`));
  heard.push(await raw(new URL(url), `${admin.secret}\r\n\r\n`));

  // Files that break while it runs, with a secret where it should not be.
  write('tokens', `tokens: [{name: ${unknown.secret}, sha256: ${unknown.secret}}]`);
  write('webhook-secret', `${PLANTED.webhookSecret}\n${PLANTED.wrongSecret}`);
  await daemon.logged({ level: 'error', what: 'tokens' });
  await daemon.logged({ level: 'error', what: 'webhook secret' });
  await ask('/api/v1/canaries', `Bearer ${admin.secret}`);
  await ask('/metrics', null);
  await ask('/api/v1/events?limit=1000', `Bearer ${admin.secret}`);
  await until(async () => {
    await ask('/api/v1/canaries', `Bearer ${admin.secret}`);
    const list = heard.at(-1) ?? '';
    return list.includes('the login failed') && list.includes('Prometheus answered 400');
  });

  const env = { CANARY_SERVER: url, CANARY_TOKEN_FILE: write('mine', unknown.secret) };
  for (const argv of [['list'], ['pause', 'shop'], ['token', 'list', '--tokens', tokens]]) {
    const { code, out, talk } = await runProcess(argv, env);
    expect(code).toBe(1);
    heard.push(out, talk);
  }
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  const kept = readdirSync(world.dir)
    .filter((name) => name.startsWith('canary.db'))
    .map((name) => readFileSync(join(world.dir, name), 'latin1'));
  expect(heard.join('').length).toBeGreaterThan(10_000);
  expect(kept.join('').length).toBeGreaterThan(10_000);
  const said = [...heard, ...kept, JSON.stringify(daemon.lines)].join('\n');
  const secrets = [...Object.values(PLANTED), admin.secret, viewer.secret, unknown.secret];
  expect(secrets.filter((secret) => said.includes(secret))).toEqual([]);
});

test('nor does a key, or a user’s password for Prometheus and for notifications, also of settings that are refused', {
  timeout: 60_000,
}, async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  world.declare('v2');
  const write = (name: string, text: string) => {
    writeFileSync(join(world.dir, name), text);
    return join(world.dir, name);
  };
  write('canaries/kiosk.yaml', kioskOf(world.dir));
  const prometheus = await repeatingPrometheus(onTestFinished);
  const [{ cert, key }, other] = [selfSigned('localhost', true), selfSigned('localhost', true)];
  const basic = 'planted-user:planted-basic-password';
  const notify = 'planted-notifier:planted-notify-password';
  const encoded = [basic, notify].map((text) => Buffer.from(text).toString('base64'));
  const lines = [key, other.key].flatMap((pem) => pem.split('\n').filter((line) => /^[^-]/.test(line)));
  const planted = [
    'planted-basic-password',
    'planted-notify-password',
    'planted-notify-path',
    'planted-key',
    ...encoded,
    ...lines,
  ];
  const serve = (notifyUrl: string, basicText: string, keyText: string) =>
    startDaemon(
      onTestFinished,
      [
        ...['--canaries', join(world.dir, 'canaries'), '--db', world.db, '--listen', '127.0.0.1:0'],
        ...['--nacos', world.nacos.url, '--prometheus', prometheus.url, '--tick', '200ms'],
        ...['--log-format', 'json', '--log-level', 'debug', '--notify-url', notifyUrl],
        ...['--tls-cert', write('tls.crt', cert), '--tls-key', write('tls.key', keyText)],
      ],
      { CANARY_PROMETHEUS_BASIC_FILE: write('prometheus-basic', basicText) },
    );

  const refused = serve(
    `http://${notify}@127.0.0.1:1/`,
    'planted-basic-password',
    `planted-key\n${other.key}`,
  );
  expect(await refused.ended).toBe(78);
  const faults = JSON.stringify(refused.lines);
  for (const setting of ['prometheus-basic', '--notify-url', 'tls.key']) expect(faults).toContain(setting);
  const daemon = serve('http://127.0.0.1:1/planted-notify-path', basic, key);
  const env = { CANARY_SERVER: await daemon.url(), CANARY_SERVER_CA: join(world.dir, 'tls.crt') };
  await daemon.logged({ msg: 'notification is sent again later' });
  write('tls.key', other.key);
  await daemon.logged({ level: 'error', what: 'certificate' });
  const heard: string[] = [];
  for (const argv of [
    ['list', '-o', 'json'],
    ['get', 'kiosk', '-o', 'json'],
    ['explain', 'kiosk'],
    ['events'],
  ]) {
    const { out, talk } = await runProcess(argv, env);
    heard.push(out, talk);
  }
  daemon.kill('SIGTERM');
  expect(await daemon.ended).toBe(0);
  const kept = readdirSync(world.dir)
    .filter((name) => name.startsWith('canary.db'))
    .map((name) => readFileSync(join(world.dir, name), 'latin1'));
  const said = [...heard, ...kept, JSON.stringify([...refused.lines, ...daemon.lines])].join('\n');
  expect(said).toContain('Prometheus answered 400');
  expect(planted.filter((secret) => said.includes(secret))).toEqual([]);
});
