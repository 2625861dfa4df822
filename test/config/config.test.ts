import { expect, test } from 'vitest';
import { type Config, type ConfigSources, effectiveSettings, loadConfig } from '../../src/config.ts';
import { supportsNode } from '../../src/lib/node-version.ts';
import { selfSigned } from '../traffic/certificate.ts';

interface Given {
  readonly flags?: ConfigSources['flags'];
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
  readonly isCheckout?: boolean;
  readonly isTerminal?: boolean;
}

function load({ flags = {}, env = {}, files = {}, isCheckout = false, isTerminal = false }: Given) {
  return loadConfig({
    flags,
    env,
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: no such file or directory, open '${path}'`);
      return text;
    },
    isCheckout,
    isTerminal,
  });
}

function config(given: Given): Config {
  const result = load(given);
  if (!result.ok) throw new Error(result.error);
  return result.value;
}

function fault(given: Given): string {
  const result = load(given);
  if (result.ok) throw new Error('it was accepted');
  expect(result.error).not.toContain('\n');
  return result.error;
}

test('without anything set the defaults of the interface page are in force', () => {
  expect(config({})).toEqual({
    canaries: 'canaries',
    db: 'canary.db',
    listen: { host: '127.0.0.1', port: 5001 },
    nacos: { urls: ['http://127.0.0.1:8848/nacos'], api: 'auto', credentials: null, ca: null },
    prometheus: { url: 'http://127.0.0.1:9090', token: null, basic: null, ca: null, headers: {}, delayMs: 0 },
    notifyUrl: null,
    tokens: null,
    tls: null,
    limits: { requestsPerSecond: 1000, failuresPerMinute: 60 },
    webhooks: {
      secret: null,
      labels: { canary: 'canary', service: 'service', action: 'canary_action', severity: 'severity' },
    },
    tickMs: 5000,
    logLevel: 'info',
    logFormat: 'json',
  });
});

test('the log is pretty on a terminal unless told otherwise', () => {
  expect(config({ isTerminal: true }).logFormat).toBe('pretty');
  expect(config({ isTerminal: true, flags: { logFormat: 'json' } }).logFormat).toBe('json');
});

test('in a checkout the directory must be named', () => {
  expect(fault({ isCheckout: true })).toContain('--canaries DIR is needed in a checkout');
  expect(config({ isCheckout: true, env: { CANARY_CANARIES: 'canaries' } }).canaries).toBe('canaries');
});

test('a flag wins over the environment, the environment over the file, the file over the default', () => {
  const files = { 's.yaml': 'db: file.db\ntick: 1s\nlisten: 127.0.0.1:1\n' };
  const env = { CANARY_CONFIG: 's.yaml', CANARY_DB: 'env.db', CANARY_TICK: '2s' };
  const loaded = config({ flags: { db: 'flag.db' }, env, files });
  expect(loaded).toMatchObject({ db: 'flag.db', tickMs: 2000, listen: { port: 1 }, logLevel: 'info' });
  const named = config({ flags: { config: 't.yaml' }, env, files: { 't.yaml': 'logLevel: debug' } });
  expect(named.logLevel).toBe('debug');
});

test('an empty variable is no setting', () => {
  expect(config({ env: { CANARY_DB: '', CANARY_NOTIFY_URL: '' } })).toMatchObject({
    db: 'canary.db',
    notifyUrl: null,
  });
});

test('every setting can stand in the file, with or without dashes', () => {
  const { cert, key } = selfSigned('localhost', true);
  const files = {
    's.yaml': `
      canaries: /etc/canaries
      db: /var/lib/canary.db
      listen: "[::1]:0"
      nacos: [http://a:8848/nacos, http://b:8848/nacos/]
      nacos-api: v3
      nacosUsername: canary
      nacosPasswordFile: pw
      nacos-ca: ca.pem
      prometheus: https://prom.example/prefix/
      prometheusTokenFile: token
      prometheus-ca: ca.pem
      prometheusHeader: ['X-Scope-OrgID: team', 'X-Two: b']
      prometheusDelay: 20s
      notifyUrl: https://hooks.example/T0/secret
      tokens: tokens.yaml
      tls-cert: cert.pem
      tlsKey: key.pem
      rateLimit: 50
      failureLimit: 0
      webhookSecretFile: hook
      webhook-labels: canary=app, severity=level
      tick: 250ms
      logLevel: warn
      logFormat: pretty`,
    pw: 'hunter2\n',
    hook: 'hunter2-hunter2-hunter2\n',
    token: 'abc\n',
    'tokens.yaml': 'tokens: []\n',
    'cert.pem': cert,
    'key.pem': key,
    'ca.pem': '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n',
  };
  const ca = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----';
  const nacos = ['http://a:8848/nacos', 'http://b:8848/nacos'];
  expect(config({ flags: { config: 's.yaml' }, files })).toEqual({
    canaries: '/etc/canaries',
    db: '/var/lib/canary.db',
    listen: { host: '::1', port: 0 },
    nacos: { urls: nacos, api: 'v3', credentials: { username: 'canary', password: 'hunter2' }, ca },
    prometheus: {
      url: 'https://prom.example/prefix',
      token: 'abc',
      basic: null,
      ca,
      headers: { 'X-Scope-OrgID': 'team', 'X-Two': 'b' },
      delayMs: 20_000,
    },
    notifyUrl: 'https://hooks.example/T0/secret',
    tokens: { path: 'tokens.yaml', text: 'tokens: []\n' },
    tls: { cert: { path: 'cert.pem', text: cert }, key: { path: 'key.pem', text: key } },
    limits: { requestsPerSecond: 50, failuresPerMinute: 0 },
    webhooks: {
      secret: { path: 'hook', text: 'hunter2-hunter2-hunter2\n' },
      labels: { canary: 'app', service: 'service', action: 'canary_action', severity: 'level' },
    },
    tickMs: 250,
    logLevel: 'warn',
    logFormat: 'pretty',
  });
});

test('several Nacos servers are separated by commas', () => {
  const { nacos } = config({ flags: { nacos: 'http://a:8848/nacos, http://b:8848/nacos' } });
  expect(nacos.urls).toEqual(['http://a:8848/nacos', 'http://b:8848/nacos']);
});

test('a header flag may be repeated, the variable holds one a line', () => {
  const expected = { 'X-A': '1', 'X-B': '2: 3' };
  expect(config({ flags: { prometheusHeader: ['X-A: 1', 'X-B: 2: 3'] } }).prometheus.headers).toEqual(
    expected,
  );
  const env = { CANARY_PROMETHEUS_HEADER: 'X-A: 1\nX-B: 2: 3\n' };
  expect(config({ env }).prometheus.headers).toEqual(expected);
});

test('the password comes from the environment or from a file', () => {
  const user = { CANARY_NACOS_USERNAME: 'canary' };
  const direct = config({ env: { ...user, CANARY_NACOS_PASSWORD: 'hunter2' } });
  expect(direct.nacos.credentials).toEqual({ username: 'canary', password: 'hunter2' });
  const filed = config({ env: { ...user, CANARY_NACOS_PASSWORD_FILE: 'pw' }, files: { pw: 'hunter2\n' } });
  expect(filed.nacos.credentials).toEqual({ username: 'canary', password: 'hunter2' });
});

const PEM = '-----BEGIN CERTIFICATE-----';

test.each<[string, Given, string]>([
  ['an address without a port', { flags: { listen: 'localhost' } }, '--listen must be HOST:PORT'],
  ['a port that is none', { flags: { listen: '127.0.0.1:70000' } }, '--listen must be HOST:PORT'],
  ['a bare port', { env: { CANARY_LISTEN: ':5001' } }, 'CANARY_LISTEN must be HOST:PORT'],
  [
    'a Nacos without a scheme',
    { flags: { nacos: 'nacos:8848' } },
    '--nacos must be an http or https address of Nacos',
  ],
  [
    'one bad Nacos of two',
    { flags: { nacos: 'http://a/nacos,ftp://b' } },
    '--nacos must be an http or https address',
  ],
  [
    'a Prometheus that is none',
    { env: { CANARY_PROMETHEUS: 'prom' } },
    'CANARY_PROMETHEUS must be an http or https',
  ],
  [
    'a webhook that is none',
    { flags: { notifyUrl: 'mailto:x' } },
    '--notify-url must be an http or https address',
  ],
  ['an API that is none', { flags: { nacosApi: 'v2' } }, '--nacos-api must be one of auto, v1, v3'],
  ['a tick that is none', { flags: { tick: '5' } }, '--tick must be a duration from 100ms to 1h'],
  ['a tick too short', { flags: { tick: '1ms' } }, '--tick must be a duration from 100ms to 1h'],
  [
    'a delay too long',
    { flags: { prometheusDelay: '1h' } },
    '--prometheus-delay must be a duration from 0s to 5m, such as 20s',
  ],
  [
    'a level that is none',
    { flags: { logLevel: 'verbose' } },
    '--log-level must be one of debug, info, warn, error',
  ],
  ['an empty directory', { flags: { canaries: '' } }, '--canaries must not be empty'],
  [
    'a header that is none',
    { flags: { prometheusHeader: ['X-A'] } },
    "--prometheus-header must be 'NAME: VALUE'",
  ],
  ['a user without a password', { env: { CANARY_NACOS_USERNAME: 'a' } }, 'belong together'],
  ['a password without a user', { env: { CANARY_NACOS_PASSWORD: 'a' } }, 'belong together'],
  [
    'two passwords',
    {
      env: { CANARY_NACOS_USERNAME: 'a', CANARY_NACOS_PASSWORD: 'b', CANARY_NACOS_PASSWORD_FILE: 'pw' },
      files: { pw: 'c' },
    },
    'not both',
  ],
  [
    'two ways into Prometheus',
    {
      env: { CANARY_PROMETHEUS_TOKEN_FILE: 't', CANARY_PROMETHEUS_BASIC_FILE: 'b' },
      files: { t: 'x', b: 'u:p' },
    },
    'not both',
  ],
  [
    'a secret that is not there',
    { env: { CANARY_PROMETHEUS_TOKEN_FILE: 't' } },
    'CANARY_PROMETHEUS_TOKEN_FILE: t cannot be read',
  ],
  ['an empty secret', { env: { CANARY_PROMETHEUS_TOKEN_FILE: 't' }, files: { t: '\n' } }, 't is empty'],
  [
    'a secret of two lines',
    { env: { CANARY_PROMETHEUS_TOKEN_FILE: 't' }, files: { t: 'a\nb' } },
    'more than one line',
  ],
  [
    'a basic file without a user',
    { env: { CANARY_PROMETHEUS_BASIC_FILE: 'b' }, files: { b: 'x' } },
    'user:password',
  ],
  [
    'an authority that is none',
    { flags: { nacosCa: 'ca' }, files: { ca: 'x' } },
    '--nacos-ca: ca holds no PEM',
  ],
  [
    'an unknown variable',
    { env: { CANARY_NACOS_URL: 'x' } },
    'CANARY_NACOS_URL in the environment is not a setting. Did you mean CANARY_NACOS',
  ],
  [
    'a variable of the future',
    { env: { CANARY_SHARDS: 'x' } },
    'CANARY_SHARDS in the environment is not a setting',
  ],
  [
    'an unknown key',
    { flags: { config: 's' }, files: { s: 'listne: x' } },
    'listne in s is not a setting. Did you mean listen?',
  ],
  [
    'a key of the future',
    { flags: { config: 's' }, files: { s: 'shards: x' } },
    'shards in s is not a setting.',
  ],
  [
    'a key twice',
    { flags: { config: 's' }, files: { s: 'nacosApi: v1\nnacos-api: v3' } },
    'nacos-api in s is set twice',
  ],
  [
    'a key that is a secret',
    { flags: { config: 's' }, files: { s: 'nacosPassword: x' } },
    'nacosPassword in s is a secret',
  ],
  [
    'a config in the config',
    { flags: { config: 's' }, files: { s: 'config: x' } },
    'config in s is not a setting',
  ],
  [
    'a list for one value',
    { flags: { config: 's' }, files: { s: 'db: [a, b]' } },
    'db in s takes one value only',
  ],
  ['a nested key', { flags: { config: 's' }, files: { s: 'nacos: {url: x}' } }, 'nacos in s must be a text'],
  ['a list as a file', { flags: { config: 's' }, files: { s: '- a' } }, 's must hold a mapping of settings'],
  ['a broken file', { flags: { config: 's' }, files: { s: 'a: [' } }, 's cannot be read: '],
  ['a missing file', { flags: { config: 's' } }, 's cannot be read: ENOENT'],
])('%s is refused by name', (_, given, message) => expect(fault(given)).toContain(message));

test('every fault is told at once', () => {
  const message = fault({ flags: { listen: 'x', tick: 'y' }, env: { CANARY_FOO: '1' } });
  expect(message).toContain('--listen');
  expect(message).toContain('--tick');
  expect(message).toContain('CANARY_FOO');
});

test('the variables of the command line are no settings and no errors', () => {
  const env = { CANARY_SERVER: 'http://x', CANARY_SERVER_CA: 'x', CANARY_TOKEN_FILE: 'x', PATH: '/bin' };
  expect(config({ env }).db).toBe('canary.db');
});

test('certificate and key must be there, be PEM, and belong together', () => {
  const { cert, key } = selfSigned('localhost', true);
  const files = { c: cert, k: key, other: selfSigned('localhost', true).key, text: 'hunter2' };
  const tls = (tlsCert: string, tlsKey: string) => load({ flags: { tlsCert, tlsKey }, files });
  expect(tls('c', 'k').ok).toBe(true);
  expect(fault({ flags: { tlsCert: 'c' }, files })).toBe('--tls-cert and --tls-key belong together');
  expect(tls('c', 'other')).toMatchObject({ error: expect.stringContaining('c and other do not belong') });
  expect(tls('c', 'nowhere')).toMatchObject({ error: expect.stringContaining('nowhere cannot be read') });
  for (const faulty of [tls('text', 'k'), tls('c', 'text')]) {
    expect(faulty).toMatchObject({ error: expect.stringContaining('hold no certificate and key in PEM') });
    expect(JSON.stringify(faulty)).not.toContain('hunter2');
  }
});

test('a tokens file that is broken is refused with its place', () => {
  const message = fault({ flags: { tokens: 't' }, files: { t: 'tokens: [{name: ci, role: hunter2}]' } });
  expect(message).toContain('--tokens: t is wrong: tokens[0].role must be one of viewer, deployer');
  expect(message).not.toContain('hunter2');
});

test.each<[string, Given]>([
  ['an address with a password', { flags: { nacos: 'http://user:hunter2@nacos:8848/nacos' } }],
  ['a Prometheus with a password', { env: { CANARY_PROMETHEUS: 'http://user:hunter2@prom' } }],
  ['an Authorization header', { flags: { prometheusHeader: ['Authorization: Bearer hunter2'] } }],
  [
    'a webhook secret that is too short',
    { env: { CANARY_WEBHOOK_SECRET_FILE: 'h' }, files: { h: 'hunter2' } },
  ],
  [
    'a webhook secret that no header can carry',
    { env: { CANARY_WEBHOOK_SECRET_FILE: 'h' }, files: { h: 'hunter2 hunter2 hunter2' } },
  ],
  ['labels that no alert can have', { flags: { webhookLabels: 'canary=hunter2-' } }],
  ['a field that no alert has', { flags: { webhookLabels: 'hunter2=app' } }],
  ['a broken basic file', { env: { CANARY_PROMETHEUS_BASIC_FILE: 'b' }, files: { b: 'hunter2' } }],
  ['a password in the file', { flags: { config: 's' }, files: { s: 'nacosPassword: hunter2' } }],
])('%s is refused without repeating the secret', (_, given) => {
  expect(fault(given)).not.toContain('hunter2');
});

test('the settings in force are printed without secrets', () => {
  const loaded = config({
    env: {
      CANARY_NACOS_USERNAME: 'canary',
      CANARY_NACOS_PASSWORD: 'hunter2',
      CANARY_PROMETHEUS_TOKEN_FILE: 't',
      CANARY_PROMETHEUS_HEADER: 'X-Scope-OrgID: hunter2',
      CANARY_NOTIFY_URL: 'https://hooks.example/T0/hunter2?k=hunter2',
      CANARY_NACOS_CA: 'ca',
      CANARY_LISTEN: '[::1]:0',
      CANARY_WEBHOOK_SECRET_FILE: 'h',
    },
    files: { t: 'hunter2', ca: PEM, h: 'hunter2-hunter2-hunter2' },
  });
  const printed = effectiveSettings(loaded);
  expect(JSON.stringify(printed)).not.toContain('hunter2');
  expect(printed).toEqual({
    canaries: 'canaries',
    db: 'canary.db',
    listen: '[::1]:0',
    nacos: ['http://127.0.0.1:8848/nacos'],
    nacosApi: 'auto',
    nacosLogin: 'canary, password [redacted]',
    nacosCa: 'given',
    prometheus: 'http://127.0.0.1:9090',
    prometheusLogin: 'bearer token',
    prometheusCa: 'system',
    prometheusDelay: '0s',
    prometheusHeaders: ['X-Scope-OrgID: [redacted]'],
    notifyUrl: 'https://hooks.example/[redacted]',
    tokens: 'none',
    tls: 'none',
    rateLimit: '1000',
    failureLimit: '60',
    webhooks: 'with the secret [redacted]',
    webhookLabels: ['canary=canary', 'service=service', 'action=canary_action', 'severity=severity'],
    tick: '5s',
    logLevel: 'info',
    logFormat: 'json',
  });
});

test.each([
  ['20.20.2', false],
  ['22.21.9', false],
  ['22.22.0', true],
  ['23.9.0', false],
  ['24.10.0', false],
  ['24.11.0', true],
  ['25.9.0', false],
  ['26.0.0', true],
  ['31.2.0', true],
])('Node.js %s is supported: %s', (version, supported) => expect(supportsNode(version)).toBe(supported));
