/** Watches the demo's world while it runs: counts at the instances, rules at the gateway, events of the controller. */
import { setTimeout as wait } from 'node:timers/promises';
import type { ServiceState } from '../../src/client/client.ts';
import type { CanaryView, EventView } from '../../src/view/schemas.ts';
import { type Api, get } from './api.ts';
import type { Release } from './releases.ts';
import type { Sample, Served, Verification } from './splits.ts';
import type { World } from './world.ts';

/** All that was seen so far; it grows while the watch runs. */
export interface Seen {
  /** By service, oldest first. */
  readonly samples: Map<string, Sample[]>;
  readonly events: EventView[];
  /** By name, as of the last poll. */
  readonly canaries: Map<string, CanaryView>;
}

const POLL_MS = 200;

type GatewayStatus = Record<string, Pick<ServiceState, 'rule' | 'since'> | undefined>;

/**
 * Polls until `signal` aborts, and resolves then. `onEvent` is called for each event in turn; the next is not asked
 * for before it is done. Rejects when one of the processes does not answer.
 */
export async function watch(
  world: World,
  api: Api,
  seen: Seen,
  signal: AbortSignal,
  onEvent: (event: EventView) => Promise<void>,
): Promise<void> {
  await Promise.all([
    repeat(signal, async () => addSamples(world, seen)),
    repeat(signal, async () => {
      for (const event of await api.events(seen.events.at(-1)?.id ?? 0)) {
        await onEvent(event);
        seen.events.push(event);
      }
      for (const canary of await api.canaries()) seen.canaries.set(canary.name, canary);
    }),
  ]);
}

export function nothingSeen(releases: readonly Release[]): Seen {
  return {
    samples: new Map(releases.map(({ service }) => [service, []])),
    events: [],
    canaries: new Map(),
  };
}

/** The weights of one canary in the order in which the controller read them back. */
export function verifications(seen: Seen, canary: string): Verification[] {
  return seen.events
    .filter((event) => event.canary === canary && event.type === 'WeightVerified')
    .map(({ at, facts }) => ({ at: Date.parse(at), weight: Number(facts['weight']) }));
}

async function repeat(signal: AbortSignal, action: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await action();
    await wait(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

async function addSamples(world: World, seen: Seen): Promise<void> {
  const at = Date.now();
  const counts = await Promise.all(
    world.instances.map(async (instance) => ({
      ...instance,
      served: await get<Served>(`${instance.url}/-/served`),
    })),
  );
  const status = await get<GatewayStatus>(`${world.gateway}/-/status`);
  for (const [service, samples] of seen.samples) {
    const own = counts.filter((count) => count.service === service);
    const served = Object.fromEntries(own.map((count) => [count.version, count.served]));
    const { rule, since } = status[service] ?? { rule: null, since: at };
    samples.push({ at, served, split: rule, since });
  }
}
