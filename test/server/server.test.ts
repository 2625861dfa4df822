import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import type { Accepted } from '../../src/controller/controls.ts';
import { createServer, type Server } from '../../src/server/server.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { silentLog } from '../support/silent-log.ts';
import { tempStore } from '../support/temp-store.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { NOW, paymentSpec, stableState } from '../view/states.ts';
import { OPEN_WEBHOOKS, standIn } from './stand-in.ts';

function loaded() {
  const behind = standIn({ specs: [paymentSpec()], states: [stableState()] });
  const clock = createVirtualClock(NOW);
  const server: Server = createServer({
    controls: behind.controls,
    store: tempStore().open(),
    metrics: createMetrics({ clock, version: '1.2.3' }),
    clock,
    log: silentLog,
    version: '1.2.3',
    webhooks: OPEN_WEBHOOKS,
  });
  onTestFinished(() => server.close());
  return { server, behind, clock };
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
  const { server, behind } = loaded();
  const { url } = await server.listen('127.0.0.1', 0);
  const gate = Promise.withResolvers<Accepted>();
  const asked = Promise.withResolvers<void>();
  behind.answer = () => {
    asked.resolve();
    return gate.promise;
  };
  const running = fetch(`${url}/api/v1/canaries/payment-service/pause`, { method: 'POST' });
  await asked.promise;
  const closed = server.close();
  gate.resolve({ eventId: 5, rolloutId: null, changed: true });
  expect(await (await running).json()).toEqual({ eventId: 5 });
  await closed;
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});

test('what arrives on a connection in use while the server closes is refused with a code', async () => {
  const { server, behind } = loaded();
  const { url } = await server.listen('127.0.0.1', 0);
  const gate = Promise.withResolvers<Accepted>();
  const asked = Promise.withResolvers<void>();
  behind.answer = () => {
    asked.resolve();
    return gate.promise;
  };
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  let answers = '';
  socket.on('data', (piece) => {
    answers += piece;
  });
  const ended = once(socket, 'close');
  socket.write('POST /api/v1/canaries/payment-service/pause HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  const closed = server.close();
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  // The server reads it before it reads this.
  await fetch(`${url}/livez`).catch(() => {});
  gate.resolve({ eventId: 5, rolloutId: null, changed: true });
  await ended;
  await closed;
  expect(answers).toContain('HTTP/1.1 202 Accepted');
  expect(answers).toContain('HTTP/1.1 503 Service Unavailable');
  expect(answers).toContain('"code":"STOPPING"');
});

test('a request that does not end is cut off after a while', async () => {
  const { server, behind, clock } = loaded();
  const { url } = await server.listen('127.0.0.1', 0);
  const asked = Promise.withResolvers<void>();
  behind.answer = () => {
    asked.resolve();
    return new Promise(() => {});
  };
  const running = fetch(`${url}/api/v1/canaries/payment-service/pause`, { method: 'POST' });
  const failed = expect(running).rejects.toThrow();
  await asked.promise;
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
