import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createLogger, type Fields, type LogLevel } from '../../src/telemetry/log.ts';

function capture(level: LogLevel = 'info', format: 'json' | 'pretty' = 'json') {
  const lines: string[] = [];
  const log = createLogger({ level, format, destination: { write: (line) => lines.push(line) } });
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

function fieldsOf(fields: Fields): Record<string, unknown> {
  const { log, parsed } = capture();
  log.info(fields, 'looked');
  return parsed()[0];
}

describe('a line', () => {
  test('is JSON with level, time, fields and the constant message', () => {
    const { log, parsed } = capture();
    log.warn({ canary: 'checkout', attempt: 3 }, 'publish is tried again');
    expect(parsed()).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        canary: 'checkout',
        attempt: 3,
        msg: 'publish is tried again',
      },
    ]);
  });

  test('carries the fields of the logger it came from', () => {
    const { log, parsed } = capture();
    log.child({ canary: 'checkout' }).child({ run: 7 }).error({ step: 1 }, 'stuck');
    expect(parsed()).toMatchObject([{ level: 'error', canary: 'checkout', run: 7, step: 1 }]);
  });

  test('below the level is not written', () => {
    const { log, parsed } = capture('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(parsed().map(({ msg }) => msg)).toEqual(['c', 'd']);
    const all = capture('debug');
    all.log.debug({}, 'a');
    expect(all.parsed()).toMatchObject([{ level: 'debug', msg: 'a' }]);
  });

  test('is for people when asked', () => {
    const { log, lines } = capture('info', 'pretty');
    log.info({ canary: 'checkout' }, 'rollout begins');
    expect(lines.join('')).toMatch(/INFO.*rollout begins\n\s+canary: "checkout"\n$/);
  });

  test('goes to standard error, where no output of a command is', () => {
    const script = `
      import { createLogger } from ${JSON.stringify(join(import.meta.dirname, '../../src/telemetry/log.ts'))};
      createLogger({ level: 'info', format: 'json' }).info({}, 'hello');`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], {
      encoding: 'utf8',
    });
    expect(stdout).toBe('');
    expect(stderr).toContain('"msg":"hello"');
  });
});

describe('a secret', () => {
  test.each([
    'authorization',
    'Proxy-Authorization',
    'password',
    'nacos_password',
    'token',
    'accessToken',
    'client_secret',
    'Set-Cookie',
  ])('under the name %s is replaced at any depth', (name) => {
    const line = JSON.stringify(fieldsOf({ [name]: 'hunter2', headers: { deep: [{ [name]: 'hunter2' }] } }));
    expect(line).not.toContain('hunter2');
    expect(line.split('[redacted]')).toHaveLength(3);
  });

  test('is replaced in a child logger too', () => {
    const { log, lines } = capture();
    log.child({ token: 'hunter2' }).info({}, 'x');
    expect(lines.join('')).not.toContain('hunter2');
  });

  test('that hangs on an error with the request that failed does not come along', () => {
    const cause = Object.assign(new Error('connect failed'), {
      code: 'ECONNREFUSED',
      config: { headers: { authorization: 'hunter2' }, url: 'http://x/?accessToken=hunter2' },
    });
    const fields = fieldsOf({ err: new TypeError('fetch failed', { cause }) });
    expect(fields['err']).toMatchObject({
      type: 'TypeError',
      message: 'fetch failed',
      stack: expect.stringContaining('log.test.ts'),
      cause: { type: 'Error', code: 'ECONNREFUSED', message: 'connect failed' },
    });
    expect(JSON.stringify(fields)).not.toContain('hunter2');
  });

  test('is told from the name of its file, a count, and its absence', () => {
    const fields = { passwordFile: '/etc/canary/password', tokens: 2, token: null };
    expect(fieldsOf(fields)).toMatchObject(fields);
  });
});

test('what refers to itself is cut off instead of failing', () => {
  const loop: Record<string, unknown> = { name: 'loop' };
  loop['self'] = loop;
  expect(JSON.stringify(fieldsOf({ loop }))).toContain('[too deep]');
});
