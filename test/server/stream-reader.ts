/** Readers of the event stream of a listening application. */
import { request } from 'undici';
import { onTestFinished } from 'vitest';
import { type Message, readMessages } from '../../src/cli/messages.ts';
import { EventView } from '../../src/view/schemas.ts';

export interface StreamReader {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The next message of any kind; null at the end of the stream. */
  next(): Promise<Message | null>;
  /** The next so many events; what else comes is passed over. Throws when the stream ends before. */
  events(count: number): Promise<EventView[]>;
  leave(): void;
}

/** Asks for `path` below `url`. The reader leaves when the test ends. */
export async function reader(
  url: string,
  path = '/api/v1/stream',
  headers: Record<string, string> = {},
): Promise<StreamReader> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const answer = await request(url + path, { headers, signal: leaving.signal });
  const messages = readMessages(answer.body);
  async function next(): Promise<Message | null> {
    const { value, done } = await messages.next();
    return done === true ? null : value;
  }
  return {
    status: answer.statusCode,
    headers: answer.headers,
    next,
    async events(count) {
      const found: EventView[] = [];
      while (found.length < count) {
        const message = await next();
        if (message === null) throw new Error(`the stream ended after ${found.length} of ${count} events`);
        if (message.type === 'message' && message.data !== '')
          found.push(EventView.parse(JSON.parse(message.data)));
      }
      return found;
    },
    leave: () => leaving.abort(),
  };
}
