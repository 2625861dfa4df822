/** Many things at a glance: Canaries, rollouts, events. */
import { alignColumns, clockTime, roughDuration } from '../../lib/text.ts';
import type { CanaryView, EventView, RolloutView } from '../../view/schemas.ts';
import { OUTCOME_GLYPHS, PHASE_GLYPHS } from './glyphs.ts';

/** Cuts lines that a terminal of `columns` would break; null: as long as they are. */
function cut(lines: readonly string[], columns: number | null): string {
  if (columns === null) return lines.join('\n');
  return lines
    .map((line) => {
      const letters = [...line];
      return letters.length <= columns ? line : `${letters.slice(0, columns - 1).join('')}…`;
    })
    .join('\n');
}

export function renderList(views: readonly CanaryView[], now: number, columns: number | null): string {
  const rows = views.map(({ name, phase, step, weight, canaryRevision, stableRevision, since, reason }) => [
    name,
    `${PHASE_GLYPHS[phase]} ${phase}`,
    step === null || step.index < 0 ? '-' : `${step.index + 1}/${step.count}`,
    weights(weight),
    canaryRevision ?? '-',
    stableRevision ?? '?',
    since === null ? '-' : roughDuration(now - Date.parse(since)),
    reason,
  ]);
  const header = ['NAME', 'PHASE', 'STEP', 'WEIGHT', 'CANARY', 'STABLE', 'SINCE', 'WHY'];
  return cut(alignColumns([header, ...rows]), columns);
}

/** "25 %", or "25 % (5 % live)" while the live document says something else. */
function weights({ desired, observed }: CanaryView['weight']): string {
  if (desired === null) return observed === null ? '?' : `${observed} %`;
  if (desired === observed) return `${desired} %`;
  return `${desired} % (${observed === null ? '?' : `${observed} %`} live)`;
}

export function renderHistory(views: readonly RolloutView[], now: number, columns: number | null): string {
  const rows = views.map((view) => [
    view.id,
    view.revision,
    view.stableRevision,
    view.outcome === null ? '◐ under way' : `${OUTCOME_GLYPHS[view.outcome]} ${view.outcome}`,
    clockTime(Date.parse(view.startedAt), now),
    took(view, now),
    view.steps.length === 0 ? '-' : view.steps.map(({ weight }) => weight).join(' → '),
    `${view.analysed ? '' : '(not analysed) '}${view.reason}`,
  ]);
  const header = ['ROLLOUT', 'REVISION', 'STABLE', 'OUTCOME', 'STARTED', 'TOOK', 'WEIGHTS', 'WHY'];
  return cut(alignColumns([header, ...rows]), columns);
}

function took({ startedAt, endedAt }: RolloutView, now: number): string {
  return roughDuration((endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt));
}

/** One line without columns that depend on other lines: events also come one by one. */
export function renderEvent({ id, at, canary, type, message, actor, facts }: EventView, now: number): string {
  const by = actor === null || message.includes(actor) ? [] : [actor];
  const from = typeof facts['address'] === 'string' ? [`from ${facts['address']}`] : [];
  const who = by.length + from.length === 0 ? '' : ` (${[...by, ...from].join(' ')})`;
  return `#${id}  ${clockTime(Date.parse(at), now)}  ${canary ?? '-'}  ${type}  ${message}${who}`;
}
