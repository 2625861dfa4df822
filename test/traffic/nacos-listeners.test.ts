/** Who has the live document: counted by address, unknown for every odd answer, and never news about the server. */
import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import type { DevNacos } from '../../infra/dev-nacos/server.ts';
import { md5 } from '../../src/core/rule.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { DATA_ID, eventually, GROUP, NEVER, read, routerTo, startNacos, startStub, TARGET } from './setup.ts';

const RULE = '{"weight":5}';

/** A gateway at `address` that has `content` and waits for another one. */
function listen(nacos: DevNacos, address: string, content: string): void {
  const polling = request(`${nacos.url}/v1/cs/configs/listener`, {
    method: 'POST',
    agent: false,
    headers: {
      'Content-Type': 'application/x-www-form-urlencoded',
      'Long-Pulling-Timeout': '30000',
      'X-Forwarded-For': address,
    },
  });
  // Cut when the test ends.
  polling.on('error', () => {});
  onTestFinished(() => void polling.destroy());
  const record = `${[DATA_ID, GROUP, md5(content)].join('\u0002')}\u0001`;
  polling.end(new URLSearchParams({ 'Listening-Configs': record }).toString());
}

/** Of these versions every address is known: v1 shows it on 2.x, v3 on 3.x. */
const TELLING: readonly Version[] = ['2.2.3', '2.5.1', '3.1'];

describe.each(TELLING)('Nacos %s', (version) => {
  it('tells how many addresses have the live document, not how many gateways', async () => {
    const nacos = await startNacos(version);
    const router = routerTo(nacos.url);
    nacos.put(DATA_ID, GROUP, RULE);
    nacos.publishBeta(DATA_ID, GROUP, '{"beta":1}', ['10.0.0.4']);
    for (const address of ['10.0.0.1', '10.0.0.1', '10.0.0.2', '10.0.0.3']) listen(nacos, address, RULE);
    listen(nacos, '10.0.0.4', '{"beta":1}');
    await eventually(() => nacos.listeners().length).toBe(5);
    expect(await router.listeners(TARGET, NEVER)).toEqual({ kind: 'addresses', current: 3, total: 4 });
  });

  it('tells that nobody listens', async () => {
    const nacos = await startNacos(version);
    nacos.put(DATA_ID, GROUP, RULE);
    const reading = await routerTo(nacos.url).listeners(TARGET, NEVER);
    expect(reading).toEqual({ kind: 'addresses', current: 0, total: 0 });
  });

  it('leaves it unknown while there is no document', async () => {
    const nacos = await startNacos(version);
    const reading = await routerTo(nacos.url).listeners(TARGET, NEVER);
    expect(reading).toEqual({ kind: 'unknown', detail: 'there is no document to have' });
  });
});

it('a 3.x that is spoken to in v1 keeps its listeners for the console', async () => {
  const nacos = await startNacos('3.1');
  nacos.put(DATA_ID, GROUP, RULE);
  const reading = await routerTo(nacos.url, { api: 'v1' }).listeners(TARGET, NEVER);
  expect(reading).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('410') });
});

describe('an odd answer leaves it unknown', () => {
  const ODD: readonly (readonly [api: 'v1' | 'v3', what: string, body: string])[] = [
    ['v1', 'a page', '<html>Sign in</html>'],
    ['v1', 'no listeners', '{"collectStatus":200}'],
    ['v1', 'a list', '{"collectStatus":200,"lisentersGroupkeyStatus":[]}'],
    ['v1', 'a failed collection', '{"collectStatus":500,"lisentersGroupkeyStatus":{}}'],
    ['v3', 'a page', '<html>Sign in</html>'],
    ['v3', 'no listeners', '{"code":0,"message":"success","data":{"queryType":"config"}}'],
    ['v3', 'a failure', '{"code":30000,"message":"server error","data":null}'],
  ];

  it.each(ODD)('of %s: %s', async (api, _what, body) => {
    const url = await startStub((asked, response) => {
      const { pathname } = new URL(asked.url ?? '', 'http://stub');
      if (pathname.endsWith('/listener')) response.end(body);
      else if (pathname.endsWith('/v3/admin/core/state') && api === 'v3') {
        response.end('{"code":0,"message":"success","data":{"version":"3.1.0"}}');
      } else if (pathname.endsWith('/v1/console/server/state') && api === 'v1') {
        response.end('{"version":"2.5.1"}');
      } else response.writeHead(404).end('config data not exist');
    });
    const reading = await routerTo(url).listeners(TARGET, NEVER);
    expect(reading).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('/listener') });
  });
});

it('a server that does not answer this question in time is not lost for the others', async () => {
  const clock = createVirtualClock();
  const nacos = await startNacos('3.1', { clock: createVirtualClock() });
  const router = routerTo(nacos.url, { clock });
  expect(await read(router)).toMatchObject({ kind: 'absent' });
  nacos.faults.inject({ fault: 'delay', ms: 60_000, path: '/v3/admin/cs/config/listener' });
  const before = nacos.requests.length;
  const asking = router.listeners(TARGET, NEVER);
  await eventually(() => nacos.requests.length).toBe(before + 1);
  clock.advance(3_000);
  expect(await asking).toMatchObject({ kind: 'unknown', detail: expect.stringContaining('3000 ms') });
  expect(router.isUp()).toBe(true);
});

it('names that Nacos does not take, and a closed router, are unknown as well', async () => {
  const nacos = await startNacos('3.1');
  const router = routerTo(nacos.url);
  expect(await router.listeners({ ...TARGET, dataId: 'a b' }, NEVER)).toMatchObject({ kind: 'unknown' });
  await router.close();
  expect(await router.listeners(TARGET, NEVER)).toMatchObject({ kind: 'unknown' });
});
