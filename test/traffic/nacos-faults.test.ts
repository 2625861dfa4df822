/** What becomes of each way in which a Nacos can fail, on both APIs. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { FaultRule } from '../../infra/dev-nacos/faults.ts';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import {
  ACCOUNT,
  DATA_ID,
  eventually,
  GROUP,
  NEVER,
  publish,
  read,
  routerTo,
  startNacos,
  startStub,
  TARGET,
} from './setup.ts';

const md5 = (content: string) => createHash('md5').update(content, 'utf8').digest('hex');
const BEFORE = '{"weight":5}';
const AFTER = '{"weight":25}';

interface Case {
  readonly fault: string;
  readonly rule: FaultRule;
  readonly code: string;
  readonly result: 'denied' | 'failed';
}

const STATUS_CASES: readonly Case[] = [
  { fault: 'a 403', rule: { fault: 'status', status: 403 }, code: 'NACOS_FORBIDDEN', result: 'denied' },
  { fault: 'a 409', rule: { fault: 'status', status: 409 }, code: 'NACOS_BUSY', result: 'failed' },
  { fault: 'a 410', rule: { fault: 'status', status: 410 }, code: 'NACOS_GONE', result: 'denied' },
  { fault: 'a 500', rule: { fault: 'status', status: 500 }, code: 'NACOS_FAILED', result: 'failed' },
  { fault: 'a 503', rule: { fault: 'status', status: 503 }, code: 'NACOS_UNAVAILABLE', result: 'failed' },
  { fault: 'a 404 of a proxy', rule: { fault: 'notFound' }, code: 'NACOS_NOT_NACOS', result: 'denied' },
  {
    fault: 'a 404 of an unknown endpoint',
    rule: { fault: 'notFound', by: 'spring' },
    code: 'NACOS_NOT_NACOS',
    result: 'denied',
  },
  { fault: 'a cut connection', rule: { fault: 'drop' }, code: 'NACOS_UNAVAILABLE', result: 'failed' },
];

describe.each<Version>(['2.5.1', '3.1'])('the Nacos router on %s', (version) => {
  it.each(STATUS_CASES)('reads $fault as $code and never as a document', async ({ rule, code }) => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, BEFORE);
    await read(router);
    nacos.faults.inject({ ...rule, on: 'read' });
    nacos.faults.inject({ ...rule, path: '/v3/admin/cs/config' });
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code });
  });

  it.each(STATUS_CASES)('reports a publish that meets $fault as $result', async ({ rule, code, result }) => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, BEFORE);
    await read(router);
    nacos.faults.inject({ ...rule, on: 'write' });
    const report = await publish(router, AFTER, md5(BEFORE));
    expect(report).toMatchObject({ operation: 'operation.1', result, code });
    expect(report.detail).not.toBe('');
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe(BEFORE);
  });

  it('does not believe a 200 that says false', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.faults.inject({ fault: 'answerFalse' });
    expect(await publish(router, AFTER)).toMatchObject({ result: 'failed', code: 'NACOS_FAILED' });
  });

  it('shows by reading that an accepted publish did nothing', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, BEFORE);
    nacos.faults.inject({ fault: 'ignoreWrite' });
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({ result: 'accepted' });
    expect(await read(router)).toMatchObject({ kind: 'document', content: BEFORE });
  });

  it('reports a write whose answer got lost as failed, and shows by reading that it landed', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.faults.inject({ fault: 'drop', when: 'after', on: 'write', times: 1 });
    expect(await publish(router, AFTER)).toMatchObject({ result: 'failed', code: 'NACOS_UNAVAILABLE' });
    expect(await read(router)).toMatchObject({ kind: 'document', content: AFTER });
  });

  it('gives up on a server that does not answer, after its time-out', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url, { clock, timeoutMs: 2_000 });
    await read(router);
    nacos.faults.inject({ fault: 'delay', ms: 3_600_000 });
    const asked = nacos.requests.length;
    const reading = read(router);
    await eventually(() => nacos.requests.length).toBe(asked + 1);
    clock.advance(2_000);
    expect(await reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_TIMEOUT' });
    expect(router.isUp()).toBe(false);
  });

  it('ends a request at once when its caller gives up, and thinks no worse of the server', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url, { clock: createVirtualClock() });
    await read(router);
    nacos.faults.inject({ fault: 'delay', ms: 3_600_000, times: 1 });
    const caller = new AbortController();
    const asked = nacos.requests.length;
    const reading = router.read(TARGET, caller.signal);
    await eventually(() => nacos.requests.length).toBe(asked + 1);
    caller.abort();
    expect(await reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_ABORTED' });
    expect(router.isUp()).toBe(true);
  });

  it('ends every request in flight when it is closed', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    await read(router);
    nacos.faults.inject({ fault: 'delay', ms: 3_600_000 });
    const asked = nacos.requests.length;
    const reading = read(router);
    const publishing = publish(router, AFTER);
    await eventually(() => nacos.requests.length).toBe(asked + 2);
    await router.close();
    expect(await reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_ABORTED' });
    expect(await publishing).toMatchObject({ result: 'failed', code: 'NACOS_ABORTED' });
  });

  it('comes back after a restart of the server and looks anew at what it is', async () => {
    const clock = createVirtualClock();
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url, { clock });
    nacos.put(DATA_ID, GROUP, BEFORE);
    expect(await read(router)).toMatchObject({ kind: 'document' });
    await nacos.faults.refuse();
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
    expect(router.isUp()).toBe(false);
    await nacos.faults.accept();
    clock.advance(5_000);
    expect(await read(router)).toMatchObject({ kind: 'document', content: BEFORE });
    expect(router.isUp()).toBe(true);
  });

  it('refuses a document that the form limit of the server would mangle, without sending it', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    await read(router);
    const asked = nacos.requests.length;
    const report = await publish(router, JSON.stringify({ padding: 'x'.repeat(2 * 1024 * 1024) }));
    expect(report).toMatchObject({ result: 'denied', code: 'NACOS_REJECTED' });
    expect(nacos.requests.length).toBe(asked);
  });
});

describe('the Nacos router', () => {
  it('never turns to the open v1 API of 3.x when v3 refuses it', async () => {
    const nacos = await startNacos('3.1', { auth: ACCOUNT });
    const router = routerTo(nacos.url);
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_FORBIDDEN' });
    expect(await publish(router, AFTER)).toMatchObject({ result: 'denied', code: 'NACOS_FORBIDDEN' });
    expect(nacos.requests.filter(({ method }) => method === 'POST').map(({ path }) => path)).toEqual([
      '/nacos/v3/admin/cs/config',
    ]);
    expect(nacos.get(DATA_ID, GROUP)).toBeUndefined();
  });

  it('follows an upgrade that takes the v1 API away', async () => {
    const clock = createVirtualClock();
    const old = await startNacos('2.5.1');
    const router = routerTo(old.url, { clock });
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    expect(router.facts()?.summary).toContain('Nacos 2.5.1, v1 API');
    await old.close();
    await read(router);
    await startNacos('3.2', { port: old.port });
    clock.advance(5_000);
    expect(await read(router)).toMatchObject({ kind: 'absent', authoritative: true });
    expect(router.facts()?.summary).toContain('Nacos 3.2.4, v3 Admin API');
  });

  it('says of the console port that it is one', async () => {
    const console3x = await startStub((request, response) => {
      const words = `caused: No static resource ${request.url?.slice(1)}.;`;
      response.writeHead(500, { 'Content-Type': 'text/plain' }).end(words);
    });
    const reading = await read(routerTo(console3x));
    expect(reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_NOT_NACOS' });
    expect(reading).toMatchObject({ detail: expect.stringContaining('console of Nacos') });
  });
});

describe('a guarded write that 3.x v1 answers with a bare 500 false', () => {
  async function start() {
    const nacos = await startNacos('3.1');
    const router = routerTo(nacos.url, { api: 'v1' });
    nacos.put(DATA_ID, GROUP, BEFORE);
    await read(router);
    return { nacos, router };
  }

  it('is a conflict when another document is live', async () => {
    const { nacos, router } = await start();
    nacos.put(DATA_ID, GROUP, '{"weight":"by hand"}');
    const report = await publish(router, AFTER, md5(BEFORE));
    expect(report).toMatchObject({ result: 'conflict', code: 'NACOS_CONFLICT' });
  });

  it('is a conflict when a document is live that was to be created', async () => {
    const { router } = await start();
    expect(await publish(router, AFTER, 'absent')).toMatchObject({ result: 'conflict' });
  });

  it('is accepted when the document is live already', async () => {
    const { nacos, router } = await start();
    nacos.put(DATA_ID, GROUP, AFTER);
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({ result: 'accepted' });
  });

  it('is a failure when the expected document is still live', async () => {
    const { nacos, router } = await start();
    nacos.faults.inject({ fault: 'status', status: 500, on: 'write' });
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({
      result: 'failed',
      code: 'NACOS_FAILED',
    });
  });

  it('is a failure when nothing is live, because then nothing was compared', async () => {
    const { nacos, router } = await start();
    nacos.delete(DATA_ID, GROUP);
    nacos.faults.inject({ fault: 'status', status: 500, on: 'write' });
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({
      result: 'failed',
      code: 'NACOS_FAILED',
    });
  });

  it('is a failure when the live document cannot be read', async () => {
    const { nacos, router } = await start();
    nacos.put(DATA_ID, GROUP, '{"weight":"by hand"}');
    nacos.faults.inject({ fault: 'status', status: 409, on: 'read' });
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({
      result: 'failed',
      code: 'NACOS_FAILED',
    });
  });
});

describe('a guarded write to a server without compare-and-set', () => {
  it('is compared by a read just before it', async () => {
    const nacos = await startNacos('2.2.3');
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, '{"weight":"by hand"}');
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({ result: 'conflict' });
    expect(await publish(router, AFTER, 'absent')).toMatchObject({ result: 'conflict' });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe('{"weight":"by hand"}');
    expect(await publish(router, AFTER, md5('{"weight":"by hand"}'))).toMatchObject({ result: 'accepted' });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe(AFTER);
  });

  it('is not made when that read fails', async () => {
    const nacos = await startNacos('2.2.3');
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, BEFORE);
    nacos.faults.inject({ fault: 'status', status: 500, on: 'read' });
    expect(await publish(router, AFTER, md5(BEFORE))).toMatchObject({ result: 'failed' });
    expect(nacos.get(DATA_ID, GROUP)?.content).toBe(BEFORE);
  });

  it('is made without any read when nothing is expected', async () => {
    const nacos = await startNacos('2.2.3');
    const router = routerTo(nacos.url);
    await read(router);
    nacos.faults.inject({ fault: 'status', status: 500, on: 'read' });
    expect(await publish(router, AFTER, null)).toMatchObject({ result: 'accepted' });
  });

  it('sends no casMd5 that the server would ignore or get wrong', async () => {
    const nacos = await startNacos('2.2.3');
    const router = routerTo(nacos.url);
    await publish(router, AFTER, 'absent');
    expect(nacos.requests.filter(({ headers }) => headers['casmd5'] !== undefined)).toEqual([]);
  });
});

it('a target of another kind is a bug, not a reading', async () => {
  const nacos = await startNacos('3.1');
  const router = routerTo(nacos.url);
  await expect(router.read({ kind: 'file', path: 'a.json' }, NEVER)).rejects.toThrow('file target');
});
