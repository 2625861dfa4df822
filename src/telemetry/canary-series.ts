/**
 * Series that exist once for each Canary. They are written as text straight from what is known at scrape time: as
 * objects of a metrics library, half a million of them (10,000 Canaries) would block one scrape for over a second.
 */
import { OUTCOMES, type Outcome } from '../core/outcome.ts';
import {
  HEALTHS,
  type Health,
  type PauseReason,
  PHASES,
  type Phase,
  type VerdictClass,
} from '../core/rollout.ts';
import { escapeLabel, familyHead, sampleValue } from './exposition.ts';

const VERDICTS = [
  'pass',
  'fail',
  'inconclusive',
  'noData',
  'error',
  'pending',
] as const satisfies readonly VerdictClass[];

/** One metric of a Canary at its last look. Null values were not measured and have no sample. */
export interface MetricFigures {
  readonly metric: string;
  readonly verdict: VerdictClass;
  readonly canary: number | null;
  readonly stable: number | null;
  /** By the bound's name in the file, e.g. maxDelta. */
  readonly bounds: Readonly<Record<string, number>>;
  /** Of what the rollout may spend of the error budget. */
  readonly budgetSpent: number | null;
}

/** What a scrape shows of one Canary. Null has no sample. */
export interface CanaryFigures {
  readonly canary: string;
  readonly service: string;
  readonly stable: string | null;
  readonly canaryRevision: string | null;
  readonly phase: Phase;
  readonly health: Health;
  readonly stepIndex: number | null;
  readonly weightDesired: number | null;
  readonly weightObserved: number | null;
  /** Null: it is not asked. */
  readonly isHeldByIncident: boolean | null;
  /** Why it stands still; none: it does not. */
  readonly pauses: readonly PauseReason[];
  /** Its rollout has to end at weight 0 and has not yet, whatever the phase shows. */
  readonly isRollingBack: boolean;
  readonly metrics: readonly MetricFigures[];
}

/** What was counted for one Canary since the process began. */
export interface Tally {
  readonly rollouts: Map<Outcome, number>;
  readonly writes: Map<string, number>;
  /** By metric, then by verdict. */
  readonly measurements: Map<string, Map<VerdictClass, number>>;
  drift: number;
}

export function emptyTally(): Tally {
  return { rollouts: new Map(), writes: new Map(), measurements: new Map(), drift: 0 };
}

/** All samples that share a name, with the text that explains it. */
export interface Family {
  readonly name: string;
  readonly head: string;
  /** Adds the sample lines of one Canary. */
  write(figures: CanaryFigures, tally: Tally | undefined, lines: string[]): void;
}

/** `labels` as `label` writes them, one after the other. */
type Add = (labels: string, value: number | null) => void;
type Samples = (figures: CanaryFigures, tally: Tally | undefined, add: Add) => void;

function family(name: string, type: 'counter' | 'gauge', help: string, samples: Samples): Family {
  return {
    name,
    head: familyHead(name, type, help),
    write(figures, tally, lines) {
      const start = `${name}{canary="${escapeLabel(figures.canary)}"`;
      samples(figures, tally, (labels, value) => {
        if (value !== null) lines.push(`${start}${labels}} ${sampleValue(value)}`);
      });
    },
  };
}

/** One more label, behind others. */
function label(name: string, value: string): string {
  return `,${name}="${escapeLabel(value)}"`;
}

/** 1 for the current one of `all`, 0 for the others. Their labels are written once, not at each scrape. */
function oneHot<T extends string>(
  name: string,
  all: readonly T[],
): (current: T, add: Add, before?: string) => void {
  const labels = all.map((value) => [value, label(name, value)] as const);
  return (current, add, before = '') => {
    for (const [value, text] of labels) add(before + text, value === current ? 1 : 0);
  };
}

const phases = oneHot('phase', PHASES);
const healths = oneHot('health', HEALTHS);
const verdictClasses = oneHot('verdict', VERDICTS);
const outcomeLabels = OUTCOMES.map((outcome) => [outcome, label('outcome', outcome)] as const);

