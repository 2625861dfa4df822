/** What can be set for `canary serve`, and what was set where: flag before environment before file. */
import { parse } from 'yaml';
import { z } from 'zod';
import { didYouMean } from './lib/text.ts';
import { LOG_LEVELS } from './telemetry/log.ts';

export interface Setting {
  /** Key in the file (also accepted with dashes) and in the flags. */
  readonly key: string;
  /** As commander writes it; null where there is no flag: secrets and what leads to them. */
  readonly flag: string | null;
  readonly env: string;
  readonly help: string;
  /** Text of the default in the help. */
  readonly fallback: string | null;
  /** May be given several times. */
  readonly repeats?: boolean;
  /** Not in the file: it is a secret itself, or it names the file. */
  readonly outsideFile?: boolean;
}

function setting(
  key: string,
  flag: string | null,
  env: string,
  help: string,
  fallback: string | null,
  more: Pick<Setting, 'repeats' | 'outsideFile'> = {},
): Setting {
  return { key, flag, env: `CANARY_${env}`, help, fallback, ...more };
}

/** Every setting there is: the source of the flags, of the known names in environment and file, and of the help. */
export const SETTINGS: readonly Setting[] = [
  setting('config', '--config <file>', 'CONFIG', 'YAML file with settings', null, { outsideFile: true }),
  setting(
    'canaries',
    '--canaries <dir>',
    'CANARIES',
    'directory of Canary files',
    'canaries; none in a checkout',
  ),
  setting('db', '--db <file>', 'DB', 'SQLite database', 'canary.db'),
  setting('listen', '--listen <host:port>', 'LISTEN', 'address of the HTTP interface', '127.0.0.1:5001'),
  setting(
    'nacos',
    '--nacos <url[,url]>',
    'NACOS',
    'Nacos servers, with the context path',
    'http://127.0.0.1:8848/nacos',
    { repeats: true },
  ),
  setting('nacosApi', '--nacos-api <api>', 'NACOS_API', 'auto, v1 or v3', 'auto'),
  setting('nacosUsername', null, 'NACOS_USERNAME', 'user of Nacos', null),
  setting('nacosPassword', null, 'NACOS_PASSWORD', 'password of that user', null, { outsideFile: true }),
  setting('nacosPasswordFile', null, 'NACOS_PASSWORD_FILE', 'file with the password', null),
  setting('nacosCa', '--nacos-ca <file>', 'NACOS_CA', 'PEM file of authorities to trust', "the system's"),
  setting('prometheus', '--prometheus <url>', 'PROMETHEUS', 'Prometheus server', 'http://127.0.0.1:9090'),
  setting('prometheusTokenFile', null, 'PROMETHEUS_TOKEN_FILE', 'file with a bearer token', null),
  setting('prometheusBasicFile', null, 'PROMETHEUS_BASIC_FILE', 'file with user:password', null),
  setting(
    'prometheusCa',
    '--prometheus-ca <file>',
    'PROMETHEUS_CA',
    'PEM file of authorities',
    "the system's",
  ),
  setting(
    'prometheusDelay',
    '--prometheus-delay <duration>',
    'PROMETHEUS_DELAY',
    'how long samples take until they can be read, e.g. behind remote write: counters are read that much later',
    '0s',
  ),
  setting(
    'prometheusHeader',
    '--prometheus-header <header>',
    'PROMETHEUS_HEADER',
    "'NAME: VALUE' on every query (one a line in the environment)",
    null,
    { repeats: true },
  ),
  setting(
    'notifyUrl',
    '--notify-url <url>',
    'NOTIFY_URL',
    'webhook that is told of rollbacks and pauses',
    null,
  ),
  setting(
    'tokens',
    '--tokens <file>',
    'TOKENS',
    'file with the tokens of callers; without one reads are open, and changes are taken from loopback only',
    null,
  ),
  setting(
    'tlsCert',
    '--tls-cert <file>',
    'TLS_CERT',
    'PEM file with the certificate of the HTTP interface',
    null,
  ),
  setting('tlsKey', '--tls-key <file>', 'TLS_KEY', 'PEM file with the key of that certificate', null),
  setting(
    'rateLimit',
    '--rate-limit <count>',
    'RATE_LIMIT',
    'requests a second, over ten seconds, with one token, or from one address without one; webhooks are counted apart; 0: no limit',
    '1000',
  ),
  setting(
    'failureLimit',
    '--failure-limit <count>',
    'FAILURE_LIMIT',
    'requests a minute with a wrong token or secret from one address; 0: no limit',
    '60',
  ),
  setting(
    'webhookSecretFile',
    null,
    'WEBHOOK_SECRET_FILE',
    'file with the secret of the webhooks; without one they are taken from loopback only',
    null,
  ),
  setting(
    'webhookLabels',
    '--webhook-labels <map>',
    'WEBHOOK_LABELS',
    'labels of alerts that name a Canary, its service, what is asked for and how bad it is',
    'canary=canary,service=service,action=canary_action,severity=severity',
  ),
  setting('tick', '--tick <duration>', 'TICK', 'time between two scans of the directory', '5s'),
  setting('logLevel', '--log-level <level>', 'LOG_LEVEL', LOG_LEVELS.join(', '), 'info'),
  setting('logFormat', '--log-format <format>', 'LOG_FORMAT', 'json or pretty', 'json unless on a terminal'),
];

