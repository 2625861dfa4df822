/**
 * Kayenta's rule (NetflixACAJudge-v1.0) with one critical metric, as it runs: tolerance 0.25 of the estimated shift,
 * confidence 0.98, points of 15 s in percent or ms, judged every five minutes over a growing look-back.
 */
import { meanRatio } from '../../../src/core/mann-whitney/effect-size.ts';
import { shiftInterval } from '../../../src/core/mann-whitney/interval.ts';
import type { Sli } from '../sli.ts';
import { POLLS_PER_MINUTE } from '../world.ts';
import type { Answer, Rule, RuleKind, Setup, View } from './rule.ts';

const INTERVAL = 5 * POLLS_PER_MINUTE;
const CONFIDENCE = 0.98;
const TOLERANCE = 0.25;
/** Of Kayenta's root finder, in the unit of the points. */
const RESOLUTION = 1e-4;

/** Against all of stable, or against a baseline: a third deployment of the stable version, as large as the canary. */
export function kayenta(control: 'stable' | 'baseline', mostRuns: number): RuleKind {
  return {
    name: control === 'stable' ? 'Kayenta' : 'Kayenta, baseline',
    from: `Mann-Whitney on 15 s points against ${control === 'stable' ? 'all of stable' : 'an equal baseline'}, every 5 min`,
    mostRuns,
    keepsSchedule: true,
    start: (setup) => createKayenta(setup, control),
  };
}

function createKayenta({ sli }: Setup, control: 'stable' | 'baseline'): Rule {
  const canary: number[] = [];
  const other: number[] = [];

  function look(view: View): Answer {
    keep(canary, sli, view.canary.last(1));
    keep(other, sli, view[control].last(1));
    return view.poll % INTERVAL === 0 && isHigh(canary, other) ? 'rollback' : 'wait';
  }

  return { look };
}

function keep(points: number[], sli: Sli, counts: Float64Array): void {
  const value = sli.value(counts) * sli.pointScale;
  if (!Number.isNaN(value)) points.push(value);
}

/** Kayenta's classification, direction increase, all effect sizes allowed from 1 on: a critical metric fails alone. */
function isHigh(canary: readonly number[], control: readonly number[]): boolean {
  if (canary.length === 0 || control.length === 0) return false;
  const [x, y] = [canary.toSorted((a, b) => a - b), control.toSorted((a, b) => a - b)];
  const interval = shiftInterval(x, y, CONFIDENCE, RESOLUTION);
  if (interval === null) return false;
  const effect = meanRatio(x, y);
  return interval.lower > TOLERANCE * Math.abs(interval.estimate) && (effect === null || effect >= 1);
}
