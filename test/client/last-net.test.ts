import { expect, test, vi } from 'vitest';
import { type CanaryClientEvent, createCanaryClient } from '../../src/client/client.ts';

vi.mock('../../src/client/follow.ts', () => ({
  followDocuments: async () => {
    throw new Error('a bug');
  },
}));

test('listening that ends by a bug is told, and ends neither choosing nor the process', async () => {
  const events: CanaryClientEvent[] = [];
  const client = createCanaryClient({
    nacos: 'http://127.0.0.1:1/nacos',
    services: { checkout: { fallback: 'v0' } },
    readyWithinMs: 1,
    onEvent: (event) => events.push(event),
  });
  expect(await client.ready).toBe(false);
  expect(events).toEqual([
    { type: 'nacosLost', detail: expect.stringMatching(/listening has ended.*a bug/) },
  ]);
  expect(client.isConnected()).toBe(false);
  expect(client.choose('checkout', { headers: {} }).version).toBe('v0');
  await client.close();
});
