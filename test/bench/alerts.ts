/**
 * What a storm of alerts costs: 200 webhooks a second, each with an alert of its own, while every canary is looked at
 * and some are taken back; then one alert after the other that takes a canary to weight 0.
 */
import { setTimeout as wait } from 'node:timers/promises';
import type { Daemon } from './daemon.ts';
import type { NacosVersion } from './documents.ts';
import { between, quantileOf } from './exposition.ts';
import { floorFigures } from './floor.ts';
import { type Span, watch } from './load.ts';
import type { Found } from './outcome.ts';
import { quantile } from './quantile.ts';
import { noteVerified, type Verified } from './rollback.ts';
import { say } from './say.ts';
import { WEIGHTS } from './services.ts';
import type { World } from './world.ts';

const PER_SECOND = 200;
/** At most; those in the storm are at most half of the canaries. */
const ROLLBACKS = { inStorm: 50, afterwards: 100 } as const;
/** From the request to weight 0 read back at p99: with the Admin read, and on v1, where reads lag behind writes. */
const MOST_S: Readonly<Record<NacosVersion, number>> = { '3.1': 0.5, '2.5.1': 1.6 };
const QUIET_MS = 15_000;
/** The widest bucket of the lag below a second: quantiles that are nearer to each other cannot be told apart. */
const RESOLUTION_S = 0.1;
const SPACE_MS = 50;

export interface AlertsPlan {
  readonly intervalS: number;
  readonly seconds: number;
  readonly nacos: NacosVersion;
}

export async function measureAlerts(world: World, plan: AlertsPlan): Promise<Found> {
  const { intervalS, seconds, nacos } = plan;
  const { services } = world;
  const verified: Verified = new Map();
  const daemon = await world.daemon({ onLine: (line) => noteVerified(line, verified) });
  for (const service of services) {
    world.declare(service, { judge: 'threshold', intervalS, bakeS: 3_600, idle: false, critical: true });
  }
  const unready = await world.documents.reach(services, WEIGHTS.threshold[0] ?? 0, 4_000 * intervalS);
  if (unready.length > 0) throw new Error(`${unready.length} canaries had no first step`);
  await wait(1_000 * intervalS);
  const quiet = await watch(daemon, world.others, QUIET_MS);
  say(`${PER_SECOND} alerts a second for ${seconds} s`);
  const inStorm = services.slice(0, Math.min(ROLLBACKS.inStorm, Math.ceil(services.length / 2)));
  const others = services.slice(inStorm.length).slice(0, ROLLBACKS.afterwards);
  const [storm, answers, askedInStorm] = await Promise.all([
    watch(daemon, world.others, seconds * 1_000),
    flood(daemon, services, seconds),
    takeBack(daemon, inStorm, (seconds * 1_000) / (inStorm.length + 1)),
  ]);
  say('taking canaries back');
  const askedAfterwards = await takeBack(daemon, others, SPACE_MS);
  await wait(2_000 + 1_000 * (MOST_S[nacos] ?? 0));
  const taken = [...askedInStorm, ...askedAfterwards];
  const lost = taken.filter(([service]) => !verified.has(service)).length;
  const sent = PER_SECOND * seconds + taken.length;
  const recorded = await recordedBy(daemon);
  const quietLag = lagOf(quiet);
  return {
    title: `${PER_SECOND} alerts a second, ${services.length} canaries at ${intervalS} s, Nacos ${nacos}`,
    load: { canaries: services.length, interval: intervalS, seconds, nacos },
    figures: [
      { name: 'alerts recorded', value: recorded, unit: '' },
      { name: 'webhook to answer, p99', value: quantile(answers, 0.99), unit: 'ms' },
      { name: 'webhook to answer, longest', value: Math.max(...answers), unit: 'ms' },
      { name: 'lag of looks without alerts, p99', value: quietLag, unit: 's' },
      { name: 'lag of looks with them, p99', value: lagOf(storm), unit: 's', most: quietLag + RESOLUTION_S },
      { name: 'looks a second without alerts', value: looksOf(quiet), unit: '' },
      { name: 'looks a second with them', value: looksOf(storm), unit: '' },
      { name: 'share of a core', value: storm.cpuMs / storm.seconds / 10, unit: '%' },
      ...delayFigures('in the storm', delaysOf(askedInStorm, verified), nacos),
      ...delayFigures('afterwards', delaysOf(askedAfterwards, verified), nacos),
      ...floorFigures(world.floor),
    ],
    findings: [
      ...(recorded === sent ? [] : [`${sent} alerts were sent, ${recorded} recorded`]),
      ...(lost > 0 ? [`${lost} of ${taken.length} canaries were not taken to 0 in time`] : []),
      ...(storm.after.errors > storm.before.errors ? ['runs of the loop failed'] : []),
    ],
  };
}

/** The p99 of the looks of a span, s. */
function lagOf({ before, after }: Span): number {
  return quantileOf(between(before.lookLag, after.lookLag), 0.99);
}

function looksOf({ before, after, seconds }: Span): number {
  return (between(before.lookLag, after.lookLag).get(Infinity) ?? 0) / seconds;
}

/** From the request to weight 0 verified, s; infinite for those that never were. */
function delaysOf(asked: ReadonlyMap<string, number>, verified: Verified): number[] {
  return [...asked].map(([service, at]) => ((verified.get(service) ?? Infinity) - at) / 1_000);
}

function delayFigures(when: string, times: readonly number[], nacos: NacosVersion): Found['figures'] {
  const name = `webhook to weight 0 verified ${when}`;
  return [
    { name: `${name}, p50`, value: quantile(times, 0.5), unit: 's' },
    { name: `${name}, p99`, value: quantile(times, 0.99), unit: 's', most: MOST_S[nacos] },
  ];
}

/** Sends at an even pace, whatever the answers take; returns how long each took, ms. */
async function flood(daemon: Daemon, services: readonly string[], seconds: number): Promise<number[]> {
  const startedAt = performance.now();
  const answers: Promise<number>[] = [];
  for (let sent = 0; sent < PER_SECOND * seconds; sent += 1) {
    await wait(Math.max(0, startedAt + (sent * 1_000) / PER_SECOND - performance.now()));
    answers.push(tell(daemon, services[sent % services.length] ?? '', 'pause', `storm-${sent}`));
  }
  return Promise.all(answers);
}

/** One after the other, so far apart; when each was asked for, on the monotonic clock. */
async function takeBack(
  daemon: Daemon,
  services: readonly string[],
  spaceMs: number,
): Promise<ReadonlyMap<string, number>> {
  const asked = new Map<string, number>();
  for (const service of services) {
    await wait(spaceMs);
    asked.set(service, performance.now());
    await tell(daemon, service, 'rollback', `back-${service}`);
  }
  return asked;
}

async function tell({ url }: Daemon, service: string, action: string, fingerprint: string): Promise<number> {
  const sentAt = performance.now();
  const labels = { alertname: 'Storm', service, canary_action: action };
  const startsAt = new Date().toISOString();
  const alerts = [{ status: 'firing', labels, annotations: {}, startsAt, fingerprint }];
  const answer = await fetch(`${url}/webhooks/alertmanager`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: '4', alerts }),
  });
  await answer.arrayBuffer();
  if (answer.status !== 202) throw new Error(`a webhook was answered with ${answer.status}`);
  return performance.now() - sentAt;
}

async function recordedBy({ url }: Daemon): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const series = /^canary_controller_webhook_alerts_total\{type="alertmanager",result="recorded"\} (\d+)$/m;
  return Number(series.exec(page)?.[1] ?? Number.NaN);
}
