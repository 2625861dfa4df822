/** Server-sent events out of the bytes of a stream (https://html.spec.whatwg.org/multipage/server-sent-events.html). */

export interface Message {
  /** The last number that was given, with this message or before it; empty: none yet. */
  readonly lastId: string;
  /** "message" unless it is named. */
  readonly type: string;
  /** Empty: only the number is news. */
  readonly data: string;
}

/**
 * Yields each block as its empty line arrives; comments say nothing. Ends or throws as `bytes` does; what has no empty
 * line yet is dropped then.
 */
export async function* readMessages(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Message> {
  const decoder = new TextDecoder();
  let text = '';
  let block: string[] = [];
  let lastId = '';
  for await (const piece of bytes) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') {
        block.push(line);
        continue;
      }
      const message = messageOf(block, lastId);
      block = [];
      if (message === null) continue;
      lastId = message.lastId;
      yield message;
    }
  }
}

/** Null: only comments, or nothing. */
function messageOf(block: readonly string[], before: string): Message | null {
  let lastId = before;
  let type = 'message';
  const data: string[] = [];
  let isNews = false;
  for (const line of block) {
    const [, name = '', value = ''] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (name === 'id') lastId = value;
    else if (name === 'event') type = value;
    else if (name === 'data') data.push(value);
    else continue;
    isNews = true;
  }
  return isNews ? { lastId, type, data: data.join('\n') } : null;
}
