/** Settings of `canary serve`: flag, then environment, then file, then default; checked as a whole before anything starts. */
import { z } from 'zod';
import { parseCertificate } from './access/certificate.ts';
import type { FileText } from './access/live-file.ts';
import { parseSharedSecret } from './access/shared-secret.ts';
import { parseTokens } from './access/tokens.ts';
import { formatDuration, parseDuration } from './lib/duration.ts';
import { err, ok, type Result } from './lib/result.ts';
import { ALERT_LABELS, type AlertLabels } from './server/alerts.ts';
import type { RateLimits } from './server/limits.ts';
import { type Givens, gather, reasonOf, type SettingSources } from './settings.ts';
import { LOG_LEVELS, type LogLevel } from './telemetry/log.ts';

export interface Config {
  readonly canaries: string;
  readonly db: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly nacos: {
    /** With the context path, without a slash at the end. */
    readonly urls: readonly string[];
    readonly api: 'auto' | 'v1' | 'v3';
    readonly credentials: { readonly username: string; readonly password: string } | null;
    /** PEM; null: the system's authorities. */
    readonly ca: string | null;
  };
  readonly prometheus: {
    /** Without a slash at the end. */
    readonly url: string;
    readonly token: string | null;
    /** "user:password" */
    readonly basic: string | null;
    readonly ca: string | null;
    readonly headers: Readonly<Record<string, string>>;
    /** Samples take so long until they can be read. */
    readonly delayMs: number;
  };
  readonly notifyUrl: string | null;
  /** Null: reads are open, and changes are taken from this machine only. */
  readonly tokens: FileText | null;
  /** Null: plain HTTP. */
  readonly tls: { readonly cert: FileText; readonly key: FileText } | null;
  readonly limits: RateLimits;
  readonly webhooks: {
    /** Null: webhooks are taken from this machine only. */
    readonly secret: FileText | null;
    readonly labels: AlertLabels;
  };
  readonly tickMs: number;
  readonly logLevel: LogLevel;
  readonly logFormat: 'json' | 'pretty';
}

export interface ConfigSources extends SettingSources {
  /** The program runs from a checkout, whose `canaries/` holds examples. */
  readonly isCheckout: boolean;
  /** The log goes to a terminal. */
  readonly isTerminal: boolean;
}

/** All settings, or every fault at once in one line. Reads the files that hold secrets and authorities. */
export function loadConfig(sources: ConfigSources): Result<Config, string> {
  const faults: string[] = [];
  const givens = gather(sources, faults);
  const reader = createReader(givens, sources, faults);
  const config = read(reader, sources);
  return faults.length > 0 || config === null ? err(faults.join('; ')) : ok(config);
}

/** Only how Prometheus is reached, for a command that needs nothing else; or every fault of that. */
export function loadPrometheus(sources: SettingSources): Result<Config['prometheus'], string> {
  const faults: string[] = [];
  const prometheus = readPrometheus(createReader(gather(sources, faults), sources, faults));
  return faults.length > 0 || prometheus === null ? err(faults.join('; ')) : ok(prometheus);
}

const Text = z.string().min(1, 'must not be empty');

/** No user or password inside: an address is printed and logged. */
function address(purpose: string, where: string) {
  return z.string().transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !/^https?:$/.test(url.protocol))
      context.addIssue(`must be an http or https address of ${purpose}`);
    else if (url.username !== '' || url.password !== '')
      context.addIssue(`must not hold a user or password; ${where}`);
    else if (url.hash !== '') context.addIssue('must not have a # part');
    return text.replace(/\/+$/, '');
  });
}

const NacosUrl = address('Nacos', 'use CANARY_NACOS_USERNAME and CANARY_NACOS_PASSWORD_FILE');
const NacosUrls = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(NacosUrl));
const PrometheusUrl = address('Prometheus', 'use CANARY_PROMETHEUS_BASIC_FILE');
const NotifyUrl = address('a webhook', 'put a secret into its path');

