import { expect, onTestFinished, test, vi } from 'vitest';
import { followDocuments } from '../../src/client/follow.ts';
import type { NacosReader } from '../../src/client/nacos.ts';

/** A server with one version of each document, whose long polls hang until they are ended. */
const nacos: NacosReader = {
  readV1: async (dataId) => ({
    kind: 'read',
    document: { content: dataId, md5: dataId, isBeta: false },
  }),
  readV3: async () => ({ kind: 'gone', detail: 'not here' }),
  changes: (_, signal) =>
    new Promise((resolve) => {
      signal.addEventListener('abort', () => resolve({ kind: 'failed', detail: 'ended' }));
    }),
};

test('a fault where a document is taken over is told, ends nothing, and the document is taken again', async () => {
  const ending = new AbortController();
  onTestFinished(() => ending.abort());
  const taken: string[] = [];
  const troubles: (string | null)[] = [];
  let faults = 2;
  const following = followDocuments({
    dataIds: ['one', 'other'],
    nacos,
    pollMs: 1_000,
    signal: ending.signal,
    onDocument(dataId) {
      if (dataId === 'one' && faults-- > 0) throw new Error('a bug');
      taken.push(dataId);
    },
    onTrouble: (detail) => troubles.push(detail),
  });
  await vi.waitFor(() => expect(troubles.at(-1)).toBeNull(), { timeout: 20_000, interval: 10 });
  expect(taken.sort()).toEqual(['one', 'other']);
  expect(troubles[0]).toContain('a bug');
  ending.abort();
  await following;
});
