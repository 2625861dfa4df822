/** Answers to requests that carried an Idempotency-Key, so that a repeated request gets the first one's answer. */
import type { Clock } from '../lib/clock.ts';

const KEPT_MS = 24 * 3_600_000;
const KEPT_AT_MOST = 1000;

export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

export interface Idempotency<T> {
  /**
   * The answer of `work`, or the one that the same key got before. Null: the key came with another request before.
   * Only answers below 300 are kept, for a day and in memory: after a refusal, or a restart of the daemon, the
   * request is judged afresh.
   */
  once(key: string, fingerprint: string, work: () => Promise<Answer<T>>): Promise<Answer<T> | null>;
}

interface Entry<T> {
  readonly fingerprint: string;
  readonly at: number;
  readonly answer: Promise<Answer<T>>;
}

export function createIdempotency<T>(clock: Clock): Idempotency<T> {
  const entries = new Map<string, Entry<T>>();

  function dropOld(): void {
    for (const [key, { at }] of entries) {
      if (entries.size <= KEPT_AT_MOST && clock.monotonic() - at < KEPT_MS) return;
      entries.delete(key);
    }
  }

  function forget(key: string, entry: Entry<T>): void {
    if (entries.get(key) === entry) entries.delete(key);
  }

  return {
    async once(key, fingerprint, work) {
      dropOld();
      const known = entries.get(key);
      if (known !== undefined) return known.fingerprint === fingerprint ? known.answer : null;
      const entry = { fingerprint, at: clock.monotonic(), answer: work() };
      entries.set(key, entry);
      try {
        const answer = await entry.answer;
        if (answer.status >= 300) forget(key, entry);
        return answer;
      } catch (error) {
        forget(key, entry);
        throw error;
      }
    },
  };
}
