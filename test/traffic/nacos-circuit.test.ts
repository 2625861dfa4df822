/** A Nacos that is down is asked little, whoever calls how often; one that is back is used at once. */
import { describe, expect, it } from 'vitest';
import { pauseAfter } from '../../src/traffic/nacos/pause.ts';
import { isAtLeast } from '../../src/traffic/nacos/probe.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import {
  collectLog,
  DATA_ID,
  eventually,
  GROUP,
  NEVER,
  publish,
  read,
  routerTo,
  startNacos,
  startRaw,
  TARGET,
} from './setup.ts';

const many = (count: number, call: () => Promise<unknown>) =>
  Promise.all(Array.from({ length: count }, call));

describe('while Nacos is down', () => {
  it('thousands of callers lead to one connection a probe, and to fewer and fewer probes', async () => {
    const clock = createVirtualClock();
    const dead = await startRaw((socket) => socket.destroy());
    const router = routerTo(dead.url, { clock, random: () => 0.5 });
    await many(2_000, () => read(router));
    // One probe when the router was made, and perhaps one more: the first failure may be a stale connection.
    expect(dead.accepted()).toBeLessThanOrEqual(2);
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1_000);
      await many(200, () => read(router));
    }
    expect(dead.accepted()).toBeGreaterThanOrEqual(12);
    expect(dead.accepted()).toBeLessThanOrEqual(30);
  });

  it('callers are told at once, with the reason, without waiting for the one who probes', async () => {
    const clock = createVirtualClock();
    const silent = await startRaw(() => {});
    const router = routerTo(silent.url, { clock, timeoutMs: 2_000 });
    for (const probes of [1, 2, 3]) {
      const waiting = read(router);
      await eventually(silent.accepted).toBe(probes);
      clock.advance(2_000);
      await waiting;
      clock.advance(5_000);
    }
    const probing = read(router);
    await eventually(silent.accepted).toBe(4);
    const told = await read(router);
    expect(told).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
    expect(told).toMatchObject({ detail: expect.stringContaining('no answer within 2000 ms') });
    clock.advance(2_000);
    expect(await probing).toMatchObject({ kind: 'unreadable' });
  });

  it('a publish fails at once and says so', async () => {
    const clock = createVirtualClock();
    const dead = await startRaw((socket) => socket.destroy());
    const router = routerTo(dead.url, { clock });
    await read(router);
    await read(router);
    const connections = dead.accepted();
    expect(await publish(router, '{}')).toMatchObject({ result: 'failed', code: 'NACOS_UNAVAILABLE' });
    expect(dead.accepted()).toBe(connections);
  });

  it('a server whose state answers while its documents do not is left alone as well', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('3.1');
    const router = routerTo(nacos.url, { clock, random: () => 0.5 });
    nacos.faults.inject({ fault: 'status', status: 503, path: '/v3/admin/cs' });
    for (let second = 0; second < 60; second += 1) {
      await many(20, () => read(router));
      clock.advance(1_000);
    }
    // A probe is two requests; up to 20 calls got through after each of the early ones.
    expect(nacos.requests.length).toBeLessThanOrEqual(20 * (2 + 20));
    const settled = nacos.requests.length;
    for (let second = 0; second < 60; second += 1) {
      await read(router);
      clock.advance(1_000);
    }
    expect(nacos.requests.length - settled).toBeLessThanOrEqual(20 * 3);
  });

  it('a write goes out all the same where only reads hang', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url, { clock, timeoutMs: 2_000 });
    await read(router);
    const hang = nacos.faults.inject({ fault: 'delay', on: 'read', ms: 3_600_000 });
    for (const round of [1, 2, 3]) {
      const reading = read(router);
      await eventually(hang.hits).toBe(round);
      clock.advance(2_000);
      expect(await reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_TIMEOUT' });
      // The first loss alone is looked into at once.
      if (round === 1) continue;
      expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
      expect(await publish(router, `{"round":${round}}`)).toMatchObject({ result: 'accepted' });
      clock.advance(5_000);
    }
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('{"round":3}');
  });

  it('and is tried once a pause where writes hang too', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url, { clock, timeoutMs: 2_000, random: () => 1 });
    await read(router);
    const reads = nacos.faults.inject({ fault: 'delay', on: 'read', ms: 3_600_000 });
    const writes = nacos.faults.inject({ fault: 'delay', on: 'write', ms: 3_600_000 });
    // Until the pause is as long as it gets.
    for (const round of [1, 2, 3, 4, 5, 6, 7, 8]) {
      clock.advance(5_000);
      const reading = read(router);
      await eventually(reads.hits).toBe(round);
      clock.advance(2_000);
      await reading;
    }
    const writing = publish(router, '{}');
    await eventually(writes.hits).toBe(1);
    clock.advance(2_000);
    expect(await writing).toMatchObject({ result: 'failed', code: 'NACOS_TIMEOUT' });
    const told = await Promise.all([1, 2, 3].map(() => publish(router, '{}')));
    expect(told.map(({ code }) => code)).toEqual(Array(3).fill('NACOS_UNAVAILABLE'));
    expect(writes.hits()).toBe(1);
  });

  it('a server that does not tell of betas in time is not lost for the others', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('3.1', { clock: createVirtualClock() });
    const router = routerTo(nacos.url, { clock });
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    const hang = nacos.faults.inject({ fault: 'delay', ms: 60_000, path: '/v3/admin/cs/config/beta' });
    const asking = router.beta(TARGET, NEVER);
    await eventually(hang.hits).toBe(1);
    clock.advance(3_000);
    expect(await asking).toBe('unknown');
    expect(router.isUp()).toBe(true);
  });

  it('the loss and the return are logged once each', async () => {
    const clock = createVirtualClock();
    const log = collectLog();
    const nacos = await startNacos('3.1');
    const router = routerTo(nacos.url, { clock, log });
    await read(router);
    await nacos.faults.refuse();
    for (let second = 0; second < 30; second += 1) {
      await many(5, () => read(router));
      clock.advance(1_000);
    }
    await nacos.faults.accept();
    clock.advance(5_000);
    await many(5, () => read(router));
    expect(log.lines.map(({ level, message }) => `${level} ${message}`)).toEqual([
      'info Nacos probed',
      'warn Nacos lost',
      'info Nacos probed',
    ]);
    expect(log.lines[1]?.fields).toMatchObject({ code: 'NACOS_UNAVAILABLE' });
  });
});

