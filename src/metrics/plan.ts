/** Which requests travel together: pure grouping of what was collected into as few queries as possible. */
import type { MeasureRequest } from '../core/observation.ts';
import { batchQuery, type Pair, type Shape, type Way } from './promql.ts';

/** Most names in one query. */
export const MOST_NAMES = 200;

/** A request with what is known of it. */
export interface Ask {
  readonly request: MeasureRequest;
  /** Null: a free query. */
  readonly shape: Shape | null;
  /** The single form. */
  readonly query: string;
}

/** One place in an answer, and all who want to know what it holds. */
export interface Unit<A extends Ask> extends Pair {
  /** The single form of one of the asks: all of a free query, else for people only. */
  readonly query: string;
  readonly asks: A[];
}

/** One query. A free query has one unit and neither shape nor label. */
export interface Batch<A extends Ask> {
  readonly shape: Shape | null;
  readonly label: string | null;
  /** Evaluation time, Unix ms; null: now. */
  readonly at: number | null;
  /** By name, the versions of a name side by side. */
  readonly units: readonly Unit<A>[];
}

/**
 * Batches for `asks`, the largest first. Where a shape could vary in several labels, that one is taken in which most
 * names come together here. Those that `companyOf` gives different names do not come together at all.
 */
export function planBatches<A extends Ask>(
  asks: readonly A[],
  companyOf: (ask: A) => string,
): readonly Batch<A>[] {
  const crowds = countNames(asks);
  const groups = new Map<
    string,
    { label: string | null; shape: Shape | null; units: Map<string, Unit<A>> }
  >();
  for (const ask of asks) {
    const way = ask.shape === null ? null : widest(ask.shape, crowds, ask.request.at);
    const key = timed(ask.request.at, `${way?.key ?? ask.query} ${companyOf(ask)}`);
    let group = groups.get(key);
    if (group === undefined) {
      group = { label: way?.label ?? null, shape: ask.shape, units: new Map() };
      groups.set(key, group);
    }
    const pair = { name: way?.name ?? '', version: ask.shape === null ? '' : ask.request.version };
    const place = JSON.stringify(pair);
    const unit = group.units.get(place);
    if (unit !== undefined) unit.asks.push(ask);
    else group.units.set(place, { ...pair, query: ask.query, asks: [ask] });
  }
  const batches: Batch<A>[] = [];
  for (const { label, shape, units } of groups.values()) {
    for (const chunk of chunked([...units.values()].sort(byName))) {
      batches.push({ label, shape, at: chunk[0]?.asks[0]?.request.at ?? null, units: chunk });
    }
  }
  return batches.sort((a, b) => b.units.length - a.units.length);
}

/** The PromQL of a batch. */
export function queryOf<A extends Ask>({ shape, label, units }: Batch<A>): string {
  return shape === null ? (units[0]?.query ?? '') : batchQuery(shape, label, units);
}

/**
 * Both halves of a batch of at least two units, cut between names where there are several: a query for one version
 * of a name beside other names also touches the name's other versions, and so would both halves.
 */
export function halve<A extends Ask>(batch: Batch<A>): readonly [Batch<A>, Batch<A>] {
  const { units } = batch;
  const middle = Math.floor(units.length / 2);
  const isBetweenNames = (place: number) =>
    place > 0 && place < units.length && units[place]?.name !== units[place - 1]?.name;
  let cut = middle;
  for (let away = 0; away <= middle && !isBetweenNames(cut); away += 1) {
    cut = [middle - away, middle + away].find(isBetweenNames) ?? middle;
  }
  return [
    { ...batch, units: units.slice(0, cut) },
    { ...batch, units: units.slice(cut) },
  ];
}

/** How many names come together under each key. */
function countNames(asks: readonly Ask[]): ReadonlyMap<string, ReadonlySet<string>> {
  const crowds = new Map<string, Set<string>>();
  for (const { shape, request } of asks) {
    for (const { key, name } of shape?.ways ?? []) {
      const timedKey = timed(request.at, key);
      const names = crowds.get(timedKey);
      if (names === undefined) crowds.set(timedKey, new Set([name]));
      else names.add(name);
    }
  }
  return crowds;
}

function widest(
  { ways }: Shape,
  crowds: ReadonlyMap<string, ReadonlySet<string>>,
  at: number | null,
): Way | null {
  let best: Way | null = null;
  let most = 0;
  for (const way of ways) {
    const size = crowds.get(timed(at, way.key))?.size ?? 0;
    if (best === null || size > most || (size === most && way.key < best.key)) {
      best = way;
      most = size;
    }
  }
  return best;
}

function timed(at: number | null, key: string): string {
  return `${at ?? 'now'} ${key}`;
}

function byName(a: Pair, b: Pair): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

/** Cuts sorted units after every `MOST_NAMES` names; the versions of one name stay together. */
function chunked<U extends Pair>(units: readonly U[]): readonly (readonly U[])[] {
  const chunks: U[][] = [];
  let names = 0;
  let last: string | null = null;
  for (const unit of units) {
    if (last === null || unit.name !== last) {
      if (names % MOST_NAMES === 0) chunks.push([]);
      names += 1;
      last = unit.name;
    }
    chunks.at(-1)?.push(unit);
  }
  return chunks;
}
