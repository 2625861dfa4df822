import { expect, test } from 'vitest';
import { reader, type StreamReader } from '../server/stream-reader.ts';
import { aWorld } from './world.ts';

/** Numbers of the events that a stream tells, until one of that type; or until its end, whatever ends it. */
async function numbersUntil({ next }: StreamReader, type: string | null): Promise<number[]> {
  const numbers: number[] = [];
  for (;;) {
    const message = await next().catch(() => null);
    if (message === null) return numbers;
    if (message.type !== 'message' || message.data === '') continue;
    numbers.push(Number(message.lastId));
    if (JSON.parse(message.data).type === type) return numbers;
  }
}

test('a reader hears every event once: by a standby, across a killed leader and a stopped daemon', {
  timeout: 120_000,
}, async ({ onTestFinished }) => {
  const world = await aWorld(onTestFinished);
  const first = world.start();
  const [fromLeader, second] = [await reader(await first.url(), '/api/v1/stream?after=0'), world.start()];
  const fromStandby = await reader(await second.url(), '/api/v1/stream?after=0');
  world.declare('v2');

  const heard = await numbersUntil(fromStandby, 'StepStarted');
  first.kill('SIGKILL');
  const cut = await numbersUntil(fromLeader, null);
  heard.push(...(await numbersUntil(fromStandby, 'RolloutEnded')));
  expect(heard).toEqual(heard.map((_, index) => index + 1));

  const resumed = await reader(await second.url(), '/api/v1/stream', { 'last-event-id': String(cut.length) });
  cut.push(...(await numbersUntil(resumed, 'RolloutEnded')));
  expect(cut).toEqual(heard);

  second.kill('SIGTERM');
  const last = [];
  for (let message = await fromStandby.next(); message !== null; message = await fromStandby.next())
    last.push(message);
  expect(last.at(-1)).toMatchObject({ type: 'closed', data: expect.stringContaining('STOPPING') });
  expect(await second.ended).toBe(0);
});