const LISTEN = /^(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):(\d{1,5})$/;
const Listen = z.string().transform((text, context) => {
  const [, host = '', port = ''] = LISTEN.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535)
    context.addIssue('must be HOST:PORT, such as 127.0.0.1:5001 or [::1]:0');
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
});

const Tick = duration(100, 3_600_000, '5s');
const Delay = duration(0, 300_000, '20s');

/** Both bounds ms. */
function duration(leastMs: number, mostMs: number, example: string) {
  return z.string().transform((text, context) => {
    const ms = parseDuration(text);
    if (ms === null || ms < leastMs || ms > mostMs) {
      const range = `from ${formatDuration(leastMs)} to ${formatDuration(mostMs)}`;
      context.addIssue(`must be a duration ${range}, such as ${example}`);
    }
    return ms ?? 0;
  });
}

const Count = z.string().transform((text, context) => {
  if (!/^\d{1,6}$/.test(text)) context.addIssue('must be a whole number up to 999999; 0: no limit');
  return Number(text);
});

const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e]+)$/;
const Header = z.string().transform((text, context): [string, string] => {
  const [, name = '', value = ''] = HEADER.exec(text.trim()) ?? [];
  if (name === '') context.addIssue("must be 'NAME: VALUE'");
  if (name.toLowerCase() === 'authorization') {
    context.addIssue('must not be Authorization, which is a secret: use CANARY_PROMETHEUS_TOKEN_FILE');
  }
  return [name, value];
});

const LABEL_FIELDS = Object.keys(ALERT_LABELS);
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/** "canary=app,severity=level": what is left out keeps its usual label. */
const WebhookLabels = z.string().transform((text, context): AlertLabels => {
  const pairs = text.split(',').map((part) => part.trim().split('='));
  const isGood = pairs.every(
    ([field = '', label = '', ...more]) =>
      LABEL_FIELDS.includes(field) && LABEL.test(label) && more.length === 0,
  );
  if (!isGood) {
    context.addIssue(`must be FIELD=LABEL, several with commas; the fields are ${LABEL_FIELDS.join(', ')}`);
  }
  return { ...ALERT_LABELS, ...Object.fromEntries(pairs) };
});

interface Reader {
  isGiven(key: string): boolean;
  /** The value, checked; `fallback` where it is not given; null where it is wrong. */
  one<T>(key: string, schema: z.ZodType<T, string>, fallback: string): T | null;
  optional<T>(key: string, schema: z.ZodType<T, string>): T | null;
  many<T>(key: string, schema: z.ZodType<T, string>): readonly T[];
  /** The text of the file that the setting names, checked; null where there is none. */
  file(key: string, check: (text: string) => string | null): string | null;
  /** The same with its path, for a file that is read again while the program runs. */
  liveFile(key: string, check: (text: string) => string | null): FileText | null;
  fault(text: string): void;
}

function createReader(givens: Givens, { readFile }: SettingSources, faults: string[]): Reader {
  function checked<T>(schema: z.ZodType<T, string>, value: string, from: string): T | null {
    const result = schema.safeParse(value);
    if (result.success) return result.data;
    // The value is not repeated here: it may hold a secret.
    faults.push(`${from} ${result.error.issues.map(({ message }) => message).join(', ')}`);
    return null;
  }
  function optional<T>(key: string, schema: z.ZodType<T, string>): T | null {
    const given = givens.get(key);
    if (given === undefined) return null;
    const [value = '', second] = given.values;
    if (second !== undefined) faults.push(`${given.from} takes one value only`);
    return checked(schema, value, given.from);
  }
  function liveFile(key: string, check: (text: string) => string | null): FileText | null {
    const path = optional(key, Text);
    if (path === null) return null;
    try {
      const text = readFile(path);
      const problem = check(text);
      if (problem !== null) faults.push(`${givens.get(key)?.from}: ${path} ${problem}`);
      return { path, text };
    } catch (error) {
      faults.push(`${givens.get(key)?.from}: ${path} cannot be read: ${reasonOf(error)}`);
      return null;
    }
  }
  return {
    isGiven: (key) => givens.has(key),
    one: (key, schema, fallback) =>
      givens.has(key) ? optional(key, schema) : checked(schema, fallback, key),
    optional,
    many(key, schema) {
      const { values, from } = givens.get(key) ?? { values: [], from: key };
      return values.map((value) => checked(schema, value, from)).filter((value) => value !== null);
    },
    file: (key, check) => liveFile(key, (text) => check(text.trim()))?.text.trim() ?? null,
    liveFile,
    fault: (text) => faults.push(text),
  };
}

