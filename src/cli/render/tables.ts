/** Many things at a glance: Canaries, rollouts, events. */
import { alignColumns, clockTime, roughDuration } from '../../lib/text.ts';
import type { CanaryView, EventView, RolloutView } from '../../view/schemas.ts';
import { weightText } from '../../view/weight-text.ts';
import { OUTCOME_GLYPHS, PHASE_GLYPHS } from './glyphs.ts';

/** A sentence that would have less room beside its row stands under it, where its beginning can be read. */
const LEAST_BESIDE = 30;

/** A table whose last column is a sentence. No line is longer than `columns`; null: nothing is left out. */
function table(header: readonly string[], rows: readonly string[][], columns: number | null): string {
  const all = [header, ...rows];
  if (columns === null) return alignColumns(all).join('\n');
  const heads = all.map((row) => row.slice(0, -1));
  const sentences = all.map((row) => row.at(-1) ?? '');
  const beside = alignColumns(heads);
  const room = columns - widest(beside) - 2;
  if (room >= Math.min(LEAST_BESIDE, widest(sentences))) {
    return alignColumns(heads.map((head, row) => [...head, cut(sentences[row] ?? '', room)])).join('\n');
  }
  const under = sentences.map((sentence, row) => (row === 0 ? [] : [`  ${sentence}`]));
  return beside
    .flatMap((head, row) => [head, ...(under[row] ?? [])])
    .map((line) => cut(line, columns))
    .join('\n');
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map((text) => [...text].length));
}

/** Whole words, unless the last of them takes more than half of the room. */
function cut(text: string, room: number): string {
  const letters = [...text];
  if (letters.length <= room) return text;
  const space = letters.lastIndexOf(' ', room - 1);
  const kept = letters.slice(0, space < room / 2 ? room - 1 : space);
  return `${kept.join('').trimEnd()}…`;
}

export function renderList(views: readonly CanaryView[], now: number, columns: number | null): string {
  const rows = views.map(({ name, phase, step, weight, canaryRevision, stableRevision, since, reason }) => [
    name,
    `${PHASE_GLYPHS[phase]} ${phase}`,
    step === null || step.index < 0 ? '-' : `${step.index + 1}/${step.count}`,
    weightText(weight),
    canaryRevision ?? '-',
    stableRevision ?? '?',
    since === null ? '-' : roughDuration(now - Date.parse(since)),
    reason,
  ]);
  const header = ['NAME', 'PHASE', 'STEP', 'WEIGHT', 'CANARY', 'STABLE', 'SINCE', 'WHY'];
  return table(header, rows, columns);
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
    `${view.analysed ? '' : '(not analyzed) '}${view.reason}`,
  ]);
  const header = ['ROLLOUT', 'REVISION', 'STABLE', 'OUTCOME', 'STARTED', 'TOOK', 'WEIGHTS', 'WHY'];
  return table(header, rows, columns);
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
