/** The dashboard of all Canaries and of the controller itself. */
import { OUTCOME_OVERRIDES, VERDICT_OVERRIDES } from './colors.ts';
import { type Dashboard, lines, type Panel, stat, type Target, variable } from './panels.ts';

const UNDER_WAY = 'Progressing|Paused|RollingBack';

/** How many Canaries are in one of these phases. */
const inPhase = (phases: string) =>
  `count(max by (canary) (canary_phase{phase=~"${phases}"}) == 1) or vector(0)`;

/** Green at 0, this color above. */
function whenAny(color: string) {
  return {
    thresholds: {
      mode: 'absolute',
      steps: [
        { color: 'green', value: null },
        { color, value: 1 },
      ],
    },
  };
}

function count(title: string, description: string, expr: string, defaults = {}): Panel {
  return stat({ title, description, width: 4, height: 4, targets: [{ expr }], defaults });
}

/** A table cell that leads to the Canary's own dashboard. */
const LINK = {
  title: 'Rollout',
  url: `/d/canary-rollout?var-datasource=${variable('datasource')}&var-canary=${variable('__data.fields.canary')}`,
};

const TABLE: Panel = {
  type: 'table',
  title: 'Canaries',
  description: 'Every Canary with its phase and weight; a click on a name shows its rollout.',
  width: 24,
  height: 10,
  targets: [
    'max by (canary, service, stable, canary_revision) (canary_info)',
    'max by (canary, phase) (canary_phase) == 1',
    'max by (canary) (canary_weight_observed)',
    'max by (canary) (canary_weight_desired)',
    'max by (canary) (canary_step_index) + 1',
  ].map((expr) => ({ expr, instant: true, isTable: true })),
  transformations: [
    { id: 'joinByField', options: { byField: 'canary', mode: 'outer' } },
    {
      id: 'organize',
      options: {
        excludeByName: Object.fromEntries(
          ['Time', 'Time 1', 'Time 2', 'Time 3', 'Time 4', 'Time 5', 'Value #A', 'Value #B'].map((name) => [
            name,
            true,
          ]),
        ),
        indexByName: {
          canary: 0,
          phase: 1,
          'Value #C': 2,
          'Value #D': 3,
          'Value #E': 4,
          canary_revision: 5,
          stable: 6,
          service: 7,
        },
        renameByName: {
          'Value #C': 'weight, live',
          'Value #D': 'weight, wanted',
          'Value #E': 'step',
          canary_revision: 'on trial',
        },
      },
    },
  ],
  overrides: {
    canary: { links: [LINK] },
    'weight, live': { unit: 'percent' },
    'weight, wanted': { unit: 'percent' },
  },
  options: { showHeader: true, cellHeight: 'sm' },
};

function half(title: string, description: string, targets: readonly Target[], more: Partial<Panel> = {}) {
  return lines({ title, description, targets, width: 12, height: 7, ...more }, { fillOpacity: 5 });
}

function stacked(title: string, description: string, targets: readonly Target[], more: Partial<Panel> = {}) {
  const drawn = { drawStyle: 'bars', fillOpacity: 80, stacking: { mode: 'normal', group: 'A' } };
  return lines({ title, description, targets, width: 12, height: 7, defaults: { min: 0 }, ...more }, drawn);
}

const SECONDS = { defaults: { unit: 's', min: 0 } };

