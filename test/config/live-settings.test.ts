import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { Certificate } from '../../src/access/certificate.ts';
import { newToken, withToken } from '../../src/access/tokens.ts';
import { createLiveSettings } from '../../src/live-settings.ts';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { createLogger } from '../../src/telemetry/log.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { selfSigned } from '../traffic/certificate.ts';

const TICK_MS = 60_000;
const LOOK_MS = 5_000;
const SECRET = 'hunter2-hunter2-hunter2';

function loaded() {
  const dir = mkdtempSync(join(tmpdir(), 'canary-settings-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const write = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return { path: join(dir, name), text };
  };
  const { secret, sha256 } = newToken();
  const pair = selfSigned('localhost', true);
  const tokens = write('tokens', withToken('', { name: 'ci', role: 'deployer', sha256 }));
  const hook = write('hook', `${SECRET}\n`);
  const tls = { cert: write('cert', pair.cert), key: write('key', pair.key) };
  const lines: string[] = [];
  const clock = createVirtualClock();
  const certificates: Certificate[] = [];
  const good: Record<string, boolean> = {};
  const live = createLiveSettings(
    { tokens, tls, webhooks: { secret: hook, labels: ALERT_LABELS }, tickMs: TICK_MS },
    {
      clock,
      log: createLogger({
        level: 'debug',
        format: 'json',
        destination: { write: (line) => lines.push(line) },
      }),
      metrics: {
        settingsFile(file, isGood) {
          good[file] = isGood;
        },
        certificateExpires: () => {},
      },
      onCertificate: (certificate) => certificates.push(certificate),
    },
  );
  onTestFinished(() => live.stop());
  return { live, write, secret, lines, clock, certificates, good };
}

test('a file that changes is in force within five seconds, without a start and however long a tick is', async () => {
  const { live, write, secret, clock, certificates, lines } = loaded();
  live.start();
  await clock.armed(LOOK_MS);
  expect(live.tokens?.().find(secret)).toMatchObject({ name: 'ci' });
  const other = newToken();
  const pair = selfSigned('localhost', true);
  write('tokens', withToken('', { name: 'new', role: 'viewer', sha256: other.sha256 }));
  write('hook', 'another-secret-of-the-webhooks');
  write('cert', pair.cert);
  write('key', pair.key);
  clock.advance(LOOK_MS);
  await clock.armed(LOOK_MS);
  expect(live.tokens?.().find(secret)).toBeNull();
  expect(live.tokens?.().find(other.secret)).toMatchObject({ name: 'new' });
  expect(live.webhooks.secret).toBe('another-secret-of-the-webhooks');
  expect(certificates).toEqual([pair]);
  expect(lines.filter((line) => line.includes('changed and is in force'))).toHaveLength(3);
  expect(lines.join('')).not.toContain('another-secret');
});

test('a broken file leaves the last good content in force; log, metric and diagnostics say so until it is good', async () => {
  const { live, write, secret, lines, good } = loaded();
  const path = write('tokens', 'tokens: [{name: hunter2').path;
  write('hook', 'hunter2');
  write('key', selfSigned('localhost', true).key);
  await live.look();
  expect(live.tokens?.().find(secret)).not.toBeNull();
  expect(live.webhooks.secret).toBe(SECRET);
  expect(good).toEqual({ tokens: false, 'webhook secret': false, certificate: false });
  expect(live.diagnostics()).toMatchObject([
    { code: 'SETTINGS_FILE', file: path, detail: expect.stringContaining('is no YAML') },
    { code: 'SETTINGS_FILE', detail: expect.stringContaining('at least 16 characters') },
    { code: 'SETTINGS_FILE', detail: expect.stringContaining('do not belong together') },
  ]);
  const said = lines.join('');
  expect(said.match(/"level":"error"/g)).toHaveLength(3);
  expect(said + JSON.stringify(live.diagnostics())).not.toContain('hunter2');
  write('hook', SECRET);
  await live.look();
  expect(good['webhook secret']).toBe(true);
  expect(live.diagnostics()).toHaveLength(2);
});

test('after a stop nothing is looked at any more, also where a look was under way', async () => {
  const { live, clock } = loaded();
  live.start();
  live.stop();
  await live.look();
  expect(clock.nextIn()).toBeNull();
});

test('where nothing is set nothing is looked at', async () => {
  const none = createLiveSettings(
    { tokens: null, tls: null, webhooks: { secret: null, labels: ALERT_LABELS }, tickMs: TICK_MS },
    {
      clock: createVirtualClock(),
      log: createLogger({ level: 'error', format: 'json', destination: { write: () => {} } }),
      metrics: {
        settingsFile: () => expect.fail('no file is set'),
        certificateExpires: () => expect.fail('no certificate is set'),
      },
      onCertificate: () => {},
    },
  );
  await none.look();
  expect([none.tokens, none.certificate, none.webhooks.secret]).toEqual([null, null, null]);
});
