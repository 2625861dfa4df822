/** How far runtime reads are behind the database. */
import { describe, expect, it } from 'vitest';
import { createDocuments, md5Of } from '../../infra/dev-nacos/documents.ts';
import { createDump, MEASURED_LAG } from '../../infra/dev-nacos/dump.ts';
import { seededRandom } from '../../infra/dev-nacos/seeded-random.ts';
import { call, DATA_ID, GROUP, publishV1, READ_ADMIN, READ_CLIENT, READ_V1, start } from './calls.ts';
import { createVirtualClock } from './virtual-clock.ts';

const NO_TAIL = { ...MEASURED_LAG, tailShare: 0 };
const PUBLISH = {
  tenant: '',
  group: GROUP,
  content: 'x',
  type: 'json',
  appName: null,
  desc: null,
  configTags: null,
  user: null,
  ip: '127.0.0.1',
  expectedMd5: null,
};
const ONLY_TAIL = { ...MEASURED_LAG, tailShare: 1 };

describe('the dump', () => {
  it('shows a write at the next tick: 404 after a first publish, the old value after an update', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { clock, dumpLag: NO_TAIL });
    clock.advance(30);
    await publishV1(nacos, 'one');
    clock.advance(69);
    expect((await call(nacos, READ_V1)).status).toBe(404);
    expect(JSON.parse((await call(nacos, READ_CLIENT)).body).code).toBe(20004);
    expect(JSON.parse((await call(nacos, READ_ADMIN)).body).data.content).toBe('one');
    clock.advance(1);
    expect((await call(nacos, READ_V1)).body).toBe('one');
    await publishV1(nacos, 'two');
    expect(await call(nacos, READ_V1)).toMatchObject({
      body: 'one',
      headers: { 'content-md5': md5Of('one') },
    });
    clock.advance(100);
    expect((await call(nacos, READ_V1)).body).toBe('two');
  });

  it('keeps serving a deleted document until the tick while the Admin read is fresh', async () => {
    const clock = createVirtualClock();
    const nacos = await start('3.1', { clock, dumpLag: NO_TAIL });
    nacos.put(DATA_ID, GROUP, 'one');
    clock.advance(100);
    nacos.delete(DATA_ID, GROUP);
    expect((await call(nacos, READ_ADMIN)).status).toBe(404);
    expect((await call(nacos, READ_V1)).body).toBe('one');
    clock.advance(100);
    expect((await call(nacos, READ_V1)).status).toBe(404);
  });

  it('shows the last of several writes within one tick', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.5.1', { clock, dumpLag: NO_TAIL });
    for (const content of ['one', 'two', 'three']) nacos.put(DATA_ID, GROUP, content);
    clock.advance(100);
    expect((await call(nacos, READ_V1)).body).toBe('three');
  });

  it('lets the slow ones take between 1.0 and 1.1 s', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.5.1', { clock, dumpLag: ONLY_TAIL });
    clock.advance(50);
    nacos.put(DATA_ID, GROUP, 'one');
    clock.advance(1_000);
    expect((await call(nacos, READ_V1)).status).toBe(404);
    clock.advance(50);
    expect((await call(nacos, READ_V1)).status).toBe(200);
  });

  it('is slow for one or two writes in a hundred, the same ones for the same seed', () => {
    const slowOnes = (seed: number) => {
      const clock = createVirtualClock();
      const slow = new Set(Array.from({ length: 2_000 }, (_, index) => `${index}.json`));
      const documents = createDocuments({
        clock,
        recordsVariants: true,
        onChange: (key, part) => dump.changed(key, part),
      });
      const dump = createDump({
        documents: () => documents,
        clock,
        lag: MEASURED_LAG,
        random: seededRandom(seed),
        onVisible: (key) => slow.delete(key.split('\u0002').at(-1) ?? ''),
      });
      for (const dataId of slow) documents.publish({ ...PUBLISH, dataId });
      clock.advance(100);
      const late = [...slow];
      clock.advance(1_000);
      expect(slow.size).toBe(0);
      return late;
    };
    const first = slowOnes(7);
    expect(first.length / 2_000).toBeGreaterThanOrEqual(0.01);
    expect(first.length / 2_000).toBeLessThanOrEqual(0.02);
    expect(slowOnes(7)).toEqual(first);
    expect(slowOnes(8)).not.toEqual(first);
  });

  it('on 2.2.3 delays a first creation and the md5 header, not the content', async () => {
    const clock = createVirtualClock();
    const nacos = await start('2.2.3', { clock, dumpLag: NO_TAIL });
    await publishV1(nacos, 'one');
    expect((await call(nacos, READ_V1)).status).toBe(404);
    clock.advance(100);
    await publishV1(nacos, 'two');
    expect(await call(nacos, READ_V1)).toMatchObject({
      body: 'two',
      headers: { 'content-md5': md5Of('one') },
    });
    nacos.delete(DATA_ID, GROUP);
    expect((await call(nacos, READ_V1)).status).toBe(404);
  });

  it('is over at once when there is no lag', async () => {
    const nacos = await start('3.1', { dumpLag: 'none' });
    await publishV1(nacos, 'one');
    expect((await call(nacos, READ_V1)).body).toBe('one');
  });
});
