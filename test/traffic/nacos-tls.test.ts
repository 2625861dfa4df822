/** The router talks to the server that its certificate proves, or not at all. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { type Certificate, selfSigned } from './certificate.ts';
import { ACCOUNT, bodyOf, read, routerTo, startNacos } from './setup.ts';

const LOOPBACK = selfSigned('nacos.test', true);
const ELSEWHERE = selfSigned('nacos.test', false);

/** A Nacos 2.5.1 without documents behind TLS; tells what it was sent. */
async function startSecure({ key, cert }: Certificate) {
  const received: string[] = [];
  const server = createServer({ key, cert }, async (request, response) => {
    received.push(`${request.url} ${await bodyOf(request)}`);
    if (request.url === '/nacos/v1/console/server/state') response.end('{"version":"2.5.1"}');
    else if (request.url === '/nacos/v1/auth/login') response.end('{"accessToken":"t","tokenTtl":18000}');
    else response.writeHead(404).end('config data not exist\n');
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/nacos`, received };
}

it('a server whose authority is given is trusted', async () => {
  const { url } = await startSecure(LOOPBACK);
  const router = routerTo(url, { ca: LOOPBACK.cert, ...ACCOUNT });
  expect(await read(router)).toMatchObject({ kind: 'absent' });
  expect(router.facts()?.warnings).toEqual([]);
});

it.each([
  ['nobody vouches for', LOOPBACK, undefined],
  ['another authority vouches for', LOOPBACK, ELSEWHERE.cert],
  ['has a certificate for another host', ELSEWHERE, ELSEWHERE.cert],
])('a server that %s gets no credentials', async (_, certificate, ca) => {
  const { url, received } = await startSecure(certificate);
  const reading = await read(routerTo(url, { ca, ...ACCOUNT }));
  expect(reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_TLS' });
  expect(reading).toMatchObject({ detail: expect.stringContaining('--nacos-ca') });
  expect(received).toEqual([]);
});

it('the variable that switches verification off for a whole process has no effect', async () => {
  vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { url } = await startSecure(LOOPBACK);
  expect(await read(routerTo(url))).toMatchObject({ kind: 'unreadable', code: 'NACOS_TLS' });
});

it('credentials that travel unencrypted beyond this host are warned of', async () => {
  const nacos = await startNacos('2.5.1', { auth: ACCOUNT });
  // Reaches this host as well, but does not look like it.
  const router = routerTo(nacos.url.replace('127.0.0.1', '0.0.0.0'), ACCOUNT);
  expect(await read(router)).toMatchObject({ kind: 'absent' });
  expect(router.facts()?.warnings).toEqual([
    'user name and password travel to 0.0.0.0 unencrypted; use https',
  ]);
});
