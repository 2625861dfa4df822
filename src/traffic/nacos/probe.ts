/** Finds out, without credentials and without writing, which Nacos answers at an address and what it can do. */
import type { RouterFacts } from '../router.ts';
import { envelopeOf, failureOf, isRecord, jsonObject } from './answers.ts';
import { NacosError } from './errors.ts';
import type { Redact } from './redact.ts';
import type { Transport } from './transport.ts';
import { isNoSuchConfig, v1 } from './v1.ts';

export type ApiChoice = 'auto' | 'v1' | 'v3';

/** What is known of one server. `compareAndSet`: the server itself refuses a publish whose `casMd5` does not match. */
export interface ServerFacts extends RouterFacts {
  /** As the server tells it, e.g. `2.5.1`; null when only the settings say which API to speak. */
  readonly version: string | null;
  readonly api: 'v1' | 'v3';
}

export interface ProbeOptions {
  readonly transport: Transport;
  /** Base URL with the context path, without a slash at its end. */
  readonly base: string;
  readonly api: ApiChoice;
  readonly redact: Redact;
}

const STATE_V3 = '/v3/admin/core/state';
const STATE_V1 = '/v1/console/server/state';
/** A document that nobody has: reading it without credentials shows whether v1 asks for any. */
const NOBODYS_DOCUMENT = { namespace: '', group: 'CANARY_GROUP', dataId: 'canary-controller.probe' };

/**
 * Probes one server. Neither state path needs a token on any version, and each answers on one generation only:
 * v3 on 3.x, v1 on 1.x and 2.x (410 on 3.x), all measured. The version decides which API is spoken, never a refusal:
 * a 403 of the protected v3 API must not lead to the v1 API, which a default 3.x leaves open to anyone.
 * Throws a `NacosError` when nothing there is a Nacos, or not one that speaks the API asked for.
 */
export async function probe(options: ProbeOptions): Promise<ServerFacts> {
  const version = await versionOf(options);
  const isOld = version !== null && !isAtLeast(version, [3, 0, 0]);
  const api = options.api === 'auto' ? (isOld ? 'v1' : 'v3') : options.api;
  if (isOld) {
    if (api === 'v1') return describe(version, api, false);
    const particulars = `--nacos-api says v3, but ${options.base} is Nacos ${version}, which has v1 only`;
    throw new NacosError('NACOS_NOT_NACOS', particulars);
  }
  const v1Access = await accessToV1(options);
  if (api === 'v1' && v1Access === 'absent') {
    const particulars = `--nacos-api says v1, but ${options.base} (${nameOf(version)}) has no v1 API`;
    throw new NacosError('NACOS_NOT_NACOS', particulars);
  }
  return describe(version, api, v1Access === 'open');
}

function nameOf(version: string | null): string {
  return version === null ? 'Nacos of unknown version' : `Nacos ${version}`;
}

/** Null when the server tells no version but the settings say which API to speak. */
async function versionOf({ transport, base, api, redact }: ProbeOptions): Promise<string | null> {
  const ask = (path: string) => transport.send(base, { method: 'GET', path, isUrgent: true }, null);
  const newer = await ask(STATE_V3);
  const found = versionIn(newer.status === 200 ? envelopeOf(newer)?.data : null);
  if (found !== null) return found;
  const older = await ask(STATE_V1);
  const foundOlder = versionIn(older.status === 200 ? jsonObject(older) : null);
  if (foundOlder !== null) return foundOlder;
  // A server that is there but tells nothing: the more telling of its two answers is the newer one, unless it is 404.
  const telling = newer.status === 404 ? older : newer;
  const failure = failureOf(telling, `probing ${base}`, redact);
  if (api === 'auto' || failure.code === 'NACOS_UNAVAILABLE') throw failure;
  return null;
}

function versionIn(state: unknown): string | null {
  return isRecord(state) && typeof state['version'] === 'string' ? state['version'] : null;
}

/** open: reads (and, measured, writes) need no credentials. closed: they do. absent: there is no v1 API. */
async function accessToV1(options: ProbeOptions): Promise<'open' | 'closed' | 'absent'> {
  const wire = { ...v1.readRequest(NOBODYS_DOCUMENT), isUrgent: true };
  const answer = await options.transport.send(options.base, wire, null);
  if (answer.status === 200 || isNoSuchConfig(answer)) return 'open';
  return answer.status === 404 || answer.status === 410 ? 'absent' : 'closed';
}

/** True when the leading numbers of `version` are `least` or more; a version that cannot be read is none. */
export function isAtLeast(version: string | null, least: readonly [number, number, number]): boolean {
  const numbers = /^(\d+)\.(\d+)(?:\.(\d+))?/.exec(version ?? '');
  if (numbers === null) return false;
  for (const [index, wanted] of least.entries()) {
    const part = Number(numbers[index + 1] ?? 0);
    if (part !== wanted) return part > wanted;
  }
  return true;
}

function describe(version: string | null, api: 'v1' | 'v3', isV1Open: boolean): ServerFacts {
  const compareAndSet = api === 'v3' || isAtLeast(version, [2, 3, 2]);
  const name = nameOf(version);
  const warnings: string[] = [];
  if (!compareAndSet) warnings.push(`${name} ${doubtAboutCas(version)}`);
  if (isV1Open) {
    warnings.push(
      `${name} lets anyone write through its v1 API without credentials; set nacos.core.auth.enabled=true`,
    );
  }
  const summary = [
    name,
    api === 'v3' ? 'v3 Admin API' : 'v1 API',
    compareAndSet ? 'compare-and-set' : 'no compare-and-set',
    `verified by the ${api === 'v3' ? 'Admin' : 'runtime'} read`,
  ].join(', ');
  return { version, api, summary, compareAndSet, authoritativeReads: api === 'v3', warnings };
}

/**
 * 2.3.0 and 2.3.1 compare with the md5 of the new content (issue 11847 of alibaba/nacos): on MySQL every guarded write
 * fails, on the embedded store it says `true` and writes nothing (measured on 2.3.1). Older ones ignore the header and
 * overwrite.
 */
function doubtAboutCas(version: string | null): string {
  const consequence =
    'each write is compared by a read just before it, and an edit made in between is overwritten';
  if (version === null) return `may not have compare-and-set; ${consequence}`;
  const flaw = isAtLeast(version, [2, 3, 0]) ? 'has a broken compare-and-set' : 'has no compare-and-set';
  return `${flaw} (2.3.2 and later have it); ${consequence}`;
}
