/** What a probe makes of the servers that exist. */
import { describe, expect, it } from 'vitest';
import { NACOS_CODES, NacosError } from '../../src/traffic/nacos/errors.ts';
import type { RouterFacts, TrafficRouter } from '../../src/traffic/router.ts';
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
  startRaw,
  startStub,
  TARGET,
} from './setup.ts';

/** Answers the state paths as a server of that version does, and nothing else. */
function startVersion(version: string): Promise<string> {
  return startStub(({ url = '' }, response) => {
    const isV3 = version.startsWith('3');
    if (isV3 && url === '/nacos/v3/admin/core/state') {
      response.end(JSON.stringify({ code: 0, message: 'success', data: { version } }));
    } else if (!isV3 && url === '/nacos/v1/console/server/state') {
      response.end(JSON.stringify({ version, standalone_mode: 'standalone' }));
    } else if (url.startsWith('/nacos/v1/cs/configs') || url.startsWith('/nacos/v3/admin/cs/config')) {
      const words = url.includes('/v3/')
        ? '{"code":20004,"message":"resource not found","data":null}'
        : 'config data not exist\n';
      response.writeHead(404, { 'Content-Type': 'application/json' }).end(words);
    } else {
      response.writeHead(404).end('{"status":404,"error":"Not Found","message":"No message available"}');
    }
  });
}

async function factsOf(router: TrafficRouter): Promise<RouterFacts | null> {
  await read(router);
  return router.facts();
}

describe('a probe', () => {
  it.each([
    ['1.4.6', 'Nacos 1.4.6, v1 API, no compare-and-set, verified by the runtime read', 'no compare-and-set'],
    ['2.3.0', 'Nacos 2.3.0, v1 API, no compare-and-set, verified by the runtime read', 'broken'],
    ['2.3.1', 'Nacos 2.3.1, v1 API, no compare-and-set, verified by the runtime read', 'broken'],
    ['2.3.2', 'Nacos 2.3.2, v1 API, compare-and-set, verified by the runtime read', null],
    ['2.5.1', 'Nacos 2.5.1, v1 API, compare-and-set, verified by the runtime read', null],
    [
      '3.0.3',
      'Nacos 3.0.3, v3 Admin API, compare-and-set, verified by the Admin read',
      'without credentials',
    ],
  ])('of %s tells what it can do and what is doubtful', async (version, summary, doubt) => {
    const facts = await factsOf(routerTo(await startVersion(version)));
    expect(facts?.summary).toBe(summary);
    expect(facts?.compareAndSet).toBe(!summary.includes('no compare-and-set'));
    expect(facts?.authoritativeReads).toBe(version.startsWith('3'));
    expect(facts?.warnings).toEqual(doubt === null ? [] : [expect.stringContaining(doubt)]);
  });

  it('finds v1 writes open on a default 3.1, closed where that API is switched off, and none on 3.2', async () => {
    const open = await startNacos('3.1', { auth: ACCOUNT });
    const off = await startNacos('3.1', { auth: ACCOUNT, clientApiEnabled: false });
    const newest = await startNacos('3.2', { auth: ACCOUNT });
    const warnings = async (url: string) => (await factsOf(routerTo(url, ACCOUNT)))?.warnings;
    expect(await warnings(open.url)).toEqual([expect.stringContaining('nacos.core.auth.enabled=true')]);
    expect(await warnings(off.url)).toEqual([]);
    expect(await warnings(newest.url)).toEqual([]);
    expect(open.requests.filter(({ method }) => method !== 'GET').map(({ path }) => path)).toEqual([
      '/nacos/v3/auth/user/login',
    ]);
  });

  it('is made at the start and logged, before anyone asks', async () => {
    const nacos = await startNacos('2.2.3');
    const log = collectLog();
    const router = routerTo(nacos.url, { log });
    await eventually(() => log.lines).toEqual([
      {
        level: 'info',
        message: 'Nacos probed',
        fields: {
          url: nacos.url,
          nacos: 'Nacos 2.2.3, v1 API, no compare-and-set, verified by the runtime read',
          warnings: [expect.stringContaining('has no compare-and-set')],
        },
      },
    ]);
    expect(router.isUp()).toBe(true);
  });

  it('knows nothing until the server answered once', async () => {
    const router = routerTo('http://127.0.0.1:1/nacos');
    expect(router.facts()).toBeNull();
    expect(router.isUp()).toBe(false);
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_UNAVAILABLE' });
    expect(router.facts()).toBeNull();
  });

  it.each([
    ['a web server', 200, '<!doctype html><html>Sign in</html>', 'NACOS_NOT_NACOS'],
    ['a web server without such a page', 404, '<html>404 Not Found</html>', 'NACOS_NOT_NACOS'],
    ['a redirect to a login page', 302, '', 'NACOS_NOT_NACOS'],
    ['a gateway whose Nacos is down', 502, '<html>502 Bad Gateway</html>', 'NACOS_UNAVAILABLE'],
    ['a gateway that lets nobody in', 403, 'RBAC: access denied', 'NACOS_FORBIDDEN'],
  ])('of %s says what is wrong', async (_, status, body, code) => {
    const url = await startStub((_request, response) => {
      response.writeHead(status, { 'Content-Type': 'text/html', Location: '/login' }).end(body);
    });
    const router = routerTo(url);
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code });
    expect(await publish(router, '{}')).toMatchObject({ code });
    expect(router.facts()).toBeNull();
  });

  it('of something that speaks no HTTP says so', async () => {
    const { url } = await startRaw((socket) =>
      socket.once('data', () => socket.end('-ERR unknown command\r\n')),
    );
    expect(await read(routerTo(url))).toMatchObject({ kind: 'unreadable', code: 'NACOS_NOT_NACOS' });
  });
});

