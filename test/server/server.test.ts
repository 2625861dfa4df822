import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import type { Accepted } from '../../src/controller/controls.ts';
import { paymentSpec, stableState } from '../view/states.ts';
import { aServer, type Prepared } from './a-server.ts';
import { standIn } from './stand-in.ts';

function loaded() {
  return aServer(standIn({ specs: [paymentSpec()], states: [stableState()] }));
}

/** A command that is being taken until `take` is called. */
async function commandInHand({ server, behind }: Prepared) {
  const { url } = await server.listen('127.0.0.1', 0);
  const gate = Promise.withResolvers<Accepted>();
  const asked = Promise.withResolvers<void>();
  behind.answer = () => {
    asked.resolve();
    return gate.promise;
  };
  return { url, asked: asked.promise, take: gate.resolve };
}

test('port 0 is answered with the real one', async () => {
  const { server } = loaded();
  const { url } = await server.listen('127.0.0.1', 0);
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
  expect(await (await fetch(`${url}/livez`)).json()).toEqual({ status: 'alive' });
});

test('a port in use is one readable sentence', async () => {
  const { url } = await loaded().server.listen('127.0.0.1', 0);
  const port = Number(new URL(url).port);
  await expect(loaded().server.listen('127.0.0.1', port)).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port}: EADDRINUSE`,
  );
});

test('closing lets a running request end and takes no new one', async () => {
  const prepared = loaded();
  const { server } = prepared;
  const { url, asked, take } = await commandInHand(prepared);
  const running = fetch(`${url}/api/v1/canaries/payment-service/pause`, { method: 'POST' });
  await asked;
  const closed = server.close();
  take({ eventId: 5, rolloutId: null, changed: true });
  expect(await (await running).json()).toEqual({ eventId: 5 });
  await closed;
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

test('what arrives on a connection in use while the server closes is refused with a code', async () => {
  const prepared = loaded();
  const { server } = prepared;
  const { url, asked, take } = await commandInHand(prepared);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answers = '';
  socket.on('data', (piece) => {
    answers += piece;
  });
  const ended = once(socket, 'close');
  socket.write('POST /api/v1/canaries/payment-service/pause HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked;
  const closed = server.close();
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  // The server reads it before it reads this.
  await fetch(`${url}/livez`).catch(() => {});
  take({ eventId: 5, rolloutId: null, changed: true });
  await ended;
  await closed;
  expect(answers).toContain('HTTP/1.1 202 Accepted');
  expect(answers).toContain('HTTP/1.1 503 Service Unavailable');
  expect(answers).toContain('"code":"STOPPING"');
});

test('a request that does not end is cut off after a while', async () => {
  const prepared = loaded();
  const { server, clock } = prepared;
  const { url, asked } = await commandInHand(prepared);
  const running = fetch(`${url}/api/v1/canaries/payment-service/pause`, { method: 'POST' });
  const failed = expect(running).rejects.toThrow();
  await asked;
  const closed = server.close();
  await clock.armed(3000);
  clock.advance(3000);
  await closed;
  await failed;
});

test('a connection kept alive after its request does not hold the close up', async () => {
  const { server } = loaded();
  const { url } = await server.listen('127.0.0.1', 0);
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toContain('HTTP/1.1 200 OK');
  const ended = once(socket, 'close');
  await server.close();
  await ended;
});
