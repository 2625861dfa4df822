import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { createBrokenRequests } from '../../src/server/broken-requests.ts';
import { Problem } from '../../src/view/schemas.ts';
import { serverOf, standIn } from './stand-in.ts';

/** Sends bytes as they are; resolves with everything that came until the other side ended the connection. */
async function send(text: string): Promise<string> {
  const { app } = serverOf(standIn());
  const { port, hostname } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (piece) => {
    answer += piece;
  });
  const closed = once(socket, 'close');
  socket.write(text);
  await closed;
  return answer;
}

test.each([
  ['what is no HTTP', 'HELO mail\r\n\r\n', 400, 'INVALID_REQUEST'],
  ['another version of it', 'GET /livez HTTP/3.7\r\n\r\n', 400, 'INVALID_REQUEST'],
  [
    'headers without end',
    `GET /livez HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}`,
    431,
    'HEADERS_TOO_LARGE',
  ],
  [
    'an address without end',
    `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`,
    431,
    'HEADERS_TOO_LARGE',
  ],
  [
    'a header that hides another',
    'GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
    'INVALID_REQUEST',
  ],
  ['a request to no host', 'GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'INVALID_REQUEST'],
])('%s is answered with a problem', async (_, text, status, code) => {
  const [head = '', body = ''] = (await send(text)).split('\r\n\r\n');
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} .*\r\ncontent-type: application/problem\\+json`));
  const requestId = /\r\nx-request-id: (\S+)/.exec(head)?.[1] ?? 'none';
  expect(Problem.parse(JSON.parse(body))).toMatchObject({ status, code, requestId });
});

test('what a request expects beside a go-ahead does not matter', async () => {
  const answer = await send('GET /livez HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nConnection: close\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
});

test('a good request gets its own answer, whatever follows it on the connection', async () => {
  const answer = await send('GET /livez HTTP/1.1\r\nHost: a\r\n\r\nwhat follows is none\r\n\r\n');
  expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
  expect(answer).toContain('{"status":"alive"}');
});

test('a request that does not end in time gets 408, and a connection that broke nothing', () => {
  const said: string[] = [];
  const socket = { writable: true, write: (text: string) => said.push(text), destroy() {} };
  const failed = (code: string) =>
    createBrokenRequests().answer(Object.assign(new Error(code), { code }), socket as never);
  failed('ECONNRESET');
  expect(said).toEqual([]);
  failed('ERR_HTTP_REQUEST_TIMEOUT');
  expect(said[0]).toContain('HTTP/1.1 408 Request Timeout\r\n');
  expect(said[0]).toContain('"REQUEST_TIMEOUT"');
});
