/**
 * Holds what the controller writes and tells against what is true: how good each revision is, and what the live
 * documents say. It never asks the controller for its opinion.
 */
import type { PublishedEvent } from '../../infra/dev-nacos/parts.ts';
import type { Rule } from '../../src/core/observation.ts';
import { parseRule, shareOf } from '../../src/core/rule.ts';
import type { EventView } from '../../src/view/schemas.ts';
import { count } from '../simulation/weather.ts';
import { serviceOf, WEIGHTS } from './declaration.ts';
import { highestWeight } from './fleet.ts';
import type { Pace } from './pace.ts';
import type { World } from './world.ts';

export interface Witness {
  /** Takes events in their order. */
  told(events: readonly EventView[]): void;
  /** The number of the last event that was told. */
  lastEvent(): number;
  readonly violations: readonly string[];
  /** Rollouts that began. */
  readonly begun: ReadonlySet<string>;
  /** Rollouts that ended. */
  readonly ended: ReadonlySet<string>;
  /** Events that answer a command, by the command's number. */
  readonly answered: ReadonlySet<number>;
}

/** What is looked at. */
export interface Watched extends Pick<World, 'fleet' | 'tally'> {
  readonly nacos: Pick<World['nacos'], 'onPublish'>;
}

/** What a rollout wrote: when each weight first stood in the document. */
type Writes = Map<number, number>;

export function createWitness({ nacos, fleet, tally }: Watched, { bakeMs }: Pace): Witness {
  const violations: string[] = [];
  const live = new Map<string, Rule>();
  const writes = new Map<string, Writes>();
  const begun = new Set<string>();
  const ended = new Set<string>();
  const answered = new Set<number>();
  let last = 0;

  function published({ dataId, content, by, at }: PublishedEvent): void {
    const service = serviceOf(dataId);
    const rule = parseRule(content);
    if (!rule.ok) {
      violations.push(`${service}: ${by} wrote what is no rule: ${rule.error}`);
      return;
    }
    if (by === 'http') checkWrite(service, rule.value, at);
    live.set(service, rule.value);
  }

  function checkWrite(service: string, rule: Rule, at: number): void {
    const { canaryVersion: revision, canaryWeight: weight, managedBy } = rule;
    const before = live.get(service);
    const share = shareOf(rule, revision);
    const held = before === undefined ? 0 : shareOf(before, revision);
    const truth = fleet.truth(service, revision);
    count(tally, `write: ${share > held ? 'raise' : share < held ? 'lowering' : 'same weight'}`);
    if (managedBy === null || truth === null) {
      violations.push(`${service}: a write that names no owner or an unknown ${revision}`);
      return;
    }
    const what = `${service}: ${held} -> ${weight} % of ${revision}, which is ${truth}`;
    if (managedBy.promoted && truth !== 'good') violations.push(`${what}, and is promoted`);
    const written = writes.get(managedBy.rolloutId) ?? new Map();
    writes.set(managedBy.rolloutId, written);
    if (share > held && !managedBy.promoted) checkRaise(what, share, held, written, at);
    if (share > highestWeight(truth)) violations.push(`${what}, above what its metrics allow`);
    if (!written.has(share)) written.set(share, at);
  }

  function checkRaise(what: string, to: number, held: number, written: Writes, at: number): void {
    const own = Math.max(0, ...written.keys());
    const from = Math.min(indexOf(held), indexOf(own));
    if (indexOf(to) > from + 1 || indexOf(to) < 0) violations.push(`${what}, more than one step`);
    const since = written.get(WEIGHTS[indexOf(to) - 1] ?? 0);
    // A bake is counted from the read-back, which is never before the write.
    if (indexOf(to) > 0 && (since === undefined || at - since < bakeMs)) {
      violations.push(`${what}, without its bake: ${since === undefined ? 'never held' : at - since} ms`);
    }
  }

  function told(event: EventView): void {
    if (event.id !== last + 1) violations.push(`event ${event.id} follows event ${last}`);
    last = event.id;
    count(tally, `event: ${event.type}`);
    if (event.causedBy !== null) answered.add(event.causedBy);
    if (event.type === 'RolloutStarted' && event.rolloutId !== null) {
      if (begun.has(event.rolloutId)) violations.push(`${event.rolloutId} began twice`);
      begun.add(event.rolloutId);
    }
    if (event.type === 'RolloutEnded') rolloutEnded(event);
  }

  function rolloutEnded({ canary, rolloutId, facts, message }: EventView): void {
    const id = rolloutId ?? '';
    if (ended.has(id)) violations.push(`${id} ended twice`);
    ended.add(id);
    const revision = String(facts['revision']);
    const truth = fleet.truth(canary ?? '', revision);
    count(tally, `outcome: ${facts['outcome']}, of a ${truth} revision`);
    const isWrong =
      (facts['outcome'] === 'Promoted' && truth !== 'good') ||
      (facts['outcome'] === 'RolledBack' && truth === 'good');
    if (isWrong) violations.push(`${canary}: ${revision} is ${truth}: ${message}`);
  }

  nacos.onPublish(published);
  return {
    told: (events) => events.forEach(told),
    lastEvent: () => last,
    violations,
    begun,
    ended,
    answered,
  };
}

/** The greatest step that is not above a weight; -1: none. */
function indexOf(weight: number): number {
  return WEIGHTS.findLastIndex((step) => step <= weight);
}
