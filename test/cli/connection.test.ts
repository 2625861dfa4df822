import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createTokenBook } from '../../src/access/tokens.ts';
import { aServer } from '../server/a-server.ts';
import { aToken } from '../server/guarded.ts';
import { standIn } from '../server/stand-in.ts';
import { selfSigned } from '../traffic/certificate.ts';
import { paymentSpec, progressingState } from '../view/states.ts';
import { begin, runProcess } from './run.ts';

/** A server that asks for a token and shows a certificate that nobody knows, and the files of its callers. */
async function secured() {
  const dir = mkdtempSync(join(tmpdir(), 'canary-connection-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const certificate = selfSigned('localhost', true);
  const { token, secret } = aToken({ name: 'ana', role: 'operator' });
  const behind = standIn({ specs: [paymentSpec()], states: [progressingState()] });
  const book = createTokenBook([token]);
  const { server } = aServer(behind, { certificate, tokens: () => book });
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  return {
    url: (await server.listen('127.0.0.1', 0)).url,
    behind,
    secret,
    tokenFile: write('token', `${secret}\n`),
    ca: write('ca.pem', certificate.cert),
    write,
  };
}

test('token and authority come from flags', async () => {
  const { url, tokenFile, ca } = await secured();
  const flags = ['--server', url, '--token-file', tokenFile, '--server-ca', ca];
  const { code, out } = await begin(null, ['list', '-o', 'json', ...flags]).ended;
  expect(code).toBe(0);
  expect(JSON.parse(out).items).toMatchObject([{ name: 'payment-service' }]);
});

test('or from the environment, and a change is made in the name of the token', async () => {
  const { url, tokenFile, ca, behind } = await secured();
  behind.answer = async () => ({ changed: true, eventId: 7, rolloutId: 'payment-service-2' });
  const env = { CANARY_SERVER: url, CANARY_TOKEN_FILE: tokenFile, CANARY_SERVER_CA: ca };
  const { code } = await runProcess(['start', 'payment-service', '--revision', 'v9'], env);
  expect(code).toBe(0);
  expect(behind.submitted).toMatchObject([{ actor: 'ana', source: 'cli', from: { role: 'operator' } }]);
});

test('without a token it is refused with what to do', async () => {
  const { url, ca } = await secured();
  const { code, talk } = await begin(null, ['list', '--server', url, '--server-ca', ca]).ended;
  expect(code).toBe(1);
  expect(talk).toContain('TOKEN_MISSING');
  expect(talk).toContain('--token-file');
});

test('a certificate that is not trusted is no answer, and the token is not sent', async () => {
  const { url, tokenFile } = await secured();
  const { code, talk } = await begin(null, ['list', '--server', url, '--token-file', tokenFile]).ended;
  expect(code).toBe(4);
  expect(talk).toContain('is not trusted');
  expect(talk).toContain('hint: --server-ca FILE names the authority that signed it');
  expect(talk).not.toContain('is `canary serve` running?');
});

test.each([
  ['a token file that is not there', ['--token-file', '/nowhere/token'], '/nowhere/token'],
  ['an authority that is not there', ['--server-ca', '/nowhere/ca'], '/nowhere/ca'],
])('%s ends the command before anything is asked', async (_, flags, message) => {
  const { code, out, talk } = await begin(null, ['list', ...flags]).ended;
  expect([code, out]).toEqual([2, '']);
  expect(talk).toContain(message);
});

test('a file that holds no token is refused without its content', async () => {
  const { write } = await secured();
  const path = write('letter', 'hunter2 is no\ntoken');
  const { code, talk } = await begin(null, ['list', '--token-file', path]).ended;
  expect([code, talk]).toEqual([2, `error: ${path} holds no token`]);
});

test('a command without a server does not care', async () => {
  const { code } = await begin(null, ['version', '--token-file', '/nowhere/token']).ended;
  expect(code).toBe(0);
});
