/** Worlds in which Prometheus scrapes the versions at two times: what hits both shows in one of them first. */
import type { Arm } from '../../src/core/observation.ts';
import { type Scenario, steady } from './scenarios.ts';
import { type Place, POLLS_PER_MINUTE, type Rates } from './world.ts';

/** Both versions fail more than usual. Times are polls: one reaches from the one before to its own number. */
interface Incident {
  readonly from: number;
  readonly to: number;
  readonly badShare: number;
}

const USUAL = 0.001;
const NONE: Incident = { from: 0, to: 0, badShare: USUAL };
/** N5 of the other scenarios. */
const LONG: Incident = { from: 12 * POLLS_PER_MINUTE, to: 15 * POLLS_PER_MINUTE, badShare: 0.05 };
const EARLY: Incident = { from: 3 * POLLS_PER_MINUTE, to: 6 * POLLS_PER_MINUTE, badShare: 0.05 };
const ORDERS = ['stable', 'canary'] as const;

/** @param apart by which part of a poll the other version is scraped after `first` @param by what the canary adds */
function rates(incident: Incident, first: Arm, apart: number, by = 0): (place: Place) => Rates {
  const mean = (poll: number) => {
    const hit = Math.min(poll, incident.to) - Math.max(poll - 1, incident.from);
    return USUAL + Math.max(0, hit) * (incident.badShare - USUAL);
  };
  const canaryLater = first === 'stable' ? apart : 0;
  return ({ poll }) => ({ stable: mean(poll + apart - canaryLater), canary: mean(poll + canaryLater) + by });
}

/** 12 s within one poll of the canary: two polls of stable share it where it is scraped half a poll apart. */
function short(first: Arm): Incident {
  const from = LONG.from + (first === 'stable' ? 0.5 : 0);
  return { from: from + 0.1, to: from + 0.9, badShare: 0.2 };
}

function order(first: Arm): string {
  return first === 'stable' ? 'canary after stable' : 'stable after canary';
}

/** On the schedule: incidents that must not roll back, and a canary that is worse. */
export const SCRAPED_APART: readonly Scenario[] = ORDERS.flatMap((first): Scenario[] => [
  ...[0.25, 0.5, 0.75].map((apart): Scenario => {
    const title = `N5, ${order(first)} by ${apart} of an interval`;
    return { ...steady(`N5 ${first} ${apart}`, title, 'good', rates(LONG, first, apart)), first };
  }),
  {
    ...steady(
      `N5s ${first}`,
      `both at 20 % for 12 s, ${order(first)}`,
      'good',
      rates(short(first), first, 0.5),
    ),
    first,
  },
  { ...steady(`R2 ${first}`, `R2, ${order(first)}`, 'bad', rates(NONE, first, 0.5, 0.02)), first },
]);

/** At pace: good, beside an incident of both. */
export const GOOD_APART: readonly Scenario[] = ORDERS.map((first) => {
  const title = `equal, and both at 5 % for 3 min, ${order(first)}`;
  return { ...steady(`N5 ${first} early`, title, 'good', rates(EARLY, first, 0.25)), first };
});

/** At pace: at the margin, beside an incident of both. */
export const MARGIN_APART: readonly Scenario[] = ORDERS.map((first) => {
  const title = `N4, and both at 5 % for 3 min, ${order(first)}`;
  return { ...steady(`N4 ${first}`, title, 'margin', rates(EARLY, first, 0.5, 0.005)), first };
});
