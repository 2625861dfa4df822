/** Alerts out of the bodies of Grafana and Alertmanager: which Canary they are for, and what they ask for. */
import { createHash } from 'node:crypto';
import type { Alert } from '../controller/controls.ts';
import type { SignalAction } from '../core/observation.ts';
import type { AlertBody, AlertmanagerBody, GrafanaBody, GrafanaOlderBody } from '../view/webhooks.ts';

/** Names of the labels that are read. */
export interface AlertLabels {
  readonly canary: string;
  readonly service: string;
  readonly action: string;
  readonly severity: string;
}

export const ALERT_LABELS: AlertLabels = {
  canary: 'canary',
  service: 'service',
  action: 'canary_action',
  severity: 'severity',
};

type Labels = Readonly<Record<string, string>>;

/** The words that the action label may say. */
export const ACTIONS: readonly string[] = ['rollback', 'pause', 'promote', 'ignore'] satisfies SignalAction[];
const NAME_KEPT = 200;
const SUMMARY_KEPT = 300;
const ACTION_SHOWN = 60;

/**
 * Grafana tells by these that a rule could not be evaluated. They carry the rule's labels, also the one that asks for
 * a rollback; but what was not measured is no failure of the canary.
 */
const NOT_MEASURED_NAMES: readonly string[] = ['DatasourceNoData', 'DatasourceError'];
const NOT_MEASURED_REASONS: readonly string[] = ['NoData', 'Error'];

export function alertmanagerAlerts(
  { alerts }: { readonly alerts: readonly AlertBody[] },
  names: AlertLabels,
): Alert[] {
  return alerts.map((alert) => alertOf(alert, names));
}

export function grafanaAlerts(body: GrafanaBody, names: AlertLabels): Alert[] {
  if ('state' in body) return olderAlerts(body, names);
  return body.alerts.map((alert) => {
    const told = alertOf(alert, names);
    // What was not measured is no reason to act; but what acted is over, whatever ended it.
    return told.firing && !isMeasured(alert) ? { ...told, action: milder(told.action) } : told;
  });
}

/** What the action labels of a body say beside the words that are known. Those alerts pause. */
export function unknownActions(body: AlertmanagerBody | GrafanaBody, names: AlertLabels): string[] {
  const labels = 'state' in body ? [body.tags ?? {}] : body.alerts.map((alert) => alert.labels);
  return labels.flatMap((one) => unknownAction(one, names) ?? []);
}

function alertOf(
  { status, labels, annotations, startsAt, endsAt, fingerprint }: AlertBody,
  names: AlertLabels,
): Alert {
  return {
    ...addressOf(labels, names),
    fingerprint: fingerprintOf(fingerprint ?? '', labels),
    startedAt: timeOf(startsAt),
    endedAt: timeOf(endsAt),
    name: plain(labels['alertname'] ?? '', NAME_KEPT) || 'unnamed',
    firing: status === 'firing',
    summary: summaryOf(annotations?.['summary'] ?? annotations?.['description'] ?? '', labels, names),
  };
}

/** One alert, or none for a state that says neither. `ok` is the end of an alert and no word for a promotion. */
function olderAlerts(
  { state, title, ruleName, ruleId, orgId, message, tags }: GrafanaOlderBody,
  names: AlertLabels,
) {
  if (state !== 'alerting' && state !== 'ok') return [];
  const labels = tags ?? {};
  // "[Alerting] Error rate" and "[OK] Error rate" are the same rule.
  const name = ruleName ?? title.replace(/^\[[^\]]*\]\s*/, '');
  const told: Alert = {
    ...addressOf(labels, names),
    fingerprint: fingerprintOf('', { ...labels, name, rule: `${orgId ?? ''}/${ruleId ?? ''}` }),
    startedAt: null,
    endedAt: null,
    name: plain(name, NAME_KEPT) || 'unnamed',
    firing: state === 'alerting',
    summary: summaryOf(message ?? '', labels, names),
  };
  return [told];
}

/** A label that is there and empty is as good as none. */
function addressOf(labels: Labels, names: AlertLabels): Pick<Alert, 'canary' | 'service' | 'action'> {
  return {
    canary: labels[names.canary] || null,
    service: labels[names.service] || null,
    action: actionOf(labels, names),
  };
}

/** Without an action the severity decides. Who writes one that nobody knows meant something else than its severity. */
function actionOf(labels: Labels, names: AlertLabels): SignalAction {
  const action = labels[names.action]?.trim().toLowerCase();
  if (isAction(action)) return action;
  if (unknownAction(labels, names) !== null) return 'pause';
  return labels[names.severity]?.trim().toLowerCase() === 'critical' ? 'rollback' : 'pause';
}

/** Null: the label says a known word, or nothing. */
function unknownAction(labels: Labels, names: AlertLabels): string | null {
  const action = plain(labels[names.action] ?? '', ACTION_SHOWN);
  return action === '' || isAction(action.toLowerCase()) ? null : action;
}

/** With the reason in front where it pauses for want of a known word: events and `explain` show it. */
function summaryOf(text: string, labels: Labels, names: AlertLabels): string {
  const action = unknownAction(labels, names);
  if (action === null) return plain(text, SUMMARY_KEPT);
  const reason = `${names.action} "${action}" is none of ${ACTIONS.join(', ')}, so it pauses`;
  return plain(text === '' ? reason : `${reason}: ${text}`, SUMMARY_KEPT);
}

function isAction(text: string | undefined): text is SignalAction {
  return text !== undefined && ACTIONS.includes(text);
}

function isMeasured({ labels, annotations }: AlertBody): boolean {
  const { alertname = '' } = labels;
  const reason = annotations?.['grafana_state_reason'] ?? labels['grafana_state_reason'] ?? '';
  return !NOT_MEASURED_NAMES.includes(alertname) && !NOT_MEASURED_REASONS.includes(reason);
}

function milder(action: SignalAction): SignalAction {
  return action === 'rollback' ? 'pause' : action === 'promote' ? 'ignore' : action;
}

/** The sender's own where it looks like one, else one made from what tells the alert apart. */
function fingerprintOf(given: string, labels: Labels): string {
  if (/^[\w.:-]{1,64}$/.test(given)) return given;
  const sorted = Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([given, sorted]))
    .digest('hex')
    .slice(0, 16);
}

/** Null for none: Go's zero time lies in the year 1. */
function timeOf(text: string | null | undefined): number | null {
  const at = Date.parse(text ?? '');
  return at > 0 ? at : null;
}

/** One line without control characters, for events, terminals and logs. */
function plain(text: string, limit: number): string {
  return text
    .toWellFormed()
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, limit)
    .toWellFormed();
}
