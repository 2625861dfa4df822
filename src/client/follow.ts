/** Follows documents: reads each once, hears of changes by long polls or by asking again, and never gives up. */
import { sleep, systemClock } from '../lib/clock.ts';
import type { Document, Failure, NacosReader } from './nacos.ts';

export interface Following {
  readonly dataIds: readonly string[];
  readonly nacos: NacosReader;
  /** Between two looks at a server without long polls. */
  readonly pollMs: number;
  readonly signal: AbortSignal;
  /** Called with each first reading and each changed one; null: there is no document. */
  onDocument(dataId: string, document: Document | null): void;
  /** Called with the reason when Nacos stops answering, and with null when it answers again. */
  onTrouble(detail: string | null): void;
}

const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;

/** Resolves when `signal` aborts. Never rejects. */
export async function followDocuments(following: Following): Promise<void> {
  const { signal, onTrouble } = following;
  const turns = createTurns(following);
  let failures = 0;
  while (!signal.aborted) {
    const failure = await turns.next();
    if (signal.aborted) return;
    if (failure === null) {
      if (failures > 0) onTrouble(null);
      failures = 0;
      continue;
    }
    failures += 1;
    // The other API is asked at once: that a server has only one of them is no trouble.
    if (failure.kind === 'gone') turns.changeApi();
    if (failure.kind === 'gone' && failures === 1) continue;
    onTrouble(failure.detail);
    await sleep(systemClock, pauseMs(failures), signal);
  }
}

/** Doubles with each failure; half of it is chance, so that a fleet does not come back all at once. */
function pauseMs(failures: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10));
  return longest * (0.5 + Math.random() / 2);
}

function createTurns({ dataIds, nacos, pollMs, signal, onDocument }: Following) {
  /** The MD5 of what was read last, '' for no document. */
  const known = new Map<string, string>();
  let due: readonly string[] = dataIds;
  let api: 'v1' | 'v3' = 'v1';

  /** Reads one document; null when it was read. */
  async function read(dataId: string): Promise<Failure | null> {
    const reading = await (api === 'v1' ? nacos.readV1 : nacos.readV3)(dataId, signal);
    if (reading.kind !== 'read') return reading;
    const md5 = reading.document?.md5 ?? '';
    if (signal.aborted || known.get(dataId) === md5) return null;
    known.set(dataId, md5);
    onDocument(dataId, reading.document);
    return null;
  }

  /** Reads what is due; what cannot be read stays due, and does not keep the others from being read. */
  async function readDue(): Promise<Failure | null> {
    const ends = await Promise.all(due.map(async (dataId) => ({ dataId, failure: await read(dataId) })));
    const failed = ends.filter(({ failure }) => failure !== null);
    due = failed.map(({ dataId }) => dataId);
    return failed[0]?.failure ?? null;
  }

  async function wait(): Promise<Failure | null> {
    if (api === 'v3') {
      await sleep(systemClock, pollMs, signal);
      due = dataIds;
      return null;
    }
    const changes = await nacos.changes(known, signal);
    if (changes.kind !== 'changed') return changes;
    due = dataIds.filter((dataId) => changes.dataIds.has(dataId));
    return null;
  }

  return {
    /** Waits for a change unless something is due, then reads. */
    async next(): Promise<Failure | null> {
      if (due.length > 0) return readDue();
      const deaf = await wait();
      if (deaf !== null || due.length === 0) return deaf;
      const before = [...known.values()].join();
      const failure = await readDue();
      // Members of a cluster may disagree for a while: asking on at once would only load them.
      const isSame = [...known.values()].join() === before;
      if (api === 'v1' && isSame && failure === null) await sleep(systemClock, FIRST_PAUSE_MS, signal);
      return failure;
    },
    changeApi(): void {
      api = api === 'v1' ? 'v3' : 'v1';
      due = dataIds;
    },
  };
}
