/** What goes wrong, at random times and for random whiles, and when it was last calm. */
import { type Fault, type FaultsOptions, fleetKinds, type Kind, type OwnKind } from './fault-kinds.ts';
import { ownKinds } from './provider-faults.ts';
import { count } from './weather.ts';

export interface Faults {
  /** Begins one now, also when no more come by themselves. */
  begin(kind: Fault): void;
  /** Ends every fault that is under way, and begins no more. */
  end(): void;
  /** True time since which nothing global is wrong; null: something is. */
  calmSince(): number | null;
  /** The same of what is wrong for one Canary alone. */
  ownCalmSince(name: string): number | null;
}

/** Each kind of fault happens in this share of the worlds, so that they meet in all combinations. */
const SWARM = 0.6;

export function createFaults(options: FaultsOptions): Faults {
  const { timeline, random, tally, fleet, say } = options;
  const active = new Set<() => void>();
  const ownActive = new Map<string, number>();
  const ownEnded = new Map<string, number>();
  let endedAt = 0;
  let isOver = false;

  function schedule(kind: Kind, every: number): void {
    timeline.at(timeline.now() + random.exponential(every * 1000), () => {
      if (isOver) return;
      begin(kind);
      schedule(kind, every);
    });
  }

  function begin(kind: Fault): void {
    const undo = kind.begin();
    if (undo === null) return;
    count(tally, kind.name);
    say(`fault begins: ${kind.name}`);
    const end = () => {
      if (!active.delete(end)) return;
      undo();
      endedAt = timeline.now();
      say(`fault ends: ${kind.name}`);
    };
    active.add(end);
    timeline.at(timeline.now() + random.between(...kind.lasts) * 1000, end);
  }

  /** Wrong for one Canary only: the others must not notice. */
  function own(name: string, undo: () => void): () => void {
    ownActive.set(name, (ownActive.get(name) ?? 0) + 1);
    return () => {
      ownActive.set(name, (ownActive.get(name) ?? 1) - 1);
      ownEnded.set(name, timeline.now());
      undo();
    };
  }

  function beginOwn({ begin: beginFault, ...kind }: OwnKind, every: number): void {
    timeline.at(timeline.now() + random.exponential(every * 1000), () => {
      if (isOver || fleet.names().length === 0) return;
      const name = random.pick(fleet.names());
      const undo = own(name, beginFault(name));
      count(tally, kind.name);
      say(`fault begins: ${kind.name} of ${name}`);
      const end = () => {
        if (!active.delete(end)) return;
        undo();
        say(`fault ends: ${kind.name} of ${name}`);
      };
      active.add(end);
      timeline.at(timeline.now() + random.between(...kind.lasts) * 1000, end);
      beginOwn({ begin: beginFault, ...kind }, every);
    });
  }

  const pace = random.pick([0.5, 1, 1, 2]);
  for (const kind of fleetKinds(options)) if (random.chance(SWARM)) schedule(kind, kind.every * pace);
  for (const kind of ownKinds(options)) if (random.chance(SWARM)) beginOwn(kind, kind.every * pace);

  const ownCount = () => [...ownActive.values()].reduce((sum, some) => sum + some, 0);
  return {
    begin,
    end() {
      isOver = true;
      for (const end of [...active]) end();
      // What overlapped may have left them apart.
      options.weather.wallOffset = 0;
      options.weather.prometheusOffset = 0;
      endedAt = timeline.now();
    },
    calmSince: () => (active.size > ownCount() ? null : endedAt),
    ownCalmSince: (name) => ((ownActive.get(name) ?? 0) > 0 ? null : (ownEnded.get(name) ?? 0)),
  };
}
