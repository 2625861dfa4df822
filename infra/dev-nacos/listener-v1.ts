/** The v1 listener endpoint: long polls, polls that must not hang, and the old short poll. */
import { type DocumentName, keyOf } from './documents.ts';
import { v1Tenant } from './generation.ts';
import { type Answer, headerOf, type NacosRequest, type Reply } from './http.ts';
import type { Parts } from './parts.ts';
import type { Watched } from './polls.ts';
import { caused, EMPTY, NO_CACHE, springError } from './replies.ts';

const WORD_SEPARATOR = '\u0002';
const RECORD_SEPARATOR = '\u0001';
const MAX_RECORDS = 10_000;
const MIN_HOLD_MS = 10_000;
/** The server answers this much before the client's own time-out. */
const HEAD_START_MS = 500;

/** URL-decodes as Java does, where `+` is a space; null for a malformed escape. */
function decodeAgain(value: string): string | null {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

/** The records of `Listening-Configs`, or null when the text is malformed. A text after the last record is ignored. */
function parseRecords(parts: Parts, listening: string): readonly Watched[] | null {
  const decoded = decodeAgain(listening);
  if (decoded === null) return null;
  const records = decoded.split(RECORD_SEPARATOR).slice(0, -1);
  if (records.length > MAX_RECORDS) return null;
  const watched: Watched[] = [];
  for (const record of records) {
    const [dataId, group, md5, spelledTenant = '', ...rest] = record.split(WORD_SEPARATOR);
    if (dataId === undefined || group === undefined || md5 === undefined || rest.length > 0) return null;
    const name: DocumentName = { tenant: v1Tenant(parts.generation, 'other', spelledTenant), group, dataId };
    watched.push({ ...name, key: keyOf(name), md5, spelledTenant });
  }
  return watched;
}

/** The changed documents in the form of the answer: URL-encoded, without the final newline. */
function changedText(changed: readonly Watched[]): string {
  const records = changed.map(({ dataId, group, spelledTenant }) => {
    const words = spelledTenant === '' ? [dataId, group] : [dataId, group, spelledTenant];
    return `${words.join(WORD_SEPARATOR)}${RECORD_SEPARATOR}`;
  });
  return encodeURIComponent(records.join(''));
}

function changedReply(changed: readonly Watched[]): Reply {
  return { status: 200, headers: { ...NO_CACHE }, body: `${changedText(changed)}\n` };
}

/** Without `Long-Pulling-Timeout` the body is empty even when something changed: the answer is in two headers. */
function shortPoll(changed: readonly Watched[]): Reply {
  const old = changed.map(({ dataId, group }) => `${dataId}:${group};`).join('');
  return {
    status: 200,
    headers: {
      ...NO_CACHE,
      'Probe-Modify-Response': old,
      'Probe-Modify-Response-New': changedText(changed),
    },
    body: '',
  };
}

function malformed(parts: Parts, request: NacosRequest): Reply {
  const message =
    parts.generation.major === 2
      ? 'invalid probeModify'
      : 'Handle API Compatibility failed, please see log for detail.';
  return springError(500, message, request, parts.clock.now());
}

/**
 * Answers at once with every document whose md5 differs from the client's; else holds the request for the client's
 * time-out less half a second, at least 10 s, and answers with the one document that changed, or empty.
 */
export async function listenV1(parts: Parts, request: NacosRequest): Promise<Answer> {
  const listening = request.params.get('Listening-Configs') ?? '';
  if (listening.trim() === '') return caused(400, 'invalid probeModify');
  const watched = parseRecords(parts, listening);
  const timeout = headerOf(request.headers, 'long-pulling-timeout');
  if (watched === null || !/^\d*$/.test(timeout)) return malformed(parts, request);
  const changed = watched.filter(({ key, md5 }) => parts.dump.md5(key, request.ip) !== md5);
  if (timeout === '') return shortPoll(changed);
  if (changed.length > 0) return changedReply(changed);
  const mustNotHang = headerOf(request.headers, 'long-pulling-timeout-no-hangup') === 'true';
  if (mustNotHang) return EMPTY;
  const holdMs = Math.max(MIN_HOLD_MS, Number(timeout) - HEAD_START_MS);
  const end = await parts.polls.hold({ ip: request.ip, watched }, holdMs, request.abandoned);
  if (end === 'cut') return 'cut';
  return end === 'expired' ? EMPTY : changedReply([end.changed]);
}
