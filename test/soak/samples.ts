/** What the leading daemon takes up and how it does, read at even intervals for as long as the soak lasts. */
import { appendFileSync, readdirSync, statSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { EventView } from '../../src/view/schemas.ts';
import { sumOf } from '../bench/exposition.ts';
import { rssBytesOf } from '../bench/usage.ts';
import { count } from '../simulation/weather.ts';
import type { Daemon } from './daemons.ts';
import type { Inside } from './inside.ts';
import type { SoakPlan } from './pace.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

export interface Sample extends Inside {
  /** Since the beginning. */
  readonly atMs: number;
  readonly pid: number;
  readonly rssBytes: number;
  readonly handles: number;
  readonly databaseBytes: number;
  readonly walBytes: number;
  readonly scrapeMs: number;
  readonly scrapeBytes: number;
  /** The greatest lateness of a look in the last minute or two. */
  readonly latestSeconds: number;
  readonly rolloutsEnded: number;
  readonly events: number;
}

export interface Sampler {
  readonly samples: readonly Sample[];
  /** Reads the events that are new. False: nobody told them. */
  catchUp(): Promise<boolean>;
  /** Resolves when the last sample is taken. */
  end(): Promise<void>;
}

const PAGE = 500;
const ANSWER_MS = 15_000;
/** One sample of so many comes after a full collection: often enough to compare, too rare to change how it lives. */
const COLLECTED_EVERY = 4;

export function takeSamples(world: World, witness: Witness, plan: SoakPlan): Sampler {
  const { daemons, database, tally } = world;
  const samples: Sample[] = [];
  const over = new AbortController();
  const startedAt = performance.now();
  let rounds = 0;

  async function sampleOf(daemon: Daemon, atMs: number): Promise<Sample> {
    const begunAt = performance.now();
    const page = await (await fetch(`${daemon.url}/metrics`, timely())).text();
    const scrapeMs = performance.now() - begunAt;
    rounds += 1;
    const isCollected = rounds % COLLECTED_EVERY === 0;
    const inside = await daemon.ask(isCollected ? 'after a full collection' : 'as it is');
    return {
      atMs,
      pid: daemon.pid,
      rssBytes: rssBytesOf(daemon.pid),
      handles: readdirSync(`/proc/${daemon.pid}/fd`).length,
      databaseBytes: sizeOf(database),
      walBytes: sizeOf(`${database}-wal`),
      scrapeMs,
      scrapeBytes: page.length,
      latestSeconds: sumOf(page, 'canary_controller_tick_lag_seconds'),
      rolloutsEnded: witness.ended.size,
      events: witness.lastEvent(),
      ...inside,
    };
  }

  async function catchUp(): Promise<boolean> {
    for (;;) {
      const daemon = daemons.leader();
      if (daemon === null) return false;
      const query = new URLSearchParams({ after: String(witness.lastEvent()), limit: String(PAGE) });
      const answer = await fetch(`${daemon.url}/api/v1/events?${query}`, timely());
      const { items } = (await answer.json()) as { items: EventView[] };
      witness.told(items);
      if (items.length < PAGE) return true;
    }
  }

  async function take(atMs: number): Promise<void> {
    const daemon = daemons.leader();
    if (daemon === null) return count(tally, 'sample left out: nobody leads');
    try {
      await catchUp();
      const sample = await sampleOf(daemon, atMs);
      samples.push(sample);
      if (plan.samplesFile !== null) appendFileSync(plan.samplesFile, `${JSON.stringify(sample)}\n`);
    } catch {
      // Killed or frozen meanwhile.
      count(tally, 'sample left out: no answer');
    }
  }

  async function live(): Promise<void> {
    for (let atMs = plan.pace.sampleMs; !over.signal.aborted; atMs += plan.pace.sampleMs) {
      const untilMs = Math.max(0, startedAt + atMs - performance.now());
      await wait(untilMs, undefined, { signal: over.signal }).catch(() => {});
      if (!over.signal.aborted) await take(atMs);
    }
  }

  const living = live();
  return {
    samples,
    catchUp,
    end() {
      over.abort();
      return living;
    },
  };
}

function timely(): RequestInit {
  return { signal: AbortSignal.timeout(ANSWER_MS) };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
