/** Opening, refusing and closing of the server's port. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../src/lib/clock.ts';

export interface Listening {
  /** The port in use; stays the same while connections are refused. */
  port(): number;
  /** Cuts every connection and stops listening; with `forMs` it listens again after that time. */
  refuse(forMs?: number): Promise<void>;
  /** Listens again on the same port. */
  accept(): Promise<void>;
  /** For good. */
  close(): Promise<void>;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.listen(port, host);
  await once(server, 'listening');
}

/** Starts listening on `host` and `port` (0: any free one); rejects when the port cannot be had. */
export async function openListening(
  server: Server,
  host: string,
  port: number,
  clock: Clock,
): Promise<Listening> {
  await listen(server, host, port);
  const address = server.address() as AddressInfo;
  let isClosed = false;
  let cancelReturn: (() => void) | null = null;

  async function stop(): Promise<void> {
    cancelReturn?.();
    cancelReturn = null;
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  }

  async function accept(): Promise<void> {
    cancelReturn?.();
    cancelReturn = null;
    if (!isClosed && !server.listening) await listen(server, host, address.port);
  }

  return {
    port: () => address.port,
    async refuse(forMs) {
      await stop();
      if (forMs === undefined) return;
      // A port that someone else took in between stays lost: the tests then see refused connections, not a crash.
      cancelReturn = clock.after(forMs, () => void accept().catch(() => undefined));
    },
    accept,
    async close() {
      isClosed = true;
      await stop();
    },
  };
}