/** Null only beside a fault: what a value would be without it is nobody's business. */
function read(reader: Reader, { isCheckout, isTerminal }: ConfigSources): Config | null {
  if (isCheckout && !reader.isGiven('canaries')) {
    reader.fault(
      '--canaries DIR is needed in a checkout, so that the examples in canaries/ never run by accident',
    );
  }
  const nacosUrls = reader.isGiven('nacos')
    ? reader.many('nacos', NacosUrls).flat()
    : ['http://127.0.0.1:8848/nacos'];
  const api = reader.one('nacosApi', oneOf(['auto', 'v1', 'v3']), 'auto');
  const prometheus = readPrometheus(reader);
  const canaries = reader.one('canaries', Text, 'canaries');
  const db = reader.one('db', Text, 'canary.db');
  const listen = reader.one('listen', Listen, '127.0.0.1:5001');
  const tickMs = reader.one('tick', Tick, '5s');
  const logLevel = reader.one('logLevel', oneOf(LOG_LEVELS), 'info');
  const logFormat = reader.one('logFormat', oneOf(['json', 'pretty']), isTerminal ? 'pretty' : 'json');
  const rest = {
    credentials: readCredentials(reader),
    nacosCa: reader.file('nacosCa', authorityProblem),
    notifyUrl: reader.optional('notifyUrl', NotifyUrl),
    tokens: reader.liveFile('tokens', (text) => problemOf(parseTokens(text))),
    tls: readCertificate(reader),
    limits: {
      // Far above what pipelines of a whole fleet or a storm of alerts need, and below what would hold the loop up.
      requestsPerSecond: reader.one('rateLimit', Count, '1000') ?? 0,
      failuresPerMinute: reader.one('failureLimit', Count, '60') ?? 0,
    },
    webhooks: {
      secret: reader.liveFile('webhookSecretFile', (text) => problemOf(parseSharedSecret(text))),
      labels: reader.optional('webhookLabels', WebhookLabels) ?? ALERT_LABELS,
    },
  };
  if (api === null || prometheus === null || canaries === null || db === null) return null;
  if (listen === null || tickMs === null || logLevel === null || logFormat === null) return null;
  return {
    canaries,
    db,
    listen,
    nacos: { urls: nacosUrls, api, credentials: rest.credentials, ca: rest.nacosCa },
    prometheus,
    notifyUrl: rest.notifyUrl,
    tokens: rest.tokens,
    tls: rest.tls,
    limits: rest.limits,
    webhooks: rest.webhooks,
    tickMs,
    logLevel,
    logFormat,
  };
}

function readCredentials(reader: Reader): Config['nacos']['credentials'] {
  const username = reader.optional('nacosUsername', Text);
  if (reader.isGiven('nacosPassword') && reader.isGiven('nacosPasswordFile')) {
    reader.fault('set CANARY_NACOS_PASSWORD or CANARY_NACOS_PASSWORD_FILE, not both');
  }
  const password = reader.optional('nacosPassword', Text) ?? reader.file('nacosPasswordFile', secretProblem);
  const hasPassword = reader.isGiven('nacosPassword') || reader.isGiven('nacosPasswordFile');
  if (reader.isGiven('nacosUsername') !== hasPassword) {
    reader.fault('CANARY_NACOS_USERNAME and a password (CANARY_NACOS_PASSWORD_FILE) belong together');
  }
  return username === null || password === null ? null : { username, password };
}

