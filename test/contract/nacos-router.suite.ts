/**
 * What the controller relies on in any Nacos, as tests. Run against the development server in every mode by
 * `npm test`, and against a server of your own by `npm run -s test:nacos`. Every document has a random name of its own
 * and is deleted at the end.
 */
import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { RouteReading } from '../../src/core/observation.ts';
import { sleep, systemClock } from '../../src/lib/clock.ts';
import type { NacosTarget } from '../../src/spec/canary.ts';
import { isAtLeast } from '../../src/traffic/nacos/probe.ts';
import { createNacosRouter, type NacosRouterOptions } from '../../src/traffic/nacos/router.ts';
import type { RouterFacts, TrafficRouter } from '../../src/traffic/router.ts';
import { lookFromAProcess } from './look.ts';
import { openPlainNacos, type PlainNacos } from './plain-nacos.ts';

export interface NacosUnderTest {
  readonly url: string;
  readonly api: NacosRouterOptions['api'];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly ca?: string | undefined;
}

const GROUP = 'CANARY_GROUP';
const WRONG_PASSWORD = 'Wr0ng &pass+word%"';
const UNICODE = '{"serviceName":"付款 – naïve 🐤","rules":[],"note":"a+b & c=d %41 \\u0001"}\n';

function md5(content: string): string {
  return createHash('md5').update(content, 'utf8').digest('hex');
}

/** A read is only ever late, never wrong for good: what a test waits for must come. */
async function eventually<T>(look: () => Promise<T> | T, wanted: T): Promise<void> {
  const deadline = performance.now() + 20_000;
  let seen = await look();
  while (seen !== wanted && performance.now() < deadline) {
    await sleep(systemClock, 20);
    seen = await look();
  }
  expect(seen).toBe(wanted);
}

