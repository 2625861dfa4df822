import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, onTestFinished } from 'vitest';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { eventually, read, routerTo, startNacos, startRaw } from './setup.ts';

const CONNECTED = 'undici:client:connected';

/** Connections that the client opens from now on, as long as something holds them. */
function watchConnections(): readonly WeakRef<Socket>[] {
  const opened: WeakRef<Socket>[] = [];
  const note = (message: unknown) => {
    opened.push(new WeakRef((message as { readonly socket: Socket }).socket));
  };
  subscribe(CONNECTED, note);
  onTestFinished(() => void unsubscribe(CONNECTED, note));
  return opened;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

it('holds nothing of connections that the server closed, however many there were', async () => {
  const collect = collector();
  const nacos = await startNacos('2.5.1');
  const clock = createVirtualClock();
  const router = routerTo(nacos.url, { clock });
  const opened = watchConnections();
  while (opened.length < 20) {
    await read(router);
    await nacos.faults.refuse();
    await nacos.faults.accept();
    clock.advance(5_000);
  }
  await eventually(() => {
    collect();
    return opened.filter((socket) => socket.deref() !== undefined).length;
  }).toBeLessThanOrEqual(2);
});

it('ends a connection that is only being opened when it is closed', async () => {
  const ended = Promise.withResolvers<void>();
  // It takes the connection and says nothing, so that the handshake of TLS never ends.
  const silent = await startRaw((socket) => {
    socket.resume();
    socket.once('close', () => ended.resolve());
  });
  const router = routerTo(silent.url.replace('http:', 'https:'), { timeoutMs: 3_600_000 });
  const reading = read(router);
  await eventually(silent.accepted).toBe(1);
  await router.close();
  await ended.promise;
  expect(await reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_ABORTED' });
});