/** Half of the times and all but one in a hundred, by the buckets of a histogram. */
function quantiles(histogram: string, by = '', legend = ''): readonly Target[] {
  const labels = by === '' ? 'le' : `le, ${by}`;
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${labels}) (rate(${histogram}_bucket[$__rate_interval])))`,
    legend: `${legend}p${quantile * 100}`,
  }));
}

/** Of the whole range, for what happens now and then only. */
function rarely(title: string, description: string, histogram: string): Panel {
  return stat({
    title,
    description,
    width: 6,
    height: 4,
    targets: [0.5, 0.99].map((quantile) => ({
      expr: `histogram_quantile(${quantile}, sum by (le) (increase(${histogram}_bucket[$__range])))`,
      legend: `p${quantile * 100}`,
    })),
    defaults: { unit: 's' },
  });
}

const RELEASES: readonly Panel[] = [
  count('Canaries', 'All that the controller knows.', 'count(max by (canary) (canary_info)) or vector(0)'),
  count('Under way', 'In a rollout now.', inPhase(UNDER_WAY)),
  count('Paused', 'They wait, mostly for a person.', inPhase('Paused'), whenAny('yellow')),
  count('Going back', 'On their way to weight 0.', inPhase('RollingBack'), whenAny('orange')),
  count('Rolled back', 'Their revision failed, and is still wanted.', inPhase('RolledBack'), whenAny('red')),
  count(
    'Files with errors',
    'Canary files that are not as they should be: their last valid form runs, or nothing.',
    'max(sum by (instance) (canary_controller_specs{state=~"invalid|kept"})) or vector(0)',
    whenAny('red'),
  ),
  TABLE,
  half(
    'Weights of what is under way',
    'Percent of the traffic, read back from the live rules.',
    [
      {
        expr: `max by (canary) (canary_weight_observed)\nand on (canary) max by (canary) (canary_phase{phase=~"${UNDER_WAY}"}) == 1`,
        legend: '{{canary}}',
      },
    ],
    { defaults: { unit: 'percent', min: 0, max: 100 } },
  ),
  stacked(
    'Rollouts that ended',
    'By their outcome.',
    [{ expr: 'sum by (outcome) (increase(canary_rollouts_total[$__rate_interval]))', legend: '{{outcome}}' }],
    { overrides: OUTCOME_OVERRIDES },
  ),
  rarely(
    'From the first failure to weight 0',
    'Read back, over the time shown.',
    'canary_rollback_duration_seconds',
  ),
  rarely('Rollouts', 'From start to end, over the time shown.', 'canary_rollout_duration_seconds'),
  stat({
    title: 'Rollouts that ended',
    description: 'Over the time shown, by outcome.',
    width: 12,
    height: 4,
    targets: [
      { expr: 'sum by (outcome) (increase(canary_rollouts_total[$__range]))', legend: '{{outcome}}' },
    ],
    defaults: { decimals: 0 },
    overrides: OUTCOME_OVERRIDES,
  }),
];

const CONTROLLER: readonly Panel[] = [
  count('Leads', '1 while a controller decides.', 'max(canary_controller_leader)'),
  count('Late', 'How late the most overdue Canary is.', 'max(canary_controller_tick_lag_seconds)', {
    unit: 's',
  }),
  count('Waiting', 'Canaries that wait for their run.', 'max(canary_controller_queue_depth)'),
  stat({
    title: 'Answers',
    description: '1 while the provider answers; 0 also before it was first asked.',
    width: 8,
    height: 4,
    targets: [{ expr: 'max by (provider) (canary_controller_provider_up)', legend: '{{provider}}' }],
  }),
  count('Database', 'On disk.', 'max(canary_controller_db_size_bytes)', { unit: 'bytes' }),
  half(
    'Looks: how late',
    'From the time a look was due to its commit, its wait for a shared query included.',
    quantiles('canary_controller_look_lag_seconds'),
    SECONDS,
  ),
  half(
    'Runs of the loop',
    'Time of one run for one Canary.',
    quantiles('canary_controller_reconcile_duration_seconds'),
    SECONDS,
  ),
  half(
    'Requests to providers',
    'Time of one request, whatever came of it.',
    quantiles('canary_controller_provider_request_duration_seconds', 'provider', '{{provider}} '),
    SECONDS,
  ),
  stacked(
    'Looks by verdict',
    'Of all Canaries. Many without data or with errors: look at Prometheus.',
    [
      {
        expr: 'sum by (verdict) (increase(canary_measurements_total[$__rate_interval]))',
        legend: '{{verdict}}',
      },
    ],
    { overrides: VERDICT_OVERRIDES },
  ),
  stacked('Runs that failed', 'By the stage they failed in.', [
    {
      expr: 'sum by (stage) (increase(canary_controller_reconcile_errors_total[$__rate_interval]))',
      legend: '{{stage}}',
    },
  ]),
  stacked(
    'Alerts that came back',
    'Alerts in webhooks, by what became of them, and webhooks that were refused.',
    [
      {
        expr: 'sum by (result) (increase(canary_controller_webhook_alerts_total[$__rate_interval]))',
        legend: '{{result}}',
      },
      {
        expr: 'sum(increase(canary_controller_webhook_requests_total{result="refused"}[$__rate_interval]))',
        legend: 'refused',
      },
    ],
  ),
  stacked('Writes and foreign changes', 'Of all live rules.', [
    {
      expr: 'sum by (result) (increase(canary_traffic_writes_total[$__rate_interval]))',
      legend: '{{result}}',
    },
    { expr: 'sum(increase(canary_drift_total[$__rate_interval]))', legend: 'by somebody else' },
  ]),
  half(
    'Readers of the event stream',
    'Who follows now, and how many were sent away because they stood still.',
    [
      { expr: 'sum(canary_controller_stream_readers)', legend: 'readers' },
      { expr: 'sum(increase(canary_controller_stream_stalls_total[$__rate_interval]))', legend: 'sent away' },
    ],
  ),
];

export const fleetDashboard: Dashboard = {
  uid: 'canary-fleet',
  title: 'Canary fleet',
  description: 'All Canaries, and how the controller itself is doing.',
  variables: [],
  annotations: [
    {
      name: 'Rolled back',
      expr: 'sum by (canary) (canary_rollouts_total{outcome="RolledBack"}) > sum by (canary) (canary_rollouts_total{outcome="RolledBack"} offset $__interval)',
      title: '{{canary}} rolled back',
      color: 'red',
    },
  ],
  panels: [...RELEASES, ...CONTROLLER],
};
