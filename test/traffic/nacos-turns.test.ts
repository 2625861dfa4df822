/** Who waits for whom when a Nacos is slow: writes never for reads, and a wait in line is no news about the server. */
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { md5 } from '../../src/core/rule.ts';
import { createTurns, type Turns } from '../../src/traffic/nacos/turns.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import {
  ACCOUNT,
  collectLog,
  DATA_ID,
  eventually,
  GROUP,
  NEVER,
  publish,
  read,
  routerTo,
  startNacos,
  startStub,
} from './setup.ts';

const BEFORE = '{"weight":5}';
const AFTER = '{"weight":0}';
const MOST_READS = 16;

/** A router with 100 reads in flight that get no answer; its clock stands still, so none of them ends either. */
async function withHangingReads(version: Version, auth: typeof ACCOUNT | null = null) {
  const clock = createVirtualClock();
  const nacos = await startNacos(version, { auth });
  const router = routerTo(nacos.url, { clock, ...auth });
  nacos.put(DATA_ID, GROUP, BEFORE);
  await read(router);
  // The token, if there is one, is no longer so young that another would not be tried.
  clock.advance(10_000);
  nacos.faults.inject({ fault: 'delay', ms: 3_600_000, on: 'read', times: MOST_READS });
  const asked = nacos.requests.length;
  const reads = Array.from({ length: 100 }, () => read(router));
  await eventually(() => nacos.requests.length).toBe(asked + MOST_READS);
  return { clock, nacos, router, reads };
}

describe('while a hundred reads hang', () => {
  it.each<Version>(['2.2.3', '2.5.1', '3.1'])('a publish is answered at once by %s', async (version) => {
    const { clock, nacos, router, reads } = await withHangingReads(version);
    // 2.2.3 cannot compare by itself: a read just before the write does.
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({ result: 'accepted' });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe(AFTER);
    clock.advance(3_000);
    expect(new Set((await Promise.all(reads)).map(({ kind }) => kind))).toEqual(new Set(['unreadable']));
  });

  it('a publish whose token is refused logs in anew at once', async () => {
    const { clock, nacos, router, reads } = await withHangingReads('3.1', ACCOUNT);
    nacos.faults.inject({ fault: 'status', status: 403, on: 'write', times: 1 });
    expect(await publish(router, AFTER)).toMatchObject({ result: 'accepted' });
    expect(nacos.requests.filter(({ path }) => path.endsWith('/login'))).toHaveLength(2);
    clock.advance(3_000);
    await Promise.all(reads);
  });

  it('a server that was lost is looked at again at once', async () => {
    const { clock, nacos, router, reads } = await withHangingReads('2.5.1');
    nacos.faults.inject({ fault: 'drop', on: 'write', times: 1 });
    expect(await publish(router, AFTER)).toMatchObject({ code: 'NACOS_UNAVAILABLE' });
    expect(router.isUp()).toBe(false);
    expect(await publish(router, AFTER)).toMatchObject({ result: 'accepted' });
    clock.advance(3_000);
    await Promise.all(reads);
  });
});

/** A Nacos 2.5.1 whose reads wait until the test has them answered. */
async function startHolding() {
  const held: ServerResponse[] = [];
  const url = await startStub(({ url: path = '' }, response) => {
    if (path.startsWith('/nacos/v1/cs/configs')) held.push(response);
    else if (path === '/nacos/v1/console/server/state') response.end('{"version":"2.5.1"}');
    else response.writeHead(404).end();
  });
  const answerAll = () => {
    for (const response of held.splice(0)) response.writeHead(404).end('config data not exist');
  };
  return { url, held, answerAll };
}

it('reads that got no connection, or got it late, do not count against the server', async () => {
  const clock = createVirtualClock();
  const log = collectLog();
  const { url, held, answerAll } = await startHolding();
  const router = routerTo(url, { clock, log });
  const reads = Array.from({ length: 100 }, () => read(router));
  await eventually(() => held.length).toBe(MOST_READS);
  clock.advance(2_500);
  answerAll();
  await eventually(() => held.length).toBe(MOST_READS);
  clock.advance(500);
  const readings = await Promise.all(reads);
  const details = readings.flatMap((reading) => (reading.kind === 'unreadable' ? [reading.detail] : []));
  const matching = (words: string) => details.filter((detail) => detail.includes(words)).length;
  expect(details).toHaveLength(100 - MOST_READS);
  expect(matching('no answer within 3000 ms')).toBe(MOST_READS);
  expect(matching('no free connection within 3000 ms')).toBe(100 - 2 * MOST_READS);
  expect(router.isUp()).toBe(true);
  expect(log.lines.map(({ message }) => message)).toEqual(['Nacos probed']);
});

describe('turns', () => {
  const takeMany = (turns: Turns, count: number, isUrgent: boolean) =>
    Promise.all(Array.from({ length: count }, () => turns.take(isUrgent, NEVER)));

  it('leave some to either kind', async () => {
    const turns = createTurns(5, 4);
    const order: string[] = [];
    const note = (name: string) => (endTurn: () => void) => {
      order.push(name);
      return endTurn;
    };
    const [endFirst] = await takeMany(turns, 4, true);
    const urgent = turns.take(true, NEVER).then(note('urgent'));
    const endPlain = await turns.take(false, NEVER).then(note('plain'));
    const next = turns.take(false, NEVER).then(note('next plain'));
    endPlain();
    await next;
    endFirst?.();
    await urgent;
    expect(order).toEqual(['plain', 'next plain', 'urgent']);
  });

  it('are given to the urgent first, then to whoever came first', async () => {
    const turns = createTurns(1, 1);
    const order: string[] = [];
    const take = async (name: string, isUrgent: boolean) => {
      const endTurn = await turns.take(isUrgent, NEVER);
      order.push(name);
      endTurn();
    };
    const endFirst = await turns.take(false, NEVER);
    const all = [take('a', false), take('b', false), take('c', true)];
    endFirst();
    await Promise.all(all);
    expect(order).toEqual(['c', 'a', 'b']);
  });

  it('are not given to who gave up', async () => {
    const turns = createTurns(1, 1);
    const endFirst = await turns.take(false, NEVER);
    const caller = new AbortController();
    const given = turns.take(false, caller.signal).catch((reason: unknown) => reason);
    const next = turns.take(false, NEVER);
    caller.abort('gave up');
    endFirst();
    await next;
    expect(await given).toBe('gave up');
    await expect(turns.take(false, AbortSignal.abort('too late'))).rejects.toBe('too late');
  });
});
