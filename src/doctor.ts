/** The composition root of `canary doctor`: looks at each thing that the daemon would work with, and changes none. */
import { expiryOf } from './access/certificate.ts';
import type { FileText } from './access/live-file.ts';
import { isExpired, parseTokens } from './access/tokens.ts';
import type { Check, CheckState } from './cli/commands/doctor.ts';
import { readSpecs } from './cli/files.ts';
import type { Config } from './config.ts';
import { systemClock } from './lib/clock.ts';
import { plural, relativeTime, roughDuration } from './lib/text.ts';
import { openNacos, openPrometheus } from './providers.ts';
import { isLoopbackAddress } from './server/guards.ts';
import type { NacosTarget } from './spec/canary.ts';
import { inspectStore, type StoreFacts } from './store/inspect.ts';

const LIMIT_MS = 10_000;
/** Windows and bakes are minutes; what two machines differ by less is noise. */
const SKEW_LIMIT_MS = 5_000;

/** Time in which a person still renews it without haste. */
const CERTIFICATE_LEFT_MS = 14 * 86_400_000;

/** A document to read where no Canary names one: the right to read is examined, not what it says. */
const NO_DOCUMENT: NacosTarget = {
  kind: 'nacos',
  namespace: '',
  group: 'CANARY_GROUP',
  dataId: 'canary-rules.doctor.json',
};

/** Never rejects for what the outside world does; takes at most some ten seconds. */
export async function examine(config: Config): Promise<readonly Check[]> {
  const files = examineFiles(config.canaries);
  const nacos = config.nacos.urls.map((url) => examineNacos(config, url, files.target));
  const outside = await Promise.all([...nacos, examinePrometheus(config)]);
  return [files.check, ...examineAccess(config), ...outside.flat(), ...examineStore(config.db)];
}

function check(part: string, state: CheckState, detail: string): Check {
  return { part, state, detail };
}

function examineFiles(directory: string): { readonly check: Check; readonly target: NacosTarget } {
  const read = readSpecs([directory]);
  if (!read.ok) return { check: check('files', 'doubt', read.error), target: NO_DOCUMENT };
  const { specs, diagnostics } = read.value;
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const targets = specs.map(({ canary }) => canary.target).filter((target) => target.kind === 'nacos');
  const advice = errors > 0 ? `, ${plural(errors, 'error')}: see canary lint ${directory}` : '';
  const detail = `${plural(specs.length, 'Canary', 'Canaries')} in ${directory}${advice}`;
  return { check: check('files', errors > 0 ? 'bad' : 'good', detail), target: targets[0] ?? NO_DOCUMENT };
}

function examineAccess({ tokens, tls, listen: { host } }: Config): Check[] {
  return [
    ...(tokens === null ? [openCheck(host)] : [tokensCheck(tokens)]),
    ...(tls === null ? [] : [tlsCheck(tls)]),
  ];
}

function openCheck(host: string): Check {
  const isLocal = host === 'localhost' || isLoopbackAddress(host);
  const detail = 'none: reads are open, and changes are taken from this machine only';
  return check('tokens', isLocal ? 'good' : 'doubt', detail);
}

/** What the settings were checked for is good: here it is how long for. */
function tokensCheck({ path, text }: FileText): Check {
  const parsed = parseTokens(text);
  if (!parsed.ok) return check('tokens', 'bad', `${path} ${parsed.error}`);
  const now = systemClock.now();
  const over = parsed.value.filter((token) => isExpired(token, now)).map(({ name }) => name);
  const rest = over.length === 0 ? '' : `; over: ${over.join(', ')}`;
  return check(
    'tokens',
    over.length === 0 ? 'good' : 'doubt',
    `${plural(parsed.value.length, 'token')} in ${path}${rest}`,
  );
}

