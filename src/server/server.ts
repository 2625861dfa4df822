/** The HTTP server: opens and closes the door to the application. */
import type { AddressInfo } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { type Certificate, tlsOptions } from '../access/certificate.ts';
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
  /** Shows another certificate to whoever connects from now on. */
  renewCertificate(certificate: Certificate): void;
  /** Takes no more requests, lets running ones end for at most three seconds. */
  close(): Promise<void>;
}

export function createServer(deps: ServerDeps): Server {
  const app = createApp(deps);
  const isSecure = app.server instanceof TlsServer;
  return {
    async listen(host, port) {
      // For "localhost" Fastify would open a second server, which no new certificate reaches.
      const name = isSecure && host === 'localhost' ? '127.0.0.1' : host;
      try {
        await app.listen({ host: name, port });
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
        throw new Error(`cannot listen on ${hostText(host)}:${port}: ${code}`, { cause: error });
      }
      const address = app.server.address() as AddressInfo;
      return { url: `${isSecure ? 'https' : 'http'}://${hostText(address.address)}:${address.port}` };
    },
    renewCertificate(certificate) {
      if (app.server instanceof TlsServer) app.server.setSecureContext(tlsOptions(certificate));
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