describe('a busy router', () => {
  it('opens a bounded number of connections, however many calls wait', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url, { clock });
    await read(router);
    const ports = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    nacos.faults.inject({ fault: 'delay', ms: 3_600_000 });
    const asked = nacos.requests.length;
    const calls = many(500, () => read(router));
    await eventually(() => nacos.requests.length).toBe(asked + 16);
    // Both ends of a loopback connection are in this process.
    expect(ports()).toBeLessThan(60);
    clock.advance(3_000);
    await calls;
    expect(nacos.requests.length).toBe(asked + 16);
  });

  it('looks again at once when a connection that it kept was closed by the server', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos('2.5.1');
    const router = routerTo(nacos.url, { clock });
    nacos.put(DATA_ID, GROUP, '{}');
    await read(router);
    nacos.faults.inject({ fault: 'drop', on: 'read', times: 1 });
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
    expect(await many(20, async () => (await read(router)).kind)).toEqual(Array(20).fill('document'));
  });

  it('starts a thousand first reads on one probe', async () => {
    const nacos = await startNacos('2.5.1');
    // On a clock that stands still none of them is too late, however busy the machine is.
    const router = routerTo(nacos.url, { clock: createVirtualClock() });
    const readings = await many(1_000, async () => (await read(router)).kind);
    expect(new Set(readings)).toEqual(new Set(['absent']));
    const probes = nacos.requests.filter(({ path }) => path.endsWith('/v3/admin/core/state'));
    expect(probes).toHaveLength(1);
  });
});

describe('several addresses', () => {
  it('the next one is used when the first is down', async () => {
    const clock = createVirtualClock();
    const dead = await startRaw((socket) => socket.destroy());
    const alive = await startNacos('3.1');
    const router = routerTo([dead.url, alive.url], { clock });
    alive.put(DATA_ID, GROUP, '{}');
    expect(await read(router)).toMatchObject({ kind: 'document' });
    expect(router.isUp()).toBe(true);
  });

  it('the one in use is kept until it is lost, then the next one is probed', async () => {
    const clock = createVirtualClock();
    const first = await startNacos('3.1');
    const second = await startNacos('2.5.1');
    const router = routerTo([first.url, second.url], { clock });
    await many(20, () => read(router));
    expect(second.requests).toEqual([]);
    expect(router.facts()?.summary).toContain('Nacos 3.1.0');
    await first.faults.refuse();
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
    expect(await read(router)).toMatchObject({ kind: 'absent', authoritative: false });
    expect(router.facts()?.summary).toContain('Nacos 2.5.1');
    await first.faults.accept();
    clock.advance(60_000);
    const asked = first.requests.length;
    await many(20, () => read(router));
    expect(first.requests.length).toBe(asked);
  });

  it('each that is down is probed by itself, and the reason counts them', async () => {
    const clock = createVirtualClock();
    const one = await startRaw((socket) => socket.destroy());
    const two = await startRaw((socket) => socket.destroy());
    const router = routerTo([one.url, two.url], { clock, random: () => 0.5 });
    for (let second = 0; second < 60; second += 1) {
      await many(50, () => read(router));
      clock.advance(1_000);
    }
    for (const { accepted } of [one, two]) {
      expect(accepted()).toBeGreaterThanOrEqual(12);
      expect(accepted()).toBeLessThanOrEqual(30);
    }
    expect(await read(router)).toMatchObject({ detail: expect.stringContaining('like the other 1') });
  });

  it('a warning says what a read shows of a cluster', async () => {
    const nacos = await startNacos('3.1');
    const router = routerTo([nacos.url, 'http://127.0.0.1:1/nacos', nacos.url]);
    await read(router);
    expect(router.facts()?.warnings).toContainEqual(expect.stringContaining('2 addresses are configured'));
  });
});

describe('pauses between probes', () => {
  it('double up to the cap and are jittered between half and all of it', () => {
    const shortest = { baseMs: 100, capMs: 5_000, random: () => 0 };
    const longest = { ...shortest, random: () => 0.999_999 };
    expect([1, 2, 3, 7, 100].map((failures) => pauseAfter(failures, shortest))).toEqual([
      50, 100, 200, 2_500, 2_500,
    ]);
    expect(pauseAfter(1, longest)).toBeCloseTo(100, 2);
    expect(pauseAfter(5_000, longest)).toBeLessThanOrEqual(5_000);
  });
});

describe('versions', () => {
  it.each([
    ['2.3.2', true],
    ['2.3.1', false],
    ['2.10.0', true],
    ['3.1.0-SNAPSHOT', true],
    ['2.3', false],
    ['3.0', true],
    ['1.4.6', false],
    ['next', false],
    [null, false],
  ])('%s is at least 2.3.2: %s', (version, expected) => {
    expect(isAtLeast(version, [2, 3, 2])).toBe(expected);
  });
});
