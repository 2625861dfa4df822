/**
 * How long a bad canary stays in traffic: from the moment at which a failing sample of a critical metric can be queried
 * to the commit that says weight 0 was read back.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { NacosVersion } from './documents.ts';
import { floorFigures } from './floor.ts';
import type { Found } from './outcome.ts';
import { quantile } from './quantile.ts';
import { say } from './say.ts';
import { WEIGHTS } from './services.ts';
import type { World } from './world.ts';

/** Services that begin to fail together: few, because releases go bad one by one. */
const TOGETHER = 8;
const POLL_MS = 4;
const VISIBLE_MS = 30_000;

/** Looks end this much later than planned at p99 with the Admin read; and on v1, where reads lag behind writes. */
const BEYOND_ADMIN_S = 0.3;
const BEYOND_V1_S = 1.6;

/** When weight 0 of a service was verified, on the monotonic clock. */
export type Verified = Map<string, number>;

export async function measureRollback(world: World, intervalS: number, nacos: NacosVersion): Promise<Found> {
  const { services } = world;
  const verified: Verified = new Map();
  const daemon = await world.daemon({ onLine: (line) => noteVerified(line, verified) });
  await releaseOneByOne(world, intervalS);
  const unready = await world.documents.reach(services, WEIGHTS.threshold[0] ?? 0, 4_000 * intervalS);
  if (unready.length > 0) throw new Error(`${unready.length} canaries had no first step`);
  // What counts is a release that was good for a while: the window of its looks is full.
  await wait(2_000 * intervalS);
  say('letting them fail');
  const queryable = await failGroupwise(world);
  await wait(3_000 * intervalS);
  const { errors } = await daemon.sample();
  const times = [...verified].map(([service, at]) => (at - (queryable.get(service) ?? Number.NaN)) / 1_000);
  const lost = services.length - times.length;
  return {
    title: `Rollback at an interval of ${intervalS} s, Nacos ${nacos}`,
    load: { nacos, interval: intervalS, runs: services.length },
    figures: [
      ...delayFigures(times, intervalS, nacos),
      { name: 'rollbacks', value: times.length, unit: '' },
      ...floorFigures(world.floor),
    ],
    findings: [
      ...(lost > 0 ? [`${lost} of ${services.length} canaries were not rolled back in time`] : []),
      ...(errors > 0 ? [`${errors} runs of the loop failed`] : []),
    ],
  };
}

function delayFigures(times: readonly number[], intervalS: number, nacos: NacosVersion): Found['figures'] {
  const isV1 = nacos === '2.5.1';
  const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
  const admin = intervalS + BEYOND_ADMIN_S;
  return [
    { name: 'queryable to weight 0 verified, p50', value: p50, unit: 's', ...(isV1 ? { most: admin } : {}) },
    {
      name: 'queryable to weight 0 verified, p99',
      value: p99,
      unit: 's',
      most: isV1 ? intervalS + BEYOND_V1_S : admin,
    },
    { name: 'queryable to weight 0 verified, longest', value: Math.max(...times), unit: 's' },
  ];
}

/** The daemon tells what it has committed, so a line is never earlier than its commit. */
export function noteVerified(line: string, verified: Verified): void {
  if (!line.includes('"WeightVerified"')) return;
  const { canary, facts } = JSON.parse(line) as { canary: string; facts?: { weight?: number } };
  if (facts?.weight === 0 && !verified.has(canary)) verified.set(canary, performance.now());
}

/** Spread over an interval, so that looks are: at any moment some canary has just been looked at. */
async function releaseOneByOne(world: World, intervalS: number): Promise<void> {
  for (const service of world.services) {
    world.declare(service, { judge: 'threshold', intervalS, bakeS: 3_600, idle: false, critical: true });
    await wait((1_000 * intervalS) / world.services.length);
  }
}

/** Returns for each service when its failures could first be queried. */
async function failGroupwise(world: World): Promise<ReadonlyMap<string, number>> {
  const queryable = new Map<string, number>();
  for (let from = 0; from < world.services.length; from += TOGETHER) {
    const group = world.services.slice(from, from + TOGETHER);
    await world.fail(group);
    const at = await untilQueryable(world.prometheusUrl, group[0] ?? '');
    for (const service of group) queryable.set(service, at);
  }
  return queryable;
}

/**
 * Prometheus shows all samples of one scrape at once, so one service speaks for its group. Taken is the moment at which
 * the last query was sent that did not see it: it was not queryable earlier.
 */
async function untilQueryable(prometheusUrl: string, service: string): Promise<number> {
  const query = `http_requests_total{service="${service}",version="v2",code="500"} > 0`;
  const address = `${prometheusUrl}/api/v1/query?${new URLSearchParams({ query })}`;
  const deadline = performance.now() + VISIBLE_MS;
  let unseenAt = performance.now();
  while (performance.now() < deadline) {
    const sentAt = performance.now();
    const answer = (await (await fetch(address)).json()) as { data: { result: unknown[] } };
    if (answer.data.result.length > 0) return unseenAt;
    unseenAt = sentAt;
    await wait(POLL_MS);
  }
  throw new Error(`the failures of ${service} never came to Prometheus`);
}