function tlsCheck({ cert }: NonNullable<Config['tls']>): Check {
  const at = expiryOf({ cert: cert.text });
  const leftMs = at - systemClock.now();
  const state = leftMs <= 0 ? 'bad' : leftMs < CERTIFICATE_LEFT_MS ? 'doubt' : 'good';
  return check(
    'tls',
    state,
    `${cert.path} ${leftMs <= 0 ? 'ended' : 'ends'} ${relativeTime(at, systemClock.now())}`,
  );
}

async function examineNacos(config: Config, url: string, target: NacosTarget): Promise<Check[]> {
  const router = openNacos({ nacos: { ...config.nacos, urls: [url] } }, null);
  try {
    const reading = await router.read(target, AbortSignal.timeout(LIMIT_MS));
    const facts = router.facts();
    if (reading.kind === 'unreadable') return [check('nacos', 'bad', `${reading.code}: ${reading.detail}`)];
    if (facts === null) return [check('nacos', 'bad', `${url} was not examined in time`)];
    return [
      check('nacos', 'good', `${url}: ${facts.summary}`),
      facts.compareAndSet
        ? check('writes', 'good', 'Nacos itself refuses a write over a document that changed meanwhile')
        : check(
            'writes',
            'doubt',
            'each write is compared by a read just before it: an edit in between is lost',
          ),
      ...facts.warnings.map((warning) => check('nacos', 'doubt', warning)),
    ];
  } finally {
    await router.close();
  }
}

async function examinePrometheus(config: Config): Promise<Check[]> {
  const prometheus = openPrometheus(config);
  const { url } = config.prometheus;
  try {
    const answered = await prometheus.query('prometheus_build_info', {
      timeMs: systemClock.now(),
      timeoutMs: LIMIT_MS,
      signal: AbortSignal.timeout(LIMIT_MS),
      retry: true,
    });
    if (!answered.ok) {
      return [
        check('prometheus', 'bad', `${url}: ${answered.error.detail}`),
        check('clock', 'doubt', 'not compared: the query to Prometheus failed'),
      ];
    }
    const { samples, warnings, skewMs } = answered.value;
    const versions = [...new Set(samples.flatMap(({ labels }) => labels['version'] ?? []))];
    const version = versions.length === 0 ? 'its version is not among its series' : versions.join(', ');
    return [
      check('prometheus', 'good', `${url} answers (${version})`),
      ...warnings.map((warning) => check('prometheus', 'doubt', warning)),
      clockCheck(skewMs),
    ];
  } finally {
    await prometheus.close();
  }
}

function clockCheck(skewMs: number | null): Check {
  if (skewMs === null) return check('clock', 'doubt', 'Prometheus does not tell its time');
  const distance = Math.abs(skewMs);
  if (distance < SKEW_LIMIT_MS) return check('clock', 'good', 'within seconds of that of Prometheus');
  const side = skewMs > 0 ? 'behind' : 'ahead of';
  const detail = `this machine is ${roughDuration(distance)} ${side} Prometheus: what is asked for is not of the moment that is meant; synchronize both`;
  return check('clock', 'doubt', detail);
}

function examineStore(file: string): Check[] {
  const inspected = inspectStore(file);
  if (!inspected.ok) return [check('store', 'bad', inspected.error)];
  const facts = inspected.value;
  if (facts === null) return [check('store', 'good', `${file} is made at the first start`)];
  const { schema, newestSchema, canaries, lastEvent, sizeBytes } = facts;
  const step = schema < newestSchema ? `, brought forward to ${newestSchema} at the next start` : '';
  const holds = `${plural(canaries, 'Canary', 'Canaries')}, up to event ${lastEvent}, ${sizeBytes} bytes`;
  return [check('store', 'good', `${file}: sound, ${holds}, schema ${schema}${step}`), leaseCheck(facts)];
}

function leaseCheck({ leader, isLed }: StoreFacts): Check {
  if (!isLed) return check('lease', 'good', 'free: no daemon leads on this database now');
  if (leader === null) return check('lease', 'good', 'held by a daemon that is about to lead');
  const since = relativeTime(leader.since, systemClock.now());
  return check('lease', 'good', `held by ${leader.holder}, epoch ${leader.epoch}, since ${since}`);
}