export const CANARY_FAMILIES: readonly Family[] = [
  family(
    'canary_info',
    'gauge',
    'Always 1; its labels say which revisions a Canary deals with. A label is empty while there is none.',
    ({ service, stable, canaryRevision }, _tally, add) =>
      add(
        label('service', service) +
          label('stable', stable ?? '') +
          label('canary_revision', canaryRevision ?? ''),
        1,
      ),
  ),
  family(
    'canary_phase',
    'gauge',
    '1 for the phase the Canary is in, 0 for the others.',
    (figures, _tally, add) => phases(figures.phase, add),
  ),
  family(
    'canary_health',
    'gauge',
    '1 for the health of the Canary, 0 for the others.',
    (figures, _tally, add) => healths(figures.health, add),
  ),
  family(
    'canary_step_index',
    'gauge',
    'Step wanted now, counted from 0; -1 before the first one. Absent while no rollout is shown.',
    ({ stepIndex }, _tally, add) => add('', stepIndex),
  ),
  family(
    'canary_weight_desired',
    'gauge',
    'Percent of traffic the canary revision should get. Absent while it is not known what is live.',
    ({ weightDesired }, _tally, add) => add('', weightDesired),
  ),
  family(
    'canary_weight_observed',
    'gauge',
    'Percent of traffic in the live document when it was last read. Absent while unknown.',
    ({ weightObserved }, _tally, add) => add('', weightObserved),
  ),
  family(
    'canary_incident',
    'gauge',
    '1 while an incident of the service holds the start or the clock of the step, else 0. Absent without incident.',
    ({ isHeldByIncident }, _tally, add) =>
      add('', isHeldByIncident === null ? null : Number(isHeldByIncident)),
  ),
  family(
    'canary_paused',
    'gauge',
    '1 for each reason why the Canary stands still now; no sample of the others.',
    ({ pauses }, _tally, add) => {
      for (const reason of pauses) add(label('reason', reason), 1);
    },
  ),
  family(
    'canary_rolling_back',
    'gauge',
    '1 while a rollout has to go back to weight 0 and 0 is not read back, in the phase Paused too; else no sample.',
    ({ isRollingBack }, _tally, add) => add('', isRollingBack ? 1 : null),
  ),
  family(
    'canary_metric_value',
    'gauge',
    'Value of a metric at its last look, for the arm canary or stable. Absent when it was not measured.',
    ({ metrics }, _tally, add) => {
      for (const { metric, canary, stable } of metrics) {
        add(label('metric', metric) + label('arm', 'canary'), canary);
        add(label('metric', metric) + label('arm', 'stable'), stable);
      }
    },
  ),
  family(
    'canary_metric_bound',
    'gauge',
    'Limit of a metric as the file states it, by the name of the bound.',
    ({ metrics }, _tally, add) => {
      for (const { metric, bounds } of metrics) {
        for (const [bound, limit] of Object.entries(bounds)) {
          add(label('metric', metric) + label('bound', bound), limit);
        }
      }
    },
  ),
  family(
    'canary_metric_verdict',
    'gauge',
    '1 for the verdict of a metric at its last look, 0 for the others.',
    ({ metrics }, _tally, add) => {
      for (const { metric, verdict } of metrics) verdictClasses(verdict, add, label('metric', metric));
    },
  ),
  family(
    'canary_rollout_budget_spent_ratio',
    'gauge',
    'Bad events caused by the rollout, as a share of those that it may cause; above 1 it goes back. Absent without rolloutBudget.',
    ({ metrics }, _tally, add) => {
      for (const { metric, budgetSpent } of metrics) add(label('metric', metric), budgetSpent);
    },
  ),
  family('canary_measurements_total', 'counter', 'Looks at a metric, by verdict.', (_figures, tally, add) => {
    for (const [metric, verdicts] of tally?.measurements ?? []) {
      for (const [verdict, count] of verdicts)
        add(label('metric', metric) + label('verdict', verdict), count);
    }
  }),
  family('canary_rollouts_total', 'counter', 'Rollouts that ended, by outcome.', (_figures, tally, add) => {
    for (const [outcome, text] of outcomeLabels) add(text, tally?.rollouts.get(outcome) ?? 0);
  }),
  family(
    'canary_drift_total',
    'counter',
    'Times that somebody else changed the live document.',
    (_figures, tally, add) => add('', tally?.drift ?? 0),
  ),
  family(
    'canary_traffic_writes_total',
    'counter',
    'Attempts to write the live document, by what the other side said: accepted, conflict, denied or failed.',
    (_figures, tally, add) => {
      for (const [result, count] of tally?.writes ?? []) add(label('result', result), count);
    },
  ),
];
