/** An explanation in words: the same text for API, command line and notifications. */
import type { Explanation, Reason } from '../core/decision.ts';
import type { Verdict, VerdictClass } from '../core/rollout.ts';
import { formatDuration } from '../lib/duration.ts';
import { alignColumns, clockTime, compactNumber } from '../lib/text.ts';
import type { CanaryView } from './schemas.ts';
import { weightText } from './weight-text.ts';

/** One sign a verdict, always beside its word. */
export const VERDICT_GLYPHS: Readonly<Record<VerdictClass, string>> = {
  pass: '✓',
  fail: '✗',
  inconclusive: '~',
  noData: '?',
  error: '!',
  pending: '·',
};

export interface ExplainTextOptions {
  /** The event that was asked for, null for the last decision. */
  readonly eventId: number | null;
  /** Unix ms: times of another UTC day carry their date. */
  readonly now: number;
  /** Of the last decision: what it wants, beside what is live. Default: as the decision left it. */
  readonly weight?: Pick<CanaryView['weight'], 'desired' | 'observed'>;
}

/**
 * Several lines without a newline at the end: what was decided, because of what (with numbers and query), what was
 * looked at and did not matter, and when the next look is.
 */
export function explainText(explanation: Explanation, options: ExplainTextOptions): string {
  const { because, notBecause, verdicts, nextCheckAt } = explanation;
  const named = new Set(because.map(metricOf));
  const told = verdicts.filter(({ metric, detail }) => named.has(metric) && detail !== '');
  const others = verdicts.filter((verdict) => !named.has(verdict.metric));
  return [
    headline(explanation, options),
    ...section('because', because, (reason) => reasonLines(sayOnce(reason, told), verdicts, options.now)),
    ...section('measured', others, (verdict) => verdictLines(verdict, options.now)),
    ...section('not because', notBecause, (reason) => [`  • ${reason.text}`]),
    `next look ${clockTime(nextCheckAt, options.now)}`,
  ].join('\n');
}

/** The first sentences of "because", for messages with little room. */
export function mainReasons(explanation: Explanation, atMost: number): string[] {
  return explanation.because.slice(0, atMost).map((reason) => reason.text);
}

function headline(explanation: Explanation, options: ExplainTextOptions): string {
  const { at, phase, action, from, to } = explanation;
  const { eventId, now, weight: wanted = { desired: to, observed: to } } = options;
  const weight = `canary ${from === to ? '' : `${from} % → `}${weightText(wanted)}`;
  const number = eventId === null ? [] : [`#${eventId}`];
  const done = action === 'none' ? [] : [action];
  return [...number, clockTime(at, now), phase, weight, ...done].join('  ');
}

function section<T>(title: string, entries: readonly T[], lines: (entry: T) => string[]): string[] {
  return entries.length === 0 ? [] : [title, ...entries.flatMap(lines)];
}

/** The numbers that stand beside their verdict are not repeated by the reason that was made of them. */
function sayOnce(reason: Reason, told: readonly Verdict[]): Reason {
  if (metricOf(reason) !== null) return reason;
  const text = told.reduce(
    (rest, { metric, detail }) => rest.replace(`${metric}: ${detail}; `, () => `${metric}: `),
    reason.text,
  );
  return { ...reason, text };
}

function reasonLines(reason: Reason, verdicts: readonly Verdict[], now: number): string[] {
  const verdict = verdicts.find(({ metric }) => metric === metricOf(reason));
  if (verdict === undefined) return [`  • ${reason.text}`];
  return [`  ${VERDICT_GLYPHS[verdict.class]} ${reason.text}`, ...numberLines(verdict, now)];
}

function numberLines(verdict: Verdict, now: number): string[] {
  const { windowMs, canary, stable, canaryRequests, stableRequests, bound, query, counted } = verdict;
  const frozen =
    verdict.stableFrozenAt === null ? '' : `, frozen at ${clockTime(verdict.stableFrozenAt, now)}`;
  // The sequential judge has no window: it counts all of the rollout.
  const window = windowMs === 0 ? 'the rollout' : formatDuration(windowMs);
  const at = `${clockTime(verdict.at, now)}${counted ? '' : ', not counted'}`;
  const rows = [
    // A metric that waits for an alert asks nothing.
    ...(query === ''
      ? [['looked at', at]]
      : [
          ['window', `${window} up to ${at}`],
          ['canary', armText(canary, canaryRequests)],
        ]),
    ...(stable === null ? [] : [['stable', armText(stable, stableRequests) + frozen]]),
    ...(bound === '' ? [] : [['bound', bound]]),
    ...(query === '' ? [] : [['query', query]]),
  ];
  return alignColumns(rows).map((line) => `      ${line}`);
}

function armText(value: number | null, requests: number | null): string {
  const number = value === null ? 'not known' : compactNumber(value);
  return requests === null ? number : `${number} over ${compactNumber(requests)} requests`;
}

function verdictLines(verdict: Verdict, now: number): string[] {
  const detail = verdict.detail === '' ? '' : `: ${verdict.detail}`;
  const line = `  ${VERDICT_GLYPHS[verdict.class]} ${verdict.metric} ${verdict.class}${detail}`;
  return [line, ...numberLines(verdict, now)];
}

function metricOf(reason: Reason): string | null {
  const { metric } = reason.facts;
  return typeof metric === 'string' ? metric : null;
}
