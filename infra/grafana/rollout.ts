/** The dashboard of one Canary: its metrics against their bounds, its weight below them, its decisions across both. */
import { fixed, INCIDENT_STATES, PHASE_STATES, VERDICT_OVERRIDES, VERDICT_STATES } from './colors.ts';
import {
  type Annotation,
  type Dashboard,
  labelVariable,
  lines,
  type Panel,
  stat,
  states,
  whichOf,
} from './panels.ts';

/** Its series, from leader and standby alike: always wrapped in an aggregation. */
const ONE = 'canary="$canary"';

/** The series of the metric of a panel that is repeated. */
const METRIC = `${ONE},metric="$metric"`;

const stable = `max by (metric) (canary_metric_value{${METRIC},arm="stable"})`;

/** A bound as the file states it. */
const stated = (bound: string) => `max by (metric, bound) (canary_metric_bound{${METRIC},bound="${bound}"})`;

/** What the canary's value must not be above: the lowest of its upper bounds, in the unit of the metric. */
const UPPER = `min by (metric) (
  ${stated('max')}
  or ${stated('maxDelta')} + on (metric) group_left () ${stable}
  or ${stated('maxRatio')} * on (metric) group_left () ${stable}
)`;

const LOWER = `max by (metric) (
  ${stated('min')}
  or ${stated('minDelta')} + on (metric) group_left () ${stable}
)`;

/** Where the band below the limit begins: the lower limit, else stable, else 0. */
const FLOOR = `${LOWER}\nor ${stable}\nor max by (metric) (canary_metric_bound{${METRIC}}) * 0`;

const dashed = { 'custom.lineStyle': { fill: 'dash', dash: [8, 6] }, 'custom.lineWidth': 1 };

const METRICS: Panel = lines(
  {
    title: '$metric',
    description:
      'Canary and stable as the controller measured them. The band is the room that the bounds leave: a canary outside of it fails.',
    width: 12,
    height: 9,
    repeat: 'metric',
    targets: [
      { expr: `max by (metric) (canary_metric_value{${METRIC},arm="canary"})`, legend: 'canary' },
      { expr: stable, legend: 'stable' },
      { expr: UPPER, legend: 'limit' },
      { expr: LOWER, legend: 'lower limit' },
      { expr: FLOOR, legend: 'floor' },
    ],
    overrides: {
      canary: { color: fixed('orange') },
      stable: { color: fixed('blue') },
      limit: {
        ...dashed,
        color: fixed('red'),
        'custom.fillBelowTo': 'floor',
        'custom.fillOpacity': 12,
      },
      'lower limit': { ...dashed, color: fixed('red') },
      floor: {
        color: fixed('transparent'),
        'custom.lineWidth': 0,
        'custom.hideFrom': { legend: true, tooltip: true, viz: false },
      },
    },
  },
  { fillOpacity: 0 },
);

const WEIGHT: Panel = lines(
  {
    title: 'Weight of the canary',
    description: 'Percent of the traffic: wanted by the controller, and read back from the live rule.',
    width: 24,
    height: 7,
    targets: [
      { expr: `max by (canary) (canary_weight_observed{${ONE}})`, legend: 'live' },
      { expr: `max by (canary) (canary_weight_desired{${ONE}})`, legend: 'wanted' },
    ],
    defaults: { unit: 'percent', min: 0, max: 100 },
    overrides: {
      live: { color: fixed('orange'), 'custom.fillOpacity': 20 },
      wanted: { ...dashed, color: fixed('text') },
    },
  },
  { lineInterpolation: 'stepAfter' },
);

const NOW: readonly Panel[] = [
  stat(
    {
      title: 'Phase',
      description: 'Where the Canary is now.',
      width: 4,
      height: 4,
      targets: [{ expr: `max by (phase) (canary_phase{${ONE}}) == 1`, legend: '{{phase}}' }],
    },
    'name',
  ),
  stat(
    {
      title: 'On trial',
      description: 'The revision of the canary; nothing while none is on trial.',
      width: 6,
      height: 4,
      targets: [
        {
          expr: `max by (canary_revision) (canary_info{${ONE},canary_revision!=""})`,
          legend: '{{canary_revision}}',
        },
      ],
    },
    'name',
  ),
  stat(
    {
      title: 'Stable',
      description: 'The revision that everyone else gets.',
      width: 6,
      height: 4,
      targets: [{ expr: `max by (stable) (canary_info{${ONE}})`, legend: '{{stable}}' }],
    },
    'name',
  ),
  stat({
    title: 'Weight',
    description: 'Percent of the traffic, read back from the live rule.',
    width: 4,
    height: 4,
    targets: [{ expr: `max by (canary) (canary_weight_observed{${ONE}})` }],
    defaults: { unit: 'percent' },
  }),
  stat({
    title: 'Step',
    description: 'Counted from 1; 0 before the first one.',
    width: 4,
    height: 4,
    targets: [{ expr: `max by (canary) (canary_step_index{${ONE}}) + 1` }],
  }),
];

