/** What it costs that a thousand follow the event stream while every canary progresses, and how soon they hear. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Cores } from './cores.ts';
import { between, quantileOf } from './exposition.ts';
import { floorFigures } from './floor.ts';
import { type Span, watch } from './load.ts';
import type { Found } from './outcome.ts';
import { rampUp, release } from './progress.ts';
import type { Heard } from './reader-process.ts';
import { say } from './say.ts';
import type { World } from './world.ts';

const READERS = resolve(import.meta.dirname, 'reader-process.ts');
/** What is under way when the measuring ends arrives within this time. */
const STRAGGLERS_MS = 3_000;

export interface ReadersPlan {
  readonly intervalS: number;
  readonly seconds: number;
  readonly readers: number;
  readonly cores: Cores;
}

export async function measureReaders(world: World, plan: ReadersPlan): Promise<Found> {
  const { intervalS, seconds, readers } = plan;
  const canaries = world.services.length;
  const daemon = await world.daemon({ keepsCommits: true });
  release(world, 'threshold', intervalS);
  const ramp = await rampUp(world, 'threshold', intervalS);
  if (ramp.missing.length > 0) throw new Error(`${ramp.missing.length} canaries had no first step`);
  await wait(1_000 * intervalS);
  say(`measuring for ${seconds} s without readers`);
  const alone = await watch(daemon, world.others, seconds * 1_000);
  say(`measuring for ${seconds} s with ${readers} readers`);
  const child = fork(READERS, [daemon.url, String(readers)]);
  try {
    await answerOf(child);
    plan.cores.moveAway(child.pid ?? 0);
    const opened = await daemon.sample();
    const followed = await watch(daemon, [...world.others, child.pid ?? 0], seconds * 1_000);
    await wait(STRAGGLERS_MS);
    child.send(await daemon.commits());
    const heard = await answerOf<Heard>(child);
    return {
      title: `${readers} readers of the event stream, ${canaries} canaries progressing at ${intervalS} s`,
      load: { readers, canaries, interval: intervalS, seconds },
      figures: [
        { name: 'commit to reader, p50', value: heard.p50Ms, unit: 'ms' },
        { name: 'commit to reader, p99', value: heard.p99Ms, unit: 'ms', most: 500 },
        { name: 'commit to reader, longest', value: heard.longestMs, unit: 'ms' },
        { name: 'events a second', value: heard.events / followed.seconds, unit: '' },
        { name: 'deliveries a second', value: heard.deliveries / followed.seconds, unit: '' },
        { name: 'lag of looks without readers, p99', value: lagOf(alone), unit: 's' },
        { name: 'lag of looks with them, p99', value: lagOf(followed), unit: 's', most: 1 },
        { name: 'share of a core without readers', value: shareOf(alone), unit: '%' },
        { name: 'share of a core with them', value: shareOf(followed), unit: '%' },
        { name: 'share of a core for them', value: shareOf(followed) - shareOf(alone), unit: '%', most: 25 },
        {
          name: 'resident memory for each reader',
          value: Math.max(0, followed.after.rssBytes - alone.after.rssBytes) / readers / 1_024,
          unit: 'KiB',
          most: 128,
        },
        {
          name: 'heap for each reader, just opened',
          value: (opened.heapBytes - alone.after.heapBytes) / readers / 1_024,
          unit: 'KiB',
        },
        ...floorFigures(world.floor),
      ],
      findings: findingsOf(heard, alone, followed),
    };
  } finally {
    child.kill();
  }
}

async function answerOf<T>(child: ChildProcess): Promise<T> {
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`the readers ended with ${code}`);
  });
  const [answer] = await Promise.race([once(child, 'message'), failed]);
  return answer as T;
}

function lagOf({ before, after }: Span): number {
  return quantileOf(between(before.lookLag, after.lookLag), 0.99);
}

function shareOf({ cpuMs, seconds }: Span): number {
  return cpuMs / seconds / 10;
}

function findingsOf(heard: Heard, alone: Span, followed: Span): string[] {
  const findings: string[] = [];
  if (heard.events === 0) findings.push('no event was committed while they listened');
  if (heard.missing > 0) findings.push(`${heard.missing} deliveries are missing`);
  if (heard.doubled > 0) findings.push(`${heard.doubled} events came twice to somebody`);
  if (heard.ended > 0) findings.push(`${heard.ended} streams ended`);
  if (followed.after.errors > alone.before.errors) findings.push('runs of the loop failed');
  return findings;
}