describe('an API that is forced', () => {
  it('v3 on a 2.x server is refused with the reason', async () => {
    const nacos = await startNacos('2.5.1');
    const reading = await read(routerTo(nacos.url, { api: 'v3' }));
    expect(reading).toMatchObject({
      code: 'NACOS_NOT_NACOS',
      detail: expect.stringContaining('has v1 only'),
    });
  });

  it('v1 on 3.2 is refused with the reason', async () => {
    const nacos = await startNacos('3.2');
    const reading = await read(routerTo(nacos.url, { api: 'v1' }));
    expect(reading).toMatchObject({
      code: 'NACOS_NOT_NACOS',
      detail: expect.stringContaining('has no v1 API'),
    });
  });

  it('v1 on 3.1 is spoken, with compare-and-set', async () => {
    const nacos = await startNacos('3.1');
    const facts = await factsOf(routerTo(nacos.url, { api: 'v1' }));
    expect(facts?.summary).toBe('Nacos 3.1.0, v1 API, compare-and-set, verified by the runtime read');
  });

  it.each(['v1', 'v3'] as const)('%s is spoken to a server that hides its version', async (api) => {
    const nacos = await startNacos('3.1');
    nacos.faults.inject({ fault: 'notFound', on: 'state' });
    const router = routerTo(nacos.url, { api });
    expect(await read(router)).toMatchObject({ kind: 'absent' });
    expect(router.facts()?.summary).toContain('Nacos of unknown version');
    expect(router.facts()?.compareAndSet).toBe(api === 'v3');
  });

  it('auto refuses a server that hides its version', async () => {
    const nacos = await startNacos('3.1');
    nacos.faults.inject({ fault: 'notFound', on: 'state' });
    expect(await read(routerTo(nacos.url))).toMatchObject({ code: 'NACOS_NOT_NACOS' });
  });
});

describe('an answer that only looks like one', () => {
  it('a page instead of a document is not taken for it', async () => {
    const url = await startStub((request, response) => {
      if (request.url === '/nacos/v1/console/server/state') response.end('{"version":"2.5.1"}');
      else if (request.url?.startsWith('/nacos/v1/cs')) response.end('<html>Sign in</html>');
      else response.writeHead(404).end('{}');
    });
    expect(await read(routerTo(url))).toMatchObject({ kind: 'unreadable', code: 'NACOS_NOT_NACOS' });
  });

  it('a beta is told where it hides the document from this host', async () => {
    const nacos = await startNacos('3.1');
    const router = routerTo(nacos.url, { api: 'v1' });
    nacos.put(DATA_ID, GROUP, '{}');
    expect(await router.beta(TARGET, NEVER)).toBe('unknown');
    nacos.publishBeta(DATA_ID, GROUP, '{"beta":1}', ['127.0.0.1']);
    expect(await router.beta(TARGET, NEVER)).toEqual({ rule: expect.stringContaining('this host') });
    expect(await publish(router, '{"formal":1}', null)).toMatchObject({ result: 'accepted' });
    expect(await read(router)).toMatchObject({ kind: 'unreadable', code: 'NACOS_BETA' });
  });

  it('a beta for others is told with their addresses, a failing query as unknown', async () => {
    for (const version of ['2.5.1', '3.1', '3.2'] as const) {
      const nacos = await startNacos(version);
      const router = routerTo(nacos.url);
      nacos.put(DATA_ID, GROUP, '{}');
      expect(await router.beta(TARGET, NEVER)).toBe('none');
      nacos.publishBeta(DATA_ID, GROUP, '{"beta":1}', ['10.1.2.3', '10.1.2.4']);
      const rule = 'for the addresses 10.1.2.3,10.1.2.4';
      expect(await router.beta(TARGET, NEVER)).toEqual({ rule });
      expect(await read(router)).toMatchObject({ kind: 'document', content: '{}' });
      nacos.faults.inject({ fault: 'status', status: 500, on: 'query' });
      expect(await router.beta(TARGET, NEVER)).toBe('unknown');
    }
  });
});

describe('options that cannot work', () => {
  it.each([
    [[], 'at least one'],
    [['127.0.0.1:8848/nacos'], 'must look like'],
    [['ftp://127.0.0.1/nacos'], 'must look like'],
    [['http://nacos:S3cret@127.0.0.1:8848/nacos'], 'must not hold a user name'],
    [['http://127.0.0.1:8848/nacos?accessToken=S3cret'], 'context path'],
  ])('%j is refused at once, without showing a secret', (urls, words) => {
    expect(() => routerTo(urls)).toThrow(words);
    expect(() => routerTo(urls)).not.toThrow('S3cret');
  });
});

it('every failure has a sentence and says what to do next', () => {
  for (const [code, { meaning, next }] of Object.entries(NACOS_CODES)) {
    const { message } = new NacosError(code as keyof typeof NACOS_CODES, 'particulars');
    expect(message).toBe(`${meaning}: particulars; ${next}`);
  }
});
