import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { createForwarder } from '../../infra/fleet/forward.ts';

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Answer {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A gateway before one instance, which answers with the body it got and remembers its headers. */
async function gateway() {
  const seen: IncomingHttpHeaders[] = [];
  const instance = await serve((incoming, response) => {
    seen.push(incoming.headers);
    response.writeHead(200, { connection: 'keep-alive, x-Link', 'x-link': 'b', 'x-kept': 'c' });
    incoming.pipe(response);
  });
  const forwarder = createForwarder({ v1: [instance] });
  onTestFinished(() => forwarder.replace({}));
  const url = await serve((incoming, response) => {
    forwarder.forward('v1', incoming, response, '/').catch((error: unknown) => {
      response.writeHead(502).end(String(error));
    });
  });
  async function post(headers: Record<string, string>): Promise<Answer> {
    const outgoing = request(url, { method: 'POST', headers });
    outgoing.end('body');
    const [response] = await once(outgoing, 'response');
    return { status: response.statusCode, headers: response.headers, body: await text(response) };
  }
  return { seen, post };
}

test('a body that is announced by Expect: 100-continue reaches the instance', async () => {
  const { post, seen } = await gateway();
  expect(await post({ expect: '100-continue' })).toMatchObject({ status: 200, body: 'body' });
  expect(seen[0]).not.toHaveProperty('expect');
});

test('headers that Connection names stay on their connection, both ways', async () => {
  const { post, seen } = await gateway();
  const answer = await post({ connection: 'close, X-Hop', 'x-hop': 'a', 'x-user-id': 'user-1' });
  expect(seen[0]).toMatchObject({ 'x-user-id': 'user-1' });
  expect(seen[0]).not.toHaveProperty('x-hop');
  expect(answer).toMatchObject({ status: 200, headers: { 'x-kept': 'c', 'x-served-version': 'v1' } });
  expect(answer.headers).not.toHaveProperty('x-link');
});
