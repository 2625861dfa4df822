import { readdirSync, readFileSync, readlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Database from 'better-sqlite3';
import { afterAll, describe, expect, test } from 'vitest';
import { startMeasured } from '../faults/measured.ts';
import { aWorld, ended, history, liveWeight, readBack, startDaemon, until } from './world.ts';

const measured = await startMeasured();
afterAll(() => measured.stop());

/** Local and remote ports of every TCP socket of a process (Linux). */
function portsOf(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ['tcp', 'tcp6', 'udp'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((row) => row.trim().split(/\s+/))
      .filter((columns) => sockets.has(columns[9] ?? ''))
      .flatMap((columns) =>
        [columns[1], columns[2]].map((address) => Number.parseInt(address?.split(':')[1] ?? '', 16)),
      ),
  );
}

/** Lets a table of the database begin at a page that does not exist. */
function damage(file: string): void {
  const db = new Database(file);
  db.unsafeMode(true);
  db.pragma('writable_schema = ON');
  db.exec(`UPDATE sqlite_schema SET rootpage = 99999 WHERE name = 'events'`);
  db.pragma(`schema_version = ${Number(db.pragma('schema_version', { simple: true })) + 1}`);
  db.close();
}

describe.concurrent('a stop', () => {
  test.for(['SIGTERM', 'SIGINT'] as const)(
    'by %s, also twice, ends with 0 and leaves the weight alone',
    { timeout: 120_000 },
    async (signal, { onTestFinished }) => {
      const world = await aWorld(onTestFinished, { measured });
      world.declare('v2');
      const daemon = world.start();
      await daemon.logged(readBack(10));
      daemon.kill(signal);
      daemon.kill(signal);
      expect(await daemon.ended).toBe(0);
      expect(daemon.lines.at(-1)).toMatchObject({ reason: signal });
      expect(liveWeight(world)).toBe(world.stored.at(-1));
      const weight = liveWeight(world);
      expect(weight).toBeGreaterThan(0);
    },
  );

  test('does not wait for a server that hangs', { timeout: 120_000 }, async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const daemon = world.start();
    await daemon.logged(readBack(10));
    const hang = world.nacos.faults.inject({ fault: 'delay', ms: 600_000 });
    await until(() => hang.hits() > 0);
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
    expect(world.stored.every((weight) => weight > 0)).toBe(true);
  });

  test('is no SIGHUP: that one scans the directory', { timeout: 120_000 }, async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished, { measured });
    const daemon = world.start(['--tick', '1h']);
    await daemon.url();
    daemon.kill('SIGHUP');
    world.declare('v2');
    await daemon.logged({ type: 'RolloutStarted' });
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toBe(0);
  });
});