const BELOW: readonly Panel[] = [
  states(
    {
      title: 'Verdicts',
      description: 'What each metric was at its last look. Only a pass lets the weight go up.',
      width: 24,
      height: 6,
      targets: [
        {
          expr: whichOf(
            VERDICT_STATES,
            'metric',
            (verdict) => `max by (metric, verdict) (canary_metric_verdict{${ONE},verdict="${verdict}"})`,
          ),
          legend: '{{metric}}',
        },
      ],
    },
    VERDICT_STATES,
  ),
  states(
    {
      title: 'Phases',
      description: 'Where the Canary was.',
      width: 24,
      height: 4,
      targets: [
        {
          expr: whichOf(
            PHASE_STATES,
            '',
            (phase) => `max by (phase) (canary_phase{${ONE},phase="${phase}"})`,
          ),
          legend: 'phase',
        },
      ],
    },
    PHASE_STATES,
  ),
  lines({
    title: 'Spent of the rollout budget',
    description:
      'Bad events that the rollout caused, as a share of those that it may cause: above 100 % it goes back. Empty without rolloutBudget.',
    width: 12,
    height: 6,
    targets: [
      {
        expr: `max by (metric) (canary_rollout_budget_spent_ratio{${ONE}})`,
        legend: '{{metric}}',
      },
    ],
    defaults: { unit: 'percentunit', min: 0 },
  }),
  states(
    {
      title: 'Incidents of the service',
      description:
        'While both versions burn the error budget no rollout starts and no step goes on. Empty without incident.',
      width: 12,
      height: 6,
      targets: [
        {
          expr: `max by (canary) (canary_incident{${ONE}}) + 1`,
          legend: 'incident',
        },
      ],
    },
    INCIDENT_STATES,
  ),
  bars({
    title: 'Looks by verdict',
    description: 'How often each metric was looked at, and what it was.',
    targets: [
      {
        expr: `sum by (verdict) (increase(canary_measurements_total{${ONE}}[$__rate_interval]))`,
        legend: '{{verdict}}',
      },
    ],
    overrides: VERDICT_OVERRIDES,
  }),
  bars({
    title: 'Writes and foreign changes',
    description:
      'Attempts to write the live rule, by what the other side said, and changes that somebody else made.',
    targets: [
      {
        expr: `sum by (result) (increase(canary_traffic_writes_total{${ONE}}[$__rate_interval]))`,
        legend: '{{result}}',
      },
      { expr: `sum(increase(canary_drift_total{${ONE}}[$__rate_interval]))`, legend: 'by somebody else' },
    ],
  }),
];

function bars(panel: Pick<Panel, 'title' | 'description' | 'targets' | 'overrides'>): Panel {
  const drawn = { drawStyle: 'bars', fillOpacity: 80, stacking: { mode: 'normal', group: 'A' } };
  return lines({ ...panel, width: 12, height: 7, defaults: { min: 0 } }, drawn);
}

/** The series that was not there, or was another, one interval of the drawing before. */
const before = (series: string) => `max by (canary) (${series}{${ONE}} offset $__interval)`;

const ANNOTATIONS: readonly Annotation[] = [
  {
    name: 'Rollout',
    expr: `max by (canary_revision) (canary_info{${ONE},canary_revision!=""})
unless max by (canary_revision) (canary_info{${ONE}} offset $__interval)
and on () max(canary_info{${ONE}} offset $__interval)`,
    title: 'rollout of {{canary_revision}}',
    color: 'purple',
  },
  {
    name: 'Weight',
    expr: `count_values("weight", max by (canary) (canary_weight_observed{${ONE}}) != ${before('canary_weight_observed')})`,
    title: 'weight {{weight}} %',
    color: 'blue',
  },
  {
    name: 'Failing',
    // Its last verdict stays shown after the end: what is marked is where it began to fail.
    expr: `max by (metric) (canary_metric_verdict{${ONE},verdict="fail"}) == 1
unless max by (metric) (canary_metric_verdict{${ONE},verdict="fail"} offset $__interval) == 1`,
    title: '{{metric}} fails',
    color: 'red',
  },
  {
    name: 'Standing still',
    expr: `max by (phase) (canary_phase{${ONE},phase=~"Paused|RollingBack"}) == 1`,
    title: '{{phase}}',
    color: 'yellow',
  },
  {
    name: 'End',
    expr: `max by (outcome) (canary_rollouts_total{${ONE}}) > max by (outcome) (canary_rollouts_total{${ONE}} offset $__interval)`,
    title: '{{outcome}}',
    color: 'green',
  },
];

export const rolloutDashboard: Dashboard = {
  uid: 'canary-rollout',
  title: 'Canary rollout',
  description: 'One Canary: metrics against their bounds, the weight below them, decisions across both.',
  variables: [
    labelVariable('canary', 'Canary', 'label_values(canary_info, canary)'),
    labelVariable('metric', 'Metric', `label_values(canary_metric_bound{${ONE}}, metric)`, {
      multi: true,
      includeAll: true,
      current: { selected: true, text: ['All'], value: ['$__all'] },
    }),
  ],
  annotations: ANNOTATIONS,
  link: { title: 'All canaries', uid: 'canary-fleet' },
  panels: [...NOW, METRICS, WEIGHT, ...BELOW],
};
