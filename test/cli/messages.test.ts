import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Message, readMessages } from '../../src/cli/messages.ts';

async function messagesOf(pieces: readonly Uint8Array[]): Promise<Message[]> {
  async function* bytes() {
    yield* pieces;
  }
  const messages: Message[] = [];
  for await (const message of readMessages(bytes())) messages.push(message);
  return messages;
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test.each([
  ['id: 7\ndata: {"a":1}\n\n', [{ lastId: '7', type: 'message', data: '{"a":1}' }]],
  ['retry: 1000\nid: 3\n\n', [{ lastId: '3', type: 'message', data: '' }]],
  [': a comment\n\n', []],
  ['\n\n\n', []],
  ['event: closed\ndata: x\n\n', [{ lastId: '', type: 'closed', data: 'x' }]],
  ['data: one\ndata:two\n\n', [{ lastId: '', type: 'message', data: 'one\ntwo' }]],
  [
    'id: 1\r\n\r\ndata: x\r\r:',
    [
      { lastId: '1', type: 'message', data: '' },
      { lastId: '1', type: 'message', data: 'x' },
    ],
  ],
  ['id: 1\ndata: no empty line yet\n', []],
])('%j', async (text, messages) => {
  expect(await messagesOf([bytesOf(text)])).toEqual(messages);
});

test('it does not matter where the bytes are cut', async () => {
  const text = ': beat\nid: 1\n\nid: 2\r\ndata: {"é":"😀"}\r\n\r\nevent: closed\ndata: y\n\n';
  const whole = await messagesOf([bytesOf(text)]);
  const bytes = bytesOf(text);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: bytes.length })), async (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = places.slice(1).map((end, index) => bytes.slice(places[index], end));
      expect(await messagesOf(pieces)).toEqual(whole);
    }),
  );
});
