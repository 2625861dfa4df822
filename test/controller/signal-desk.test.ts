import { expect, it } from 'vitest';
import type { Alert } from '../../src/controller/controls.ts';
import { createMemory, type Memory, newEntry } from '../../src/controller/memory.ts';
import { createSignalDesk } from '../../src/controller/signal-desk.ts';
import type { NewSignal } from '../../src/store/store.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { quickSpec } from './rig.ts';

interface Desk {
  readonly memory: Memory;
  /** What reached the store. */
  readonly kept: NewSignal[];
  /** How often an entry of the memory was looked at in a walk over all. */
  visits(): number;
  receive: ReturnType<typeof createSignalDesk>['receive'];
}

/** `count` Canaries; `serviceOf` says what each moves. */
function aDesk(count: number, serviceOf: (index: number) => string): Desk {
  const memory = createMemory();
  for (let index = 0; index < count; index += 1) {
    memory.put(newEntry(quickSpec(`c${index}`, { service: serviceOf(index) }), 'present', 0));
  }
  const kept: NewSignal[] = [];
  let visits = 0;
  const { receive } = createSignalDesk({
    store: {
      async addWebhook({ signals }) {
        kept.push(...signals);
        return signals.map(() => ({ result: 'known', signal: null, ended: [] }));
      },
    },
    clock: createVirtualClock(),
    memory: {
      get: memory.get,
      *entries() {
        for (const entry of memory.entries()) {
          visits += 1;
          yield entry;
        }
      },
    },
    isLeading: () => true,
    enqueue() {},
  });
  return { memory, kept, visits: () => visits, receive };
}

function bodyOf(count: number, serviceOf: (index: number) => string) {
  const alerts = Array.from(
    { length: count },
    (_, index): Alert => ({
      canary: null,
      service: serviceOf(index),
      fingerprint: `f${index}`,
      startedAt: null,
      endedAt: null,
      name: 'SloBurn',
      action: 'pause',
      firing: true,
      summary: '',
    }),
  );
  return { type: 'grafana', address: '192.0.2.7', body: '{}', alerts };
}

it('looks at each Canary once for a body, however many alerts name a service', async () => {
  const { receive, kept, visits } = aDesk(20, (index) => `s${index}`);
  await receive(bodyOf(300, (index) => `s${index % 30}`));
  expect(kept).toHaveLength(200);
  expect(visits()).toBe(20);
});

it('finds a service as it is by the next body', async () => {
  const { receive, memory } = aDesk(1, () => 'shop');
  expect(await receive(bodyOf(1, () => 'shop'))).toMatchObject([{ canary: 'c0' }]);
  memory.put(newEntry(quickSpec('late', { service: 'shop' }), 'present', 0));
  expect(await receive(bodyOf(1, () => 'shop'))).toMatchObject([{ canary: 'c0' }, { canary: 'late' }]);
});

it('refuses a body that is for more Canaries than it records at once, whole', async () => {
  const { receive, kept } = aDesk(50, () => 'shop');
  expect(await receive(bodyOf(41, () => 'shop'))).toEqual({
    status: 413,
    code: 'TOO_MANY_ALERTS',
    detail: 'its 41 alerts are for 2050 Canaries in all; one webhook may be for 2000',
    hint: 'group by canary or service, so that each body has fewer alerts',
  });
  expect(kept).toEqual([]);
  expect(await receive(bodyOf(40, () => 'shop'))).toHaveLength(2000);
  expect(kept).toHaveLength(2000);
});

it('counts no alert that is for no Canary', async () => {
  const { receive } = aDesk(1, () => 'shop');
  expect(await receive(bodyOf(2500, () => 'nobody'))).toHaveLength(2500);
});
