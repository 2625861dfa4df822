/** The HTTP server: opens and closes the door to the application. */
import type { AddressInfo } from 'node:net';
import { createApp } from './app.ts';
import type { ServerDeps } from './deps.ts';

/** Requests still running this long after `close` was called are cut off. */
const CLOSE_AFTER_MS = 3000;

export interface Server {
  /**
   * Resolves with the address it really listens on (port 0: the system chose one). Throws an Error with one readable
   * sentence when it cannot.
   */
  listen(host: string, port: number): Promise<{ readonly url: string }>;
  /** Takes no more requests, lets running ones end for at most three seconds. */
  close(): Promise<void>;
}

export function createServer(deps: ServerDeps): Server {
  const app = createApp(deps);
  return {
    async listen(host, port) {
      try {
        await app.listen({ host, port });
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
        throw new Error(`cannot listen on ${hostText(host)}:${port}: ${code}`, { cause: error });
      }
      const address = app.server.address() as AddressInfo;
      return { url: `http://${hostText(address.address)}:${address.port}` };
    },
    async close() {
      const cancel = deps.clock.after(CLOSE_AFTER_MS, () => app.server.closeAllConnections());
      await app.close();
      cancel();
    },
  };
}

/** IPv6 addresses stand in brackets. */
function hostText(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}
