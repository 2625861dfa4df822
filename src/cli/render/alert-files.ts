/** Alert rules as files: for Grafana's provisioning, and for Prometheus with Alertmanager behind it. */
import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import { formatDuration } from '../../lib/duration.ts';
import type { AlertRule, AlertRules, LeftOut } from '../alert-rules.ts';

export const RULE_FORMATS = ['grafana', 'prometheus'] as const;
export type RuleFormat = (typeof RULE_FORMATS)[number];

/** Grafana evaluates at multiples of this. */
const GRAFANA_TICK_MS = 10_000;

const COMPARISONS = {
  above: { prometheus: '>', grafana: 'gt' },
  below: { prometheus: '<', grafana: 'lt' },
} as const;

/** A rules file of Prometheus. Equal rules, equal text. */
export function prometheusRules({ groups, leftOut }: AlertRules): string {
  const document = {
    groups: groups.map(({ canary, intervalMs, rules }) => ({
      name: `canary ${canary}`,
      interval: formatDuration(intervalMs),
      rules: rules.map((rule) => ({
        alert: rule.alert,
        expr: `(${rule.value}) ${COMPARISONS[rule.breach].prometheus} ${rule.limit}`,
        for: formatDuration(rule.forMs),
        labels: rule.labels,
        annotations: annotationsOf(rule, '.Value'),
      })),
    })),
  };
  return written(document, leftOut);
}

/**
 * A file for `provisioning/alerting` of Grafana, whose rules ask the datasource with this uid. Equal rules, equal
 * text. It holds no dollar sign, which Grafana would take for the beginning of a variable.
 */
export function grafanaRules({ groups, leftOut }: AlertRules, datasource: string): string {
  const document = {
    apiVersion: 1,
    groups: groups.map(({ canary, intervalMs, rules }) => ({
      orgId: 1,
      name: `canary ${canary}`,
      folder: 'Canary',
      interval: formatDuration(Math.ceil(intervalMs / GRAFANA_TICK_MS) * GRAFANA_TICK_MS),
      rules: rules.map((rule) => grafanaRule(rule, datasource)),
    })),
  };
  return written(document, leftOut);
}

/** `value` is the template's name of the number that was found. */
function annotationsOf({ summary, description }: AlertRule, value: string) {
  return {
    summary: `${summary}: {{ printf "%.3g" ${value} }}`,
    ...(description === undefined ? {} : { description }),
  };
}

function grafanaRule(rule: AlertRule, datasource: string) {
  const { alert, value, breach, limit, forMs, labels } = rule;
  const evaluator = { type: COMPARISONS[breach].grafana, params: [limit] };
  return {
    uid: `canary-${createHash('sha256').update(alert).digest('hex').slice(0, 16)}`,
    title: alert,
    condition: 'B',
    for: formatDuration(forMs),
    // No number is too little traffic, or no rollout: neither good nor bad.
    noDataState: 'OK',
    execErrState: 'Error',
    labels,
    annotations: annotationsOf(rule, '.Values.A.Value'),
    data: [
      {
        refId: 'A',
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: datasource,
        model: {
          refId: 'A',
          datasource: { type: 'prometheus', uid: datasource },
          expr: withoutDollars(value),
          instant: true,
          range: false,
        },
      },
      {
        refId: 'B',
        relativeTimeRange: { from: 600, to: 0 },
        datasourceUid: '__expr__',
        model: {
          refId: 'B',
          type: 'threshold',
          datasource: { type: '__expr__', uid: '__expr__' },
          expression: 'A',
          conditions: [{ evaluator }],
        },
      },
    ],
  };
}

/** In PromQL a dollar sign stands in strings only, and those know escapes unless they are in backquotes. */
function withoutDollars(expression: string): string {
  return expression.replaceAll('$', '\\x24');
}

function written(document: object, leftOut: readonly LeftOut[]): string {
  const head = [
    'Written by `canary grafana export` from the Canary files: change those, and write it again.',
    ...leftOut.map(leftOutText),
  ];
  return `${head.map((line) => `# ${line}\n`).join('')}${stringify(document, { lineWidth: 0 })}`;
}

/** One line about what has no rule. */
export function leftOutText({ canary, metric, reason }: LeftOut): string {
  return `No rule for ${metric === null ? canary : `${metric} of ${canary}`}: ${reason}.`;
}