function readPrometheus(reader: Reader): Config['prometheus'] | null {
  const url = reader.one('prometheus', PrometheusUrl, 'http://127.0.0.1:9090');
  if (reader.isGiven('prometheusTokenFile') && reader.isGiven('prometheusBasicFile')) {
    reader.fault('set CANARY_PROMETHEUS_TOKEN_FILE or CANARY_PROMETHEUS_BASIC_FILE, not both');
  }
  const access = {
    token: reader.file('prometheusTokenFile', secretProblem),
    basic: reader.file('prometheusBasicFile', basicProblem),
    ca: reader.file('prometheusCa', authorityProblem),
    headers: Object.fromEntries(reader.many('prometheusHeader', Header)),
  };
  const delayMs = reader.one('prometheusDelay', Delay, '0s');
  return url === null || delayMs === null ? null : { url, ...access, delayMs };
}

function secretProblem(text: string): string | null {
  if (text === '') return 'is empty';
  return /[\r\n]/.test(text) ? 'holds more than one line' : null;
}

function readCertificate(reader: Reader): Config['tls'] {
  if (reader.isGiven('tlsCert') !== reader.isGiven('tlsKey')) {
    reader.fault('--tls-cert and --tls-key belong together');
  }
  const cert = reader.liveFile('tlsCert', () => null);
  const key = reader.liveFile('tlsKey', () => null);
  if (cert === null || key === null) return null;
  const problem = problemOf(parseCertificate([cert.text, key.text]));
  if (problem !== null) reader.fault(`${cert.path} and ${key.path} ${problem}`);
  return { cert, key };
}

function problemOf(parsed: Result<unknown, string>): string | null {
  return parsed.ok ? null : parsed.error;
}

function basicProblem(text: string): string | null {
  return secretProblem(text) ?? (/^[^:]+:./.test(text) ? null : 'must hold user:password');
}

function authorityProblem(text: string): string | null {
  return text.includes('-----BEGIN CERTIFICATE-----') ? null : 'holds no PEM certificate';
}

function oneOf<const T extends readonly string[]>(values: T) {
  return z.enum(values, `must be one of ${values.join(', ')}`);
}

const REDACTED = '[redacted]';

/** The settings in force, for the start-up log: without passwords, tokens, header values and webhook paths. */
export function effectiveSettings(config: Config): Readonly<Record<string, string | readonly string[]>> {
  const { canaries, db, listen, nacos, prometheus, notifyUrl, tokens, tls, limits, webhooks } = config;
  const { tickMs, logLevel, logFormat } = config;
  return {
    canaries,
    db,
    listen: `${listen.host.includes(':') ? `[${listen.host}]` : listen.host}:${listen.port}`,
    nacos: nacos.urls,
    nacosApi: nacos.api,
    nacosLogin: nacos.credentials === null ? 'none' : `${nacos.credentials.username}, password ${REDACTED}`,
    nacosCa: nacos.ca === null ? 'system' : 'given',
    prometheus: prometheus.url,
    prometheusLogin:
      prometheus.token !== null ? 'bearer token' : prometheus.basic !== null ? 'basic' : 'none',
    prometheusCa: prometheus.ca === null ? 'system' : 'given',
    prometheusDelay: formatDuration(prometheus.delayMs),
    prometheusHeaders: Object.keys(prometheus.headers).map((name) => `${name}: ${REDACTED}`),
    notifyUrl: notifyUrl === null ? 'none' : `${new URL(notifyUrl).origin}/${REDACTED}`,
    tokens: tokens === null ? 'none' : tokens.path,
    tls: tls === null ? 'none' : tls.cert.path,
    rateLimit: String(limits.requestsPerSecond),
    failureLimit: String(limits.failuresPerMinute),
    webhooks: webhooks.secret === null ? 'from loopback only' : `with the secret ${REDACTED}`,
    webhookLabels: Object.entries(webhooks.labels).map((pair) => pair.join('=')),
    tick: formatDuration(tickMs),
    logLevel,
    logFormat,
  };
}
