/** What the tests of the Nacos router share: a router that the end of the test closes, and servers to point it at. */
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { type DevNacos, type DevNacosOptions, startDevNacos } from '../../infra/dev-nacos/server.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { NacosTarget } from '../../src/spec/canary.ts';
import { createNacosRouter, type NacosRouterOptions } from '../../src/traffic/nacos/router.ts';
import type { PublishGuard, TrafficRouter } from '../../src/traffic/router.ts';

export const GROUP = 'CANARY_GROUP';
export const DATA_ID = 'canary-rules.shop.json';
export const TARGET: NacosTarget = { kind: 'nacos', namespace: '', group: GROUP, dataId: DATA_ID };
export const NEVER = new AbortController().signal;
export const ACCOUNT = { username: 'deployer-of-shop', password: 'S3cret &/+% "ü' };

/** A development server that the end of the test closes; every write is visible at once. */
export async function startNacos(
  version: Version,
  options: Partial<DevNacosOptions> = {},
): Promise<DevNacos> {
  const nacos = await startDevNacos({ version, dumpLag: 'none', ...options });
  onTestFinished(() => nacos.close());
  return nacos;
}

export function routerTo(
  urls: string | readonly string[],
  options: Partial<NacosRouterOptions> = {},
): TrafficRouter {
  const router = createNacosRouter({
    urls: typeof urls === 'string' ? [urls] : urls,
    api: 'auto',
    clock: systemClock,
    ...options,
  });
  onTestFinished(() => router.close());
  return router;
}

export function read(router: TrafficRouter, target: NacosTarget = TARGET) {
  return router.read(target, NEVER);
}

export function publish(router: TrafficRouter, content: string, expectMd5: PublishGuard['expectMd5'] = null) {
  return router.publish(TARGET, 'operation.1', content, { expectMd5 }, NEVER);
}

/** Everything that the router logged. */
export interface Logged {
  readonly level: 'info' | 'warn';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function collectLog() {
  const lines: Logged[] = [];
  const at = (level: Logged['level']) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...fields } });
  };
  return { lines, info: at('info'), warn: at('warn') };
}

/** Waits for a state; the long time-out is for busy machines and never part of what is tested. */
export function eventually<T>(look: () => T) {
  return expect.poll(look, { timeout: 20_000, interval: 5 });
}

/** Some HTTP program that is not a Nacos of ours. */
export async function startStub(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/nacos`;
}

export async function bodyOf(incoming: IncomingMessage): Promise<string> {
  return text(incoming);
}

export interface RawServer {
  readonly url: string;
  /** Connections accepted so far. */
  accepted(): number;
}

/** A port on which `accept` decides what becomes of each connection. */
export async function startRaw(accept: (socket: Socket) => void): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createTcpServer((socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
    accept(socket);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  );
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/nacos`,
    accepted: () => accepted,
  };
}
