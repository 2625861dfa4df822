/** When each fault begins and ends: drawn from the seed before the first one, and the same again with the same seed. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Random } from '../simulation/random.ts';
import { count } from '../simulation/weather.ts';
import { faultKinds, type Kind, type Surroundings } from './fault-kinds.ts';
import { CODA_SHARE, ENDINGS_SHARE, type SoakPlan } from './pace.ts';

/** How often one is tried that makes no sense yet. */
const TRIES = 10;

export interface PlannedFault {
  readonly kind: Kind;
  /** Since the beginning. */
  readonly atMs: number;
  readonly lastsMs: number;
}

/**
 * At least one of each kind. Kinds that end the leading daemon come at the beginning and in the coda only, so that
 * one process lives in between, long enough to show whether it grows.
 */
export function planFaults(
  kinds: readonly Kind[],
  random: Random,
  { durationMs, pace: { intervalMs } }: SoakPlan,
): readonly PlannedFault[] {
  const endMs = durationMs * (1 + CODA_SHARE);
  const spans = (kind: Kind) =>
    kind.isEnding
      ? [
          [0, durationMs * ENDINGS_SHARE],
          [durationMs, endMs],
        ]
      : [[0, endMs]];
  return kinds
    .flatMap((kind) =>
      spans(kind).flatMap(([from = 0, to = 0]) => {
        const times = Math.max(1, Math.round((to - from) / (kind.every * intervalMs)));
        return Array.from({ length: times }, () => ({
          kind,
          atMs: random.between(from, to),
          lastsMs: random.between(...kind.lasts) * intervalMs,
        }));
      }),
    )
    .sort((a, b) => a.atMs - b.atMs);
}

/** Lives through all of them; resolves when the last one has ended. */
export async function sufferFaults(plan: SoakPlan, around: Surroundings): Promise<void> {
  const planned = planFaults(faultKinds(around), around.random, plan);
  const startedAt = performance.now();
  const ends: Promise<void>[] = [];
  for (const { kind, atMs, lastsMs } of planned) {
    await wait(Math.max(0, startedAt + atMs - performance.now()));
    ends.push(suffer(kind, lastsMs, plan, around));
  }
  await Promise.all(ends);
}

async function suffer(kind: Kind, lastsMs: number, plan: SoakPlan, { world }: Surroundings): Promise<void> {
  let end = await kind.begin();
  for (let tries = 1; end === null && tries < TRIES; tries += 1) {
    await wait(plan.pace.intervalMs);
    end = await kind.begin();
  }
  if (end === null) return;
  count(world.tally, `fault: ${kind.name}`);
  plan.say(`${kind.name} for ${(lastsMs / 1_000).toFixed(1)} s`);
  await wait(lastsMs);
  await end();
}
