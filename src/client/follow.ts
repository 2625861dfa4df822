/**
 * Follows documents: reads each once, hears of changes by long polls or by asking again, and never gives up. A document
 * that cannot be read is asked for again by itself and keeps nobody from hearing of the others.
 */
import { sleep, systemClock } from '../lib/clock.ts';
import { saidBy } from './callbacks.ts';
import type { Document, Failure, NacosReader } from './nacos.ts';

export interface Following {
  readonly dataIds: readonly string[];
  readonly nacos: NacosReader;
  /** Between two looks at a server without long polls. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Called with each first reading and each changed one; null: there is no document. */
  onDocument(dataId: string, document: Document | null): void;
  /** Called with the reason when Nacos does not answer for all documents, and with null when it does again. */
  onTrouble(detail: string | null): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/** Resolves when `signal` aborts. Never rejects. */
export async function followDocuments(following: Following): Promise<void> {
  const { signal, onTrouble } = following;
  const turns = createTurns(following);
  let failures = 0;
  let isTroubled = false;

  function tell(detail: string | null): void {
    if (detail !== null || isTroubled) onTrouble(detail);
    isTroubled = detail !== null;
  }

  while (!signal.aborted) {
    const failure = await turns.next().catch(unforeseen);
    if (signal.aborted) return;
    if (failure === null) {
      tell(turns.unread()?.detail ?? null);
      failures = 0;
      continue;
    }
    failures += 1;
    // The other API is asked at once: that a server has only one of them is no trouble.
    if (failure.kind === 'gone') turns.changeApi();
    if (failure.kind === 'gone' && failures === 1) continue;
    tell(failure.detail);
    await sleep(systemClock, pauseMs(failures), signal);
  }
}

/** Nothing here is meant to throw; should it, that is a failure like any other, and listening goes on. */
function unforeseen(error: unknown): Failure {
  return { kind: 'failed', detail: `a fault of the client library: ${saidBy(error)}` };
}

/** Doubles with each failure; half of it is chance, so that a fleet does not come back all at once. */
function pauseMs(failures: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10));
  return longest * (0.5 + Math.random() / 2);
}

/** How it stands with one document. */
interface Standing {
  /** When it is read next, on the monotonic clock; Infinity: when the server says that it changed. */
  readonly readAt: number;
  /** Why the last reading failed; null when it did not, or when there was none. */
  readonly failure: Failure | null;
  /** In a row. */
  readonly failures: number;
}

const UNASKED: Standing = { readAt: 0, failure: null, failures: 0 };

function createTurns({ dataIds, nacos, pollMs, signal, onDocument }: Following) {
  /** The MD5 of what was read last, '' for no document. */
  const known = new Map<string, string>();
  const standings = new Map(dataIds.map((dataId) => [dataId, UNASKED]));
  let api: 'v1' | 'v3' = 'v1';

  /** Reads one document; null when it was read. */
  async function read(dataId: string): Promise<Failure | null> {
    const reading = await (api === 'v1' ? nacos.readV1 : nacos.readV3)(dataId, signal);
    if (reading.kind !== 'read') return reading;
    const md5 = reading.document?.md5 ?? '';
    if (signal.aborted || known.get(dataId) === md5) return null;
    onDocument(dataId, reading.document);
    known.set(dataId, md5);
    return null;
  }

  /** Reads what is due. True when at least one document was read. */
  async function readDue(): Promise<boolean> {
    const now = systemClock.monotonic();
    const due = [...standings].filter(([, { readAt }]) => readAt <= now);
    const ends = await Promise.all(
      due.map(async ([dataId]) => [dataId, await read(dataId).catch(unforeseen)] as const),
    );
    for (const [dataId, failure] of ends) standings.set(dataId, standingAfter(dataId, failure));
    return ends.some(([, failure]) => failure === null);
  }

  function standingAfter(dataId: string, failure: Failure | null): Standing {
    const now = systemClock.monotonic();
    if (failure === null)
      return { ...UNASKED, readAt: api === 'v1' ? Number.POSITIVE_INFINITY : now + pollMs };
    const failures = (standings.get(dataId)?.failures ?? 0) + 1;
    return { readAt: now + pauseMs(failures), failure, failures };
  }

  /** When not one document can be read: the reason, and all are due at once, because whoever asks waits. */
  function outage(): Failure | null {
    const failed = [...standings.values()].flatMap(({ failure }) => failure ?? []);
    if (failed.length < standings.size) return null;
    for (const [dataId, { failure }] of standings) standings.set(dataId, { ...UNASKED, failure });
    return failed.find(({ kind }) => kind === 'gone') ?? failed[0] ?? null;
  }

  /** Waits until something changes or is due; null unless the server cannot be heard. */
  async function hear(): Promise<Failure | null> {
    const nextAt = Math.min(...[...standings.values()].map(({ readAt }) => readAt));
    const restMs = Math.max(0, Math.ceil(nextAt - systemClock.monotonic()));
    if (api === 'v3') {
      await sleep(systemClock, restMs, signal);
      return null;
    }
    const retry = Number.isFinite(restMs) ? AbortSignal.timeout(restMs) : null;
    const ending = retry === null ? signal : AbortSignal.any([signal, retry]);
    const changes = await nacos.changes(readable(), ending);
    if (changes.kind !== 'changed') return retry?.aborted ? null : changes;
    return changes.dataIds.size === 0 ? null : readChanged(changes.dataIds);
  }

  /** What was not read last is left out: it differs from what is known, so the server would answer at once, for ever. */
  function readable(): ReadonlyMap<string, string> {
    return new Map([...known].filter(([dataId]) => standings.get(dataId)?.failure === null));
  }

  async function readChanged(changed: ReadonlySet<string>): Promise<Failure | null> {
    for (const dataId of changed) if (standings.has(dataId)) standings.set(dataId, UNASKED);
    const before = [...known.values()].join();
    const isRead = await readDue();
    // Members of a cluster may disagree for a while: asking on at once would only load them.
    const isSame = [...known.values()].join() === before;
    if (isSame && isRead) await sleep(systemClock, FIRST_PAUSE_MS, signal);
    return outage();
  }

  return {
    /** Reads what is due, or waits for a change and reads it. A failure: no document can be read, or none heard of. */
    async next(): Promise<Failure | null> {
      const isAnswered = await readDue();
      return outage() ?? (isAnswered ? null : hear());
    },
    /** Why some document could not be read last, or null. */
    unread(): Failure | null {
      return [...standings.values()].find(({ failure }) => failure !== null)?.failure ?? null;
    },
    changeApi(): void {
      api = api === 'v1' ? 'v3' : 'v1';
      for (const dataId of dataIds) standings.set(dataId, UNASKED);
    },
  };
}