/** Names that begin like ours and belong to somebody else: the command line's. */
const FOREIGN_ENV: ReadonlySet<string> = new Set(['CANARY_SERVER', 'CANARY_SERVER_CA', 'CANARY_TOKEN_FILE']);

/** A raw value and where it came from, for messages: "--listen", "CANARY_LISTEN", "listen in settings.yaml". */
export interface Given {
  readonly values: readonly string[];
  readonly from: string;
}

export type Givens = ReadonlyMap<string, Given>;

export interface SettingSources {
  /** By key, as the command line gave them. */
  readonly flags: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file. Throws as fs does. */
  readFile(path: string): string;
}

/** Raw values by key. What cannot be one is added to `faults`, one sentence each. */
export function gather({ flags, env, readFile }: SettingSources, faults: string[]): Givens {
  const givens = new Map<string, Given>();
  const known = new Set(SETTINGS.map((entry) => entry.env));
  for (const name of Object.keys(env)) {
    if (!name.startsWith('CANARY_') || known.has(name) || FOREIGN_ENV.has(name)) continue;
    faults.push(`${name} in the environment is not a setting.${didYouMean(name, known)}`);
  }
  const path = [flags['config'] ?? env['CANARY_CONFIG']].flat()[0];
  if (path !== undefined && path !== '') {
    for (const [key, given] of readSettingsFile(path, readFile, faults)) givens.set(key, given);
  }
  for (const { key, env: name, repeats } of SETTINGS) {
    const value = env[name];
    if (value === undefined || value === '') continue;
    const values = repeats === true ? value.split('\n').filter((line) => line.trim() !== '') : [value];
    givens.set(key, { values, from: name });
  }
  for (const { key, flag } of SETTINGS) {
    const value = flags[key];
    if (value !== undefined) givens.set(key, { values: [value].flat(), from: flag?.split(' ')[0] ?? key });
  }
  return givens;
}

function readSettingsFile(
  path: string,
  readFile: (path: string) => string,
  faults: string[],
): Map<string, Given> {
  const givens = new Map<string, Given>();
  const keys = new Map(
    SETTINGS.filter(({ outsideFile }) => outsideFile !== true).map(({ key }) => [key, key]),
  );
  let content: unknown;
  try {
    content = parse(readFile(path)) ?? {};
  } catch (error) {
    faults.push(`${path} cannot be read: ${reasonOf(error)}`);
    return givens;
  }
  const mapping = z.record(z.string(), z.unknown()).safeParse(content);
  if (!mapping.success) {
    faults.push(`${path} must hold a mapping of settings, such as "listen: 127.0.0.1:5001"`);
    return givens;
  }
  for (const [written, value] of Object.entries(mapping.data)) {
    const key = keys.get(written.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase()));
    const from = `${written} in ${path}`;
    const values = Scalars.safeParse(value);
    if (written === 'nacosPassword')
      faults.push(`${from} is a secret: use nacosPasswordFile or CANARY_NACOS_PASSWORD`);
    else if (key === undefined) faults.push(`${from} is not a setting.${didYouMean(written, keys.keys())}`);
    else if (givens.has(key)) faults.push(`${from} is set twice`);
    else if (!values.success) faults.push(`${from} must be a text`);
    else givens.set(key, { values: values.data, from });
  }
  return givens;
}

const Scalar = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const Scalars = z.union([Scalar.transform((value) => [value]), z.array(Scalar).min(1)]);

export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
