import { describe, expect, it } from 'vitest';
import { createWorkQueue, type WorkQueue } from '../../src/controller/work-queue.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

interface Options {
  readonly concurrency?: number;
  readonly random?: () => number;
  readonly companions?: (name: string) => readonly string[];
}

/** A queue whose runs last until the test ends them. */
function aQueue({ concurrency = 10, random = () => 1, companions = () => [] }: Options = {}) {
  const clock = createVirtualClock();
  const started: string[] = [];
  const open = new Map<string, PromiseWithResolvers<void>>();
  const retries: number[] = [];
  const queue: WorkQueue = createWorkQueue({
    clock,
    concurrency,
    random,
    companions,
    work(name) {
      started.push(name);
      const run = Promise.withResolvers<void>();
      open.set(name, run);
      return run.promise;
    },
    onError: (_name, _error, retryInMs) => retries.push(retryInMs),
  });
  async function finish(name: string, error?: Error): Promise<void> {
    const run = open.get(name);
    if (run === undefined) throw new Error(`${name} does not run`);
    open.delete(name);
    if (error === undefined) run.resolve();
    else run.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { clock, queue, started, open, retries, finish };
}

const FAULT = new Error('a fault');

describe('the work queue', () => {
  it('works on the companions of a name whose time has come before theirs has', async () => {
    const { clock, queue, started, finish } = aQueue({ companions: () => ['cart', 'till'] });
    queue.addAfter('shop', 1_000);
    queue.addAfter('cart', 1_500);
    queue.addAfter('till', 1_200);
    expect(queue.isPlanned('till')).toBe(true);
    queue.add('till');
    expect(started).toEqual(['till']);
    clock.advance(1_000);
    expect(started).toEqual(['till', 'shop', 'cart']);
    expect(queue.isPlanned('cart')).toBe(false);
    await finish('cart');
    clock.advance(1_000);
    expect(started).toHaveLength(3);
  });

  it('works on a name once, however often it was added while it waited', async () => {
    const { queue, started, finish } = aQueue({ concurrency: 1 });
    queue.add('first');
    for (let count = 0; count < 5; count += 1) queue.add('shop');
    expect(queue.depth()).toBe(1);
    await finish('first');
    await finish('shop');
    expect(started).toEqual(['first', 'shop']);
  });

  it('never runs a name twice at once: added while it runs, it runs once more afterwards', async () => {
    const { queue, started, finish } = aQueue();
    queue.add('shop');
    queue.add('shop');
    queue.add('shop');
    expect(started).toEqual(['shop']);
    await finish('shop');
    expect(started).toEqual(['shop', 'shop']);
    await finish('shop');
    expect(started).toEqual(['shop', 'shop']);
  });

  it('runs many names at once, up to its bound, and in the order of their coming', async () => {
    const { queue, started, finish } = aQueue({ concurrency: 2 });
    for (const name of ['a', 'b', 'c', 'd']) queue.add(name);
    expect(started).toEqual(['a', 'b']);
    expect(queue.depth()).toBe(2);
    await finish('b');
    expect(started).toEqual(['a', 'b', 'c']);
    await finish('a');
    expect(started).toEqual(['a', 'b', 'c', 'd']);
  });

  it('lets everybody else go before a name that is added again and again', async () => {
    const { queue, started, finish } = aQueue({ concurrency: 1 });
    for (const name of ['busy', 'a', 'b']) queue.add(name);
    queue.add('busy');
    await finish('busy');
    await finish('a');
    await finish('b');
    expect(started).toEqual(['busy', 'a', 'b', 'busy']);
  });

  it('keeps the earliest of the times asked for', () => {
    const { clock, queue, started } = aQueue();
    queue.addAfter('shop', 5_000);
    queue.addAfter('shop', 1_000);
    queue.addAfter('shop', 9_000);
    clock.advance(999);
    expect(started).toEqual([]);
    clock.advance(1);
    expect(started).toEqual(['shop']);
  });

  it('forgets a later time when the name is added now', async () => {
    const { clock, queue, started, finish } = aQueue();
    queue.addAfter('shop', 1_000);
    queue.add('shop');
    await finish('shop');
    clock.advance(5_000);
    expect(started).toEqual(['shop']);
  });

  it('backs off twice as long after each failure, up to a minute, and starts again after a success', async () => {
    const { clock, queue, retries, finish } = aQueue();
    queue.add('shop');
    for (let failure = 0; failure < 9; failure += 1) {
      await finish('shop', FAULT);
      clock.advance(retries.at(-1) ?? 0);
    }
    expect(retries).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    await finish('shop');
    queue.add('shop');
    await finish('shop', FAULT);
    expect(retries.at(-1)).toBe(500);
  });

  it('spreads the retries of many over the whole back-off time', async () => {
    const draws = [0.25, 0.75];
    const { queue, retries, finish } = aQueue({ random: () => draws.shift() ?? 0 });
    for (const name of ['a', 'b']) queue.add(name);
    await finish('a', FAULT);
    await finish('b', FAULT);
    expect(retries).toEqual([125, 375]);
  });

  it('leaves a name that backs off alone on a resync, but not when something about it changed', async () => {
    const { clock, queue, started, finish } = aQueue();
    queue.add('shop');
    await finish('shop', FAULT);
    queue.offer('shop');
    expect(started).toEqual(['shop']);
    queue.add('shop');
    expect(started).toEqual(['shop', 'shop']);
    await finish('shop');
    clock.advance(60_000);
    expect(started).toEqual(['shop', 'shop']);
  });

  it('leaves a name that is worked on alone on a resync', async () => {
    const { queue, started, finish } = aQueue();
    queue.add('shop');
    queue.offer('shop');
    await finish('shop');
    expect(started).toEqual(['shop']);
    queue.offer('shop');
    expect(started).toEqual(['shop', 'shop']);
  });

  it('runs at once what changed while a run failed, without a second run when the back-off is over', async () => {
    const { clock, queue, started, finish } = aQueue();
    queue.add('shop');
    queue.add('shop');
    await finish('shop', FAULT);
    expect(started).toEqual(['shop', 'shop']);
    await finish('shop');
    clock.advance(60_000);
    expect(started).toEqual(['shop', 'shop']);
  });

  it('forgets what is planned for a removed name, whether it waits, is planned, or runs', async () => {
    const { clock, queue, started, finish } = aQueue({ concurrency: 1 });
    queue.add('runs');
    queue.add('waits');
    queue.add('runs');
    queue.addAfter('planned', 1_000);
    for (const name of ['runs', 'waits', 'planned']) queue.remove(name);
    await finish('runs');
    clock.advance(1_000);
    expect(started).toEqual(['runs']);
  });

  it('is idle once nothing runs and nothing waits; what is planned does not count', async () => {
    const { queue, finish } = aQueue();
    queue.add('shop');
    queue.addAfter('later', 1_000);
    let isIdle = false;
    const idle = queue.idle().then(() => {
      isIdle = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isIdle).toBe(false);
    await finish('shop');
    await idle;
    expect(isIdle).toBe(true);
  });

  it('stops when the runs in hand have ended, and starts nothing any more', async () => {
    const { clock, queue, started, finish } = aQueue({ concurrency: 1 });
    queue.add('runs');
    queue.add('waits');
    queue.add('runs');
    queue.addAfter('planned', 1_000);
    let isStopped = false;
    const stopped = queue.stop().then(() => {
      isStopped = true;
    });
    queue.add('late');
    clock.advance(1_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isStopped).toBe(false);
    await finish('runs');
    await stopped;
    expect(started).toEqual(['runs']);
  });
});
