import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import type { Certificate } from '../../src/access/certificate.ts';
import type { Server } from '../../src/server/server.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { aServer } from './a-server.ts';
import { standIn } from './stand-in.ts';

async function secured(certificate: Certificate, host = '127.0.0.1'): Promise<{ server: Server; url: URL }> {
  const { server } = aServer(standIn(), { certificate });
  return { server, url: new URL((await server.listen(host, 0)).url) };
}

/** Resolves with the connection; rejects when the certificate is not the one that is trusted. */
async function connected(url: URL, ca: string, more: object = {}): Promise<TLSSocket> {
  const socket = connect({ host: url.hostname, port: Number(url.port), ca, ...more });
  onTestFinished(() => {
    socket.destroy();
  });
  await once(socket, 'secureConnect');
  return socket;
}

async function ask(socket: TLSSocket): Promise<string> {
  socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const [answer] = await once(socket, 'data');
  return String(answer);
}

test('with a certificate the interface speaks TLS and nothing else', async () => {
  const certificate = selfSigned('localhost', true);
  const { url } = await secured(certificate);
  expect(url.protocol).toBe('https:');
  expect(await ask(await connected(url, certificate.cert))).toContain('HTTP/1.1 200 OK');
  await expect(fetch(`http://${url.host}/livez`)).rejects.toThrow();
});

test('another certificate is shown to whoever connects from then on, and disturbs nobody', async () => {
  const [old, next] = [selfSigned('localhost', true), selfSigned('localhost', true)];
  // A name for several addresses: each of them must show the new one.
  const { server, url } = await secured(old, 'localhost');
  const before = await connected(url, old.cert);
  server.renewCertificate(next);
  await expect(connected(url, old.cert)).rejects.toThrow();
  expect(await ask(await connected(url, next.cert))).toContain('200 OK');
  expect(await ask(before)).toContain('200 OK');
});

test('a version of TLS that is broken is not spoken', async () => {
  const certificate = selfSigned('localhost', true);
  const { url } = await secured(certificate);
  const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
  await expect(connected(url, certificate.cert, old)).rejects.toMatchObject({
    code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
  });
  const socket = await connected(url, certificate.cert, { maxVersion: 'TLSv1.2' });
  expect(socket.getProtocol()).toBe('TLSv1.2');
});
