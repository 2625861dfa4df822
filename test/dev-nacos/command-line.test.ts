/** The development server started alone. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';

const MAIN = new URL('../../infra/dev-nacos/main.ts', import.meta.url).pathname;
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function run(...flags: string[]) {
  const child = spawn(process.execPath, [MAIN, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

async function ended(...flags: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = run(...flags);
  const printed = { stdout: '', stderr: '' };
  child.stdout.on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.on('data', (text) => {
    printed.stderr += text;
  });
  const [code] = await once(child, 'close');
  return { code, ...printed };
}

async function started(...flags: string[]) {
  const child = run(...flags);
  const lines: string[] = [];
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => lines.push(line));
  await once(reader, 'line');
  return { child, lines, url: /http:\S+/.exec(lines[0] ?? '')?.[0] ?? '' };
}

describe('dev-nacos', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'prints one line with its address and exits cleanly on %s',
    async (signal) => {
      const { child, lines, url } = await started(
        '--port',
        '0',
        '--version',
        '3.2',
        '--auth',
        'nacos:s3cret:2',
      );
      expect(lines).toEqual([
        `dev-nacos 3.2 is listening on ${url} (access control on for user nacos; dump lag measured)`,
      ]);
      const login = await fetch(`${url}/v3/auth/user/login`, {
        method: 'POST',
        body: new URLSearchParams({ username: 'nacos', password: 's3cret:2' }),
      });
      expect(login.status).toBe(200);
      child.kill(signal);
      expect(await once(child, 'close')).toEqual([0, null]);
      expect(lines).toHaveLength(1);
    },
  );

  it('takes every flag', async () => {
    const lag = '50,0,50';
    const flags = [
      '--dump-lag',
      lag,
      '--seed',
      '3',
      '--token-ttl',
      '60',
      '--no-client-api',
      '--host',
      '127.0.0.1',
    ];
    const { lines, url } = await started('--port', '0', '--version', '3.1', ...flags);
    expect(lines[0]).toContain(`dump lag ${lag}`);
    expect((await fetch(`${url}/v1/cs/configs?dataId=a&group=b`)).status).toBe(410);
  });

  it('explains itself', async () => {
    const { code, stdout } = await ended('--help');
    expect(code).toBe(0);
    for (const flag of ['--version', '--port', '--auth', '--dump-lag', '__dev/faults'])
      expect(stdout).toContain(flag);
  });

  it.each([
    [['--version', '4'], 'Allowed choices are 2.2.3, 2.5.1, 3.1, 3.2.'],
    [['--port', '99999'], 'Give a whole number from 0 to 65535.'],
    [['--dump-lag', '5'], 'Give `measured`, `none`, or tick'],
    [['--token-ttl', 'soon'], 'Give a whole number from 1'],
    [['--prot', '1'], 'Did you mean --port?'],
    [['extra'], 'too many arguments'],
  ])('refuses %j and says what to do', async (flags, words) => {
    const { code, stderr, stdout } = await ended(...flags);
    expect(code).toBe(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain('--help');
    expect(stdout).toBe('');
  });

  it('does not repeat a refused account, which may hold the password', async () => {
    const { code, stderr } = await ended('--auth', 'topsecret');
    expect(code).toBe(1);
    expect(stderr).toContain('--auth');
    expect(stderr).not.toContain('topsecret');
  });

  it('says that the port is taken', async () => {
    const { url } = await started('--port', '0');
    const { port } = new URL(url);
    const { code, stderr } = await ended('--port', port);
    expect(code).toBe(1);
    expect(stderr).toContain(`port ${port} on 127.0.0.1 is already in use`);
  });
});