/** Declares the suite. `open` is called once before all tests, the function it resolves to once after them. */
export function describeNacosRouter(
  label: string,
  open: () => Promise<NacosUnderTest & { close(): Promise<void> }>,
  report: (facts: RouterFacts) => void = () => {},
): void {
  describe(label, () => {
    let nacos: NacosUnderTest & { close(): Promise<void> };
    let router: TrafficRouter;
    let other: PlainNacos;
    const used: NacosTarget[] = [];
    const never = new AbortController().signal;

    beforeAll(async () => {
      nacos = await open();
      other = await openPlainNacos(nacos);
      router = routerFor(nacos);
      await router.read(ownDocument(), never);
      const facts = router.facts();
      if (facts !== null) report(facts);
    });

    afterAll(async () => {
      for (const { group, dataId } of used) await other?.remove(group, dataId);
      await router?.close();
      await nacos?.close();
    });

    function routerFor(options: NacosUnderTest): TrafficRouter {
      const { url, api, username, password, ca } = options;
      return createNacosRouter({ urls: [url], api, username, password, ca, clock: systemClock });
    }

    function ownDocument(): NacosTarget {
      const dataId = `canary-rules.contract-${randomUUID()}.json`;
      const target: NacosTarget = { kind: 'nacos', namespace: '', group: GROUP, dataId };
      used.push(target);
      return target;
    }

    async function contentOf(target: NacosTarget): Promise<string | RouteReading['kind']> {
      const reading = await router.read(target, never);
      return reading.kind === 'document' ? reading.content : reading.kind;
    }

    async function write(target: NacosTarget, content: string, expectMd5: string | 'absent' | null) {
      return router.publish(target, 'contract.1', content, { expectMd5 }, never);
    }

    /** A document that exists and can be read. */
    async function existing(content: string): Promise<NacosTarget> {
      const target = ownDocument();
      const report = await write(target, content, 'absent');
      expect(report, report.detail).toMatchObject({ result: 'accepted' });
      await eventually(() => contentOf(target), content);
      return target;
    }

    it('tells which Nacos it is and what it guarantees', () => {
      expect(router.isUp()).toBe(true);
      expect(router.facts()?.summary).toMatch(/^Nacos \d+\.\d+\.\S+, (v1|v3 Admin) API, /);
    });

    it.concurrent('reads a document that does not exist as absent', async () => {
      const reading = await router.read(ownDocument(), never);
      expect(reading).toMatchObject({ kind: 'absent', authoritative: router.facts()?.authoritativeReads });
    });

    it.concurrent('reads back what it created, with the md5 of the content', async () => {
      const target = await existing('{"weight":5}');
      const reading = await router.read(target, never);
      expect(reading).toMatchObject({
        kind: 'document',
        content: '{"weight":5}',
        md5: md5('{"weight":5}'),
        authoritative: router.facts()?.authoritativeReads,
      });
    });

    it.concurrent('keeps every byte of a text in any script', async () => {
      const target = await existing(UNICODE);
      expect(await router.read(target, never)).toMatchObject({ content: UNICODE, md5: md5(UNICODE) });
    });

    it.concurrent('stores the document as JSON', async () => {
      const { group, dataId } = await existing('{"weight":5}');
      expect(await other.metadata(group, dataId)).toMatchObject({ type: 'json' });
    });

    it.concurrent('replaces a document whose md5 is the expected one', async () => {
      const target = await existing('{"weight":5}');
      expect(await write(target, '{"weight":25}', md5('{"weight":5}'))).toMatchObject({ result: 'accepted' });
      await eventually(() => contentOf(target), '{"weight":25}');
    });

    it.concurrent('reports a conflict and overwrites nothing when the md5 is another one', async () => {
      const target = await existing('{"weight":5}');
      await other.put(target.group, target.dataId, '{"weight":"by hand"}');
      await eventually(() => contentOf(target), '{"weight":"by hand"}');
      const report = await write(target, '{"weight":25}', md5('{"weight":5}'));
      expect(report).toMatchObject({ result: 'conflict', code: 'NACOS_CONFLICT', operation: 'contract.1' });
      expect(await contentOf(target)).toBe('{"weight":"by hand"}');
    });

    it.concurrent('compares with the database, not with what readers see so far', async () => {
      const target = await existing('{"weight":0}');
      for (const [before, weight] of [0, 1, 2, 3, 4].entries()) {
        const report = await write(
          target,
          `{"weight":${weight + 1}}`,
          router.facts()?.compareAndSet ? md5(`{"weight":${before}}`) : null,
        );
        expect(report).toMatchObject({ result: 'accepted' });
      }
      await eventually(() => contentOf(target), '{"weight":5}');
    });

    it.concurrent('does not create a document that is there already', async () => {
      const target = await existing('{"weight":5}');
      expect(await write(target, '{"weight":25}', 'absent')).toMatchObject({ result: 'conflict' });
      expect(await contentOf(target)).toBe('{"weight":5}');
    });

    it.concurrent('overwrites whatever is there when nothing is expected', async () => {
      const target = await existing('{"weight":5}');
      await other.put(target.group, target.dataId, '{"weight":"by hand"}');
      expect(await write(target, '{"weight":0}', null)).toMatchObject({ result: 'accepted' });
      await eventually(() => contentOf(target), '{"weight":0}');
    });

    it.concurrent('sees a document that somebody else deleted as absent', async () => {
      const target = await existing('{"weight":5}');
      await other.remove(target.group, target.dataId);
      await eventually(() => contentOf(target), 'absent');
    });

    it.concurrent('means the same document by the namespace public and by none', async () => {
      const target = ownDocument();
      const spelled: NacosTarget = { ...target, namespace: 'public' };
      expect(await write(spelled, '{"weight":5}', 'absent')).toMatchObject({ result: 'accepted' });
      await eventually(() => contentOf(target), '{"weight":5}');
      await eventually(() => contentOf(spelled), '{"weight":5}');
    });

    it.concurrent('keeps the description that somebody gave the document, where it can be read', async () => {
      const target = ownDocument();
      await other.put(target.group, target.dataId, '{"weight":5}', { desc: 'ask the shop team' });
      await eventually(() => contentOf(target), '{"weight":5}');
      expect(await write(target, '{"weight":25}', md5('{"weight":5}'))).toMatchObject({ result: 'accepted' });
      const { desc } = await other.metadata(target.group, target.dataId);
      if (router.facts()?.authoritativeReads) expect(desc).toBe('ask the shop team');
    });

    it.concurrent('finds a beta variant, or says that the server does not tell', async () => {
      const target = await existing('{"weight":5}');
      const before = await router.beta(target, never);
      expect(['none', 'unknown']).toContain(before);
      await other.putBeta(target.group, target.dataId, '{"weight":"beta"}');
      if (before === 'unknown') return;
      const isFound = async () => JSON.stringify(await router.beta(target, never)).includes('127.0.0.1');
      await eventually(isFound, true);
    });

    it.concurrent('counts the addresses that have the document, or says that it cannot tell', async () => {
      const target = await existing('{"weight":5}');
      const { summary = '' } = router.facts() ?? {};
      const before = await router.listeners(target, never);
      if (before.kind === 'unknown') {
        expect(summary).toMatch(/^Nacos 3\..*, v1 API/);
        return;
      }
      expect(before).toEqual({ kind: 'addresses', current: 0, total: 0 });
      // From 3.2 on there are no long polls: what listens there speaks gRPC.
      if (isAtLeast(summary.replace('Nacos ', ''), [3, 2, 0])) return;
      const stopListening = other.listen(target.group, target.dataId, md5('{"weight":5}'));
      const count = async () => JSON.stringify(await router.listeners(target, never));
      await eventually(count, JSON.stringify({ kind: 'addresses', current: 1, total: 1 })).finally(
        stopListening,
      );
    });

    it.concurrent('never takes a beta variant for the document', async () => {
      const target = await existing('{"weight":5}');
      await other.putBeta(target.group, target.dataId, '{"weight":"beta"}');
      const isDecided = async () => {
        const reading = await router.read(target, never);
        expect(reading).not.toMatchObject({ content: '{"weight":"beta"}' });
        return reading.kind === 'unreadable' ? reading.code : reading.kind;
      };
      await eventually(isDecided, router.facts()?.authoritativeReads ? 'document' : 'NACOS_BETA');
    });

    it.concurrent('is denied with a wrong password, and no text shows it', async () => {
      const stranger = routerFor({ ...nacos, username: 'nacos', password: WRONG_PASSWORD });
      onTestFinished(() => stranger.close());
      const target = ownDocument();
      const report = await stranger.publish(target, 'contract.2', '{}', { expectMd5: null }, never);
      const reading = await stranger.read(target, never);
      expect(report).toMatchObject({ result: 'denied', code: 'NACOS_AUTH' });
      expect(reading).toMatchObject({ kind: 'unreadable', code: 'NACOS_AUTH' });
      expect(JSON.stringify([report, reading])).not.toContain(WRONG_PASSWORD.slice(0, 5));
      expect(await contentOf(target)).toBe('absent');
    });

    it('refuses names that Nacos does not take, without asking it', async () => {
      const target: NacosTarget = { kind: 'nacos', namespace: '', group: GROUP, dataId: 'a b' };
      expect(await router.read(target, never)).toMatchObject({ kind: 'unreadable', code: 'NACOS_REJECTED' });
      expect(await write(target, '{}', null)).toMatchObject({ result: 'denied', code: 'NACOS_REJECTED' });
    });

    it('answers with a value after it is closed', async () => {
      const short = routerFor(nacos);
      await short.close();
      expect(await short.read(ownDocument(), never)).toMatchObject({ code: 'NACOS_ABORTED' });
      expect(
        await short.publish(ownDocument(), 'contract.3', '{}', { expectMd5: null }, never),
      ).toMatchObject({
        result: 'failed',
        code: 'NACOS_ABORTED',
      });
    });

    it('lets its process end by itself after close, and opened no port meanwhile', async () => {
      const { url, api, username, password, ca } = nacos;
      const look = await lookFromAProcess({ urls: [url], api, username, password, ca }, ownDocument());
      expect(look.reading.kind).toBe('absent');
      expect(look.meanwhile).not.toContain('TCPServerWrap');
      expect(look.meanwhile).not.toContain('UDPWrap');
      expect(look.after).toEqual(look.before);
    });
  });
}
