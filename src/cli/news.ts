/** Wakes a command when something happened to one Canary: by the event stream, and by the clock where there is none. */
import { sleep } from '../lib/clock.ts';
import type { Context } from './context.ts';
import type { Message } from './messages.ts';

/** Between two wake-ups without a stream. */
const POLL_MS = 1000;
/** Wake-ups without a stream before one that said no is asked again. */
const PATIENCE = 10;

export interface News {
  /** Resolves when something happened, and after `limitMs` at the latest. Something may be nothing. */
  next(limitMs: number): Promise<void>;
}

/** Resolves once everything that happens from then on wakes. The stream ends with the client of the context. */
export async function openNews({ client, io: { clock } }: Context, canary: string): Promise<News> {
  const path = `/api/v1/stream?${new URLSearchParams({ canary })}`;
  let messages: AsyncGenerator<Message> | null = null;
  /** The next message, asked for once however often it is waited for. */
  let coming: Promise<boolean> | null = null;
  let untilAsked = 0;

  async function open(): Promise<void> {
    const stream = await client.stream(path);
    messages = stream.ok ? stream.value : null;
    // One that has no room is not to be asked every second: looking that often does without.
    untilAsked = !stream.ok && stream.error.kind !== 'unreachable' ? PATIENCE : 0;
    // Its first message says that it has begun.
    if (messages !== null) await messages.next();
  }

  /** Resolves at an event, true, or at the end of the stream, false. */
  async function heard(from: AsyncGenerator<Message>): Promise<boolean> {
    for (;;) {
      const { value, done } = await from.next();
      if (done === true) return false;
      if (value.data !== '') return true;
    }
  }

  await open();
  return {
    async next(limitMs) {
      if (messages === null) {
        await sleep(clock, Math.min(POLL_MS, limitMs));
        untilAsked -= 1;
        if (untilAsked <= 0) await open();
        return;
      }
      coming ??= heard(messages);
      const over = new AbortController();
      const isLive = await Promise.race([coming, sleep(clock, limitMs, over.signal).then(() => null)]);
      over.abort();
      if (isLive !== null) coming = null;
      if (isLive === false) messages = null;
    },
  };
}
