/** What a kind of fault is, and all of them that a world can have. */
import type { Daemons } from './daemons.ts';
import type { Fleet } from './fleet.ts';
import { clockKinds, processKinds, storeKinds } from './host-faults.ts';
import { nacosKinds, prometheusKinds, ruleFileKinds } from './provider-faults.ts';
import type { Random } from './random.ts';
import type { Rules } from './rules.ts';
import type { Timeline } from './timeline.ts';
import type { Tally, Weather } from './weather.ts';

export interface FaultsOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly weather: Weather;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly rules: Rules;
  readonly daemons: Daemons;
  readonly say: (line: string) => void;
}

/** Begins a fault; the returned function ends it. Null: it makes no sense now. */
export type Begin = () => (() => void) | null;

export interface Fault {
  readonly name: string;
  readonly begin: Begin;
  /** Shortest and longest duration, s. */
  readonly lasts: readonly [number, number];
}

export interface Kind extends Fault {
  /** Mean time between two of its kind, s. */
  readonly every: number;
}

/** Wrong for one Canary alone. */
export interface OwnKind extends Omit<Kind, 'begin'> {
  readonly begin: (name: string) => () => void;
}

export function fleetKinds(options: FaultsOptions): readonly Kind[] {
  return [
    ...(options.rules.dialect === 'file' ? ruleFileKinds(options) : nacosKinds(options)),
    ...prometheusKinds(options),
    ...storeKinds(options),
    ...clockKinds(options),
    ...processKinds(options),
  ];
}