describe.concurrent('a fault of the program outside of any run', () => {
  test.for(['throw new Error("stray")', 'Promise.reject(new Error("stray"))'])(
    'such as %s ends it with 1, is logged with its stack, and leaves the weights alone',
    { timeout: 120_000 },
    async (fault, { onTestFinished }) => {
      const world = await aWorld(onTestFinished, { measured });
      world.declare('v2');
      const script = `process.once("SIGUSR2", () => { ${fault} })`;
      const daemon = world.start([], {
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(script)}`,
      });
      await daemon.logged(readBack(10));
      daemon.kill('SIGUSR2');
      expect(await daemon.ended).toBe(1);
      const line = await daemon.logged({ level: 'error' });
      expect(line).toMatchObject({ err: { message: 'stray', stack: expect.stringContaining('at ') } });
      expect(liveWeight(world)).toBeGreaterThan(0);
    },
  );
});

describe.concurrent('two daemons on one database', () => {
  test('one leads, the other shows what it does; when the first is killed the other goes on', async ({
    onTestFinished,
  }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const first = world.start();
    await first.url();
    const second = world.start();
    const url = await second.url();
    expect(await second.get('/readyz')).toEqual({ status: 'ready', leader: false });
    expect((await fetch(`${url}/leaderz`)).status).toBe(503);
    await first.logged(readBack(10));
    expect(await second.get('/api/v1/canaries/shop')).toMatchObject({ phase: 'Progressing' });
    const refused = await fetch(`${url}/api/v1/canaries/shop/pause`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ code: 'STANDBY' });

    first.kill('SIGKILL');
    await second.logged({ msg: 'leadership changed', leads: true });
    await second.logged(ended('Promoted'));
    const verified = (await history(second)).filter((event) => event.startsWith('WeightVerified'));
    expect(verified).toEqual([
      'WeightVerified 10',
      'WeightVerified 50',
      'WeightVerified 100',
      'WeightVerified 100',
    ]);
    expect(await second.get('/readyz')).toEqual({ status: 'ready', leader: true });
    expect((await fetch(`${url}/leaderz`)).status).toBe(200);
  });
});

describe.concurrent('the outside', () => {
  test('a restart of Nacos only holds a rollout up', { timeout: 120_000 }, async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const daemon = world.start();
    await daemon.logged(readBack(10));
    await world.nacos.restart(1_500);
    await daemon.logged(ended('Promoted'));
    expect(world.stored).toEqual([...world.stored].sort((a, b) => a - b));
  });

  test('port 7777 is never used, and no other port than those that were named', async ({
    onTestFinished,
  }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const daemon = world.start();
    const own = Number(new URL(await daemon.url()).port);
    await daemon.logged(readBack(50));
    const ports = portsOf(daemon.pid);
    expect(ports).toContain(own);
    expect(ports).toContain(world.nacos.port);
    expect(ports).not.toContain(7777);
  }, 60_000);
});

describe.concurrent('a start', () => {
  test('with settings that cannot work ends with 78 and one readable line', { timeout: 120_000 }, async ({
    onTestFinished,
  }) => {
    const daemon = startDaemon(onTestFinished, [
      '--canaries',
      '/tmp',
      '--tick',
      'soon',
      '--nacos',
      'ftp://nacos',
    ]);
    expect(await daemon.ended).toBe(78);
    expect(daemon.lines).toHaveLength(1);
    expect(daemon.lines[0]?.['text']).toMatch(/^error: .*--tick.*|--nacos/);
  });

  test('on a port that is taken ends with 1, one readable line, and nothing done', async ({
    onTestFinished,
  }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const server = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const daemon = world.start(['--listen', `127.0.0.1:${port}`]);
    expect(await daemon.ended).toBe(1);
    expect(daemon.lines.at(-1)?.['text']).toBe(`error: cannot listen on 127.0.0.1:${port}: EADDRINUSE`);
    expect(world.stored).toEqual([]);
  });

  test('on a damaged database moves it aside, says so, and learns from Nacos what is live', async ({
    onTestFinished,
  }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const first = world.start();
    await first.logged(ended('Promoted'));
    first.kill('SIGTERM');
    await first.ended;
    writeFileSync(world.db, 'this is no database'.repeat(1_000));
    truncateSync(world.db, 8_192);
    const second = world.start();
    await second.logged({ level: 'error', msg: 'the database needed care' });
    await second.logged({ type: 'StableAdopted' });
    expect(await second.get('/api/v1/canaries/shop')).toMatchObject({ stableRevision: 'v2' });
    expect(readdirSync(world.dir).some((name) => name.startsWith('canary.db.corrupt-'))).toBe(true);
    expect(liveWeight(world)).toBe(100);
  });

  test('that finds its database damaged in use ends, so that the next start moves it aside', {
    timeout: 120_000,
  }, async ({ onTestFinished }) => {
    const world = await aWorld(onTestFinished, { measured });
    world.declare('v2');
    const daemon = world.start();
    await daemon.logged(readBack(10));
    damage(world.db);
    expect(await daemon.ended).toBe(1);
    await daemon.logged({ msg: 'the database is damaged; the next start moves it aside' });
    expect(world.stored.every((weight) => weight > 0)).toBe(true);
    const next = world.start();
    await next.logged({ msg: 'the database needed care' });
    await next.url();
  });
});
