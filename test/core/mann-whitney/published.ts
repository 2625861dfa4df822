/**
 * The form of published-cases.json: inputs and expected numbers that Kayenta publishes as tests of its judge
 * (spinnaker/kayenta, Apache-2.0) and, through it, R's `wilcox.test`.
 */
import type { MannWhitneyRule } from '../../../src/core/mann-whitney/classify.ts';
import type { EffectMeasure } from '../../../src/core/mann-whitney/effect-size.ts';
import type { EffectSize } from '../../../src/spec/canary.ts';
import { NO_EFFECT } from '../../../src/spec/mann-whitney.ts';

export function defaultEffect(measure: EffectMeasure): EffectSize {
  const none = NO_EFFECT[measure];
  return {
    measure,
    allowedIncrease: none,
    allowedDecrease: none,
    criticalIncrease: none,
    criticalDecrease: none,
  };
}

/** Kayenta's defaults. */
export const KAYENTA_RULE: MannWhitneyRule = {
  direction: 'either',
  tolerance: 0.25,
  margin: 0,
  confidence: 0.98,
  looks: 1,
  nanStrategy: 'remove',
  outlierFactor: null,
  minPoints: 1,
  effectSize: defaultEffect('meanRatio'),
  critical: false,
};

/** How far R and Kayenta let their root finder miss, in the unit of the data. */
export const PUBLISHED_RESOLUTION = 1e-4;

interface Arms {
  readonly name: string;
  readonly canary: readonly number[];
  readonly stable: readonly number[];
}

export interface PublishedClassification extends Arms {
  readonly tolerance: number;
  readonly confidence: number;
  readonly direction: 'increase' | 'decrease' | 'either';
  readonly nanStrategy?: 'replace';
  readonly critical?: boolean;
  readonly measure?: EffectMeasure;
  readonly allowedIncrease?: number;
  readonly allowedDecrease?: number;
  readonly criticalIncrease?: number;
  readonly criticalDecrease?: number;
  readonly expected: {
    readonly label: 'pass' | 'high' | 'low' | 'noData';
    readonly critical?: boolean;
    /** Null: not a number. */
    readonly effect?: number | null;
  };
}

export interface PublishedCases {
  readonly classifications: readonly PublishedClassification[];
  readonly intervals: readonly (Arms & {
    readonly confidence: number;
    readonly expected: readonly [lower: number, upper: number, estimate: number];
    /** How near the published test asks the estimate to come. */
    readonly estimateWithin: number;
  })[];
  readonly intermediate: Readonly<
    Record<'rMumin' | 'rMumax' | 'rFlower1' | 'rFupper1' | 'rFlower2' | 'rFupper2', number>
  >;
  readonly effects: readonly (Arms & {
    readonly measure: EffectMeasure;
    readonly expected: number | null;
    readonly within: number;
  })[];
  readonly percentiles: readonly {
    readonly percent: number;
    readonly points: readonly number[];
    readonly expected: number;
    readonly within: number;
  }[];
  readonly outliers: readonly {
    readonly name: string;
    readonly factor: number;
    readonly points: readonly number[];
    readonly outliers: readonly number[];
  }[];
}
