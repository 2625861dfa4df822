/** How long the sequential judge will need at some traffic, and which traffic cannot decide at all. */
import type { BeforeTraffic } from './before.ts';
import { nearestOnLine } from './evidence.ts';
import type { SequentialSettings } from './settings.ts';

/** What betting on several effects at once costs, in nats, until a rollback and until a promotion. */
const ROLLBACK_COST = 2;
const PROMOTION_COST = 0.5;

/** Requests a second of both arms, and the mean scores that are expected of them. */
export interface ExpectedTraffic {
  readonly canaryRps: number;
  readonly stableRps: number;
  readonly stableMean: number;
}

/**
 * The evidence against "the canary's mean lies on the line or beyond it" that a second of this traffic gives on
 * average, in nats: the least divergence from the true means to the line. 0 where the canary is not on the other side.
 *
 * @param side on which side of the line the canary really is
 */
export function evidencePerSecond(
  traffic: ExpectedTraffic,
  canaryMean: number,
  margin: number,
  side: 'above' | 'below',
): number {
  const { canaryRps, stableRps, stableMean } = traffic;
  const gap = canaryMean - stableMean - margin;
  if (side === 'above' ? gap <= 0 : gap >= 0) return 0;
  const nearest = nearestOnLine({ canary: canaryMean, stable: stableMean }, margin, canaryRps, stableRps);
  if (nearest === null) return 0;
  return (
    canaryRps * divergence(canaryMean, nearest.canary) + stableRps * divergence(stableMean, nearest.stable)
  );
}

/** Time until a canary of this mean is rolled back, ms, on average; Infinity: not by this test. */
export function msToRollBack(
  traffic: ExpectedTraffic,
  canaryMean: number,
  settings: SequentialSettings,
  dispersion: number,
): number {
  const { margin, threshold } = settings.regression;
  const nats = dispersion * (threshold + ROLLBACK_COST);
  return (1000 * nats) / evidencePerSecond(traffic, canaryMean, margin, 'above');
}

/**
 * Time until a canary of this mean has earned so much of the odds that promotion takes, ms, on average; Infinity: it
 * never does.
 *
 * @param part 1 for the whole, 1 / steps for one rung of the ladder
 * @param canaryMean against the promotion margin: for latency its score at stable's threshold plus the whole margin
 */
export function msToPromote(
  traffic: ExpectedTraffic,
  canaryMean: number,
  settings: SequentialSettings,
  dispersion: number,
  part: number,
): number {
  const { margin, threshold } = settings.nonInferiority;
  const nats = part * dispersion * (threshold + PROMOTION_COST);
  return (1000 * nats) / evidencePerSecond(traffic, canaryMean, margin, 'below');
}

/** What both arms get of all requests at a weight in percent. */
export function armsAt({ rps, mean }: BeforeTraffic, weight: number): ExpectedTraffic {
  const share = weight / 100;
  return { canaryRps: rps * share, stableRps: rps * (1 - share), stableMean: mean };
}

/** `msToPromote` of a canary as good as stable, for the part of the evidence that one step at this weight must earn. */
export function msToPass(
  traffic: BeforeTraffic,
  weight: number,
  settings: SequentialSettings,
  dispersion: number,
): number {
  return msToPromote(armsAt(traffic, weight), traffic.meanAtBound, settings, dispersion, 1 / settings.steps);
}

/** Kullback-Leibler divergence of two coins, nats. */
function divergence(p: number, q: number): number {
  const term = (a: number, b: number) => (a === 0 ? 0 : a * Math.log(a / b));
  return term(p, q) + term(1 - p, 1 - q);
}
