/** What a daemon tells of itself, and that nothing of it is missing. */
import { expect } from 'vitest';
import type { Daemon } from '../system/world.ts';
import type { Place } from './world.ts';

export interface Event {
  readonly id: number;
  readonly at: string;
  readonly type: string;
  readonly message: string;
  readonly causedBy: number | null;
  readonly rolloutId: string | null;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface Canary {
  readonly phase: string;
  readonly reason: string;
  readonly stableRevision: string | null;
  readonly weight: { readonly desired: number | null; readonly observed: number | null };
  readonly pauses: readonly { readonly reason: string; readonly detail: string }[];
  readonly metrics: readonly { readonly verdict: string; readonly detail: string; readonly passes: number }[];
  readonly diagnostics: readonly { readonly code: string; readonly detail: string }[];
}

/** Every event of the store, oldest first. */
export async function eventsOf(daemon: Daemon): Promise<readonly Event[]> {
  const answer = await daemon.get('/api/v1/events?limit=500&after=0');
  return (answer as { items: Event[] }).items;
}

export async function canaryOf(daemon: Daemon, name = 'shop'): Promise<Canary> {
  return (await daemon.get(`/api/v1/canaries/${name}`)) as Canary;
}

/** Far above what any state takes to come, and below what ends the test. */
const PATIENCE_MS = 60_000;

/** Resolves with the Canary as it is shown once `isSo`; asked every few milliseconds, and told when it never was. */
export async function shows(
  daemon: Daemon,
  isSo: (canary: Canary) => boolean,
  name = 'shop',
): Promise<Canary> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const canary = await canaryOf(daemon, name);
    if (isSo(canary)) return canary;
    if (performance.now() > deadline) throw new Error(`never seen; last: ${JSON.stringify(canary)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Gives a command, as a person does by the command line. */
export async function say(daemon: Daemon, verb: string, name = 'shop'): Promise<Answer> {
  const response = await fetch(`${await daemon.url()}/api/v1/canaries/${name}/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'a test asks for it' }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

/** The value of one series of its own metrics. */
export async function metricOf(daemon: Daemon, series: string): Promise<string | undefined> {
  const page = await (await fetch(`${await daemon.url()}/metrics`)).text();
  return page
    .split('\n')
    .find((line) => line.startsWith(`${series} `))
    ?.slice(series.length + 1);
}

/** Looks at the canary so far: a look asks for both revisions. */
export function looks({ between }: Place, revision = 'v2'): number {
  return between.asked.filter(({ form }) => form.get('query')?.includes(`version="${revision}"`)).length;
}

/** Resolves once `count` more looks were made. */
export async function moreLooks(place: Place, count: number): Promise<void> {
  const enough = looks(place) + count;
  while (looks(place) < enough) await new Promise((resolve) => setTimeout(resolve, 20));
}

export function count(events: readonly Event[], type: string): number {
  return events.filter((event) => event.type === type).length;
}

/** Weights of the steps that were reached, in their order. */
export function stepsReached(events: readonly Event[]): unknown[] {
  return events
    .filter(({ type, facts }) => type === 'WeightVerified' && facts['purpose'] === 'step')
    .map(({ facts }) => facts['weight']);
}

/**
 * Asserts what holds after every fault: events are numbered without a gap, every command was answered, every rollout
 * began once and ended at most once.
 */
export function expectNothingLost(events: readonly Event[]): void {
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  for (const { id, type } of events) {
    if (type !== 'CommandReceived') continue;
    expect(
      events.some(({ causedBy }) => causedBy === id),
      `command ${id} is answered`,
    ).toBe(true);
  }
  const rollouts = new Set(events.map(({ rolloutId }) => rolloutId).filter((id) => id !== null));
  for (const id of rollouts) {
    const own = events.filter(({ rolloutId }) => rolloutId === id);
    expect(count(own, 'RolloutStarted'), `starts of ${id}`).toBe(1);
    expect(count(own, 'RolloutEnded'), `ends of ${id}`).toBeLessThanOrEqual(1);
  }
}

/** The whole rollout of `v2`, whatever was in its way: both steps once, and promoted. */
export async function expectPromoted(daemon: Daemon, place: Place): Promise<readonly Event[]> {
  await daemon.logged({ type: 'RolloutEnded' });
  const events = await eventsOf(daemon);
  expectNothingLost(events);
  expect(stepsReached(events)).toEqual([50, 100]);
  expect(events.filter(({ type }) => type === 'RolloutEnded').map(({ facts }) => facts['outcome'])).toEqual([
    'Promoted',
  ]);
  expect(place.stored, 'never backwards').toEqual(place.stored.toSorted((a, b) => a - b));
  expect(await canaryOf(daemon)).toMatchObject({ phase: 'Succeeded', stableRevision: 'v2' });
  return events;
}

/** The rollout of `v2` went back to 0 from its first step, once, and stays there. */
export async function expectRolledBack(daemon: Daemon, place: Place): Promise<readonly Event[]> {
  await daemon.logged({ type: 'RolloutEnded' });
  const events = await eventsOf(daemon);
  expectNothingLost(events);
  expect(stepsReached(events)).toEqual([50]);
  expect(count(events, 'RollbackStarted')).toBe(1);
  expect(events.filter(({ type }) => type === 'RolloutEnded').map(({ facts }) => facts['outcome'])).toEqual([
    'RolledBack',
  ]);
  // The same weight again withdraws a raise, or is a try that was made twice.
  expect(place.stored.filter((weight, index) => weight !== place.stored[index - 1])).toEqual([50, 0]);
  expect(await canaryOf(daemon)).toMatchObject({ phase: 'RolledBack', stableRevision: 'v1' });
  return events;
}
