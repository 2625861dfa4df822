/** Layout of text for people: columns, counts, percentages, times. The same pieces serve terminal, API and messages. */
import { formatDuration } from './duration.ts';

/**
 * Lines of a table whose columns are as wide as their widest cell, two spaces apart. Cells are padded on the right;
 * the last one is not. Rows may be shorter than others. Widths are counted in code points.
 */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      widths[column] = Math.max(widths[column] ?? 0, width(cell));
    }
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell + ' '.repeat((widths[column] ?? 0) - width(cell)))
      .join('  ')
      .trimEnd(),
  );
}

function width(text: string): number {
  return [...text].length;
}

/** "1 error", "2 errors". `many` only where the plural is not the noun with an s. */
export function plural(count: number, noun: string, many = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : many}`;
}

/** A share as a percentage with at most three significant digits: 0.0021 is "0.21 %". */
export function percent(share: number): string {
  return `${compactNumber(share * 100)} %`;
}

/** At most three significant digits below 1000, whole numbers above, never in exponent form for usual sizes. */
export function compactNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** A span with at most two units, as coarse as people speak: 3723000 ms is "1h2m". Below a second: "0s". */
export function roughDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const unit = seconds >= 86_400 ? 3600 : seconds >= 3600 ? 60 : 1;
  return formatDuration(Math.floor(seconds / unit) * unit * 1000);
}

/** "11m ago", "in 30s", "now" for less than a second either way. Both times in Unix ms. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(at - now);
  if (distance < 1000) return 'now';
  return at < now ? `${roughDuration(distance)} ago` : `in ${roughDuration(distance)}`;
}

/** Time of day in UTC, "14:21:40Z"; with the date in front when `at` lies on another UTC day than `now`. */
export function clockTime(at: number, now: number): string {
  const [date = '', time = ''] = new Date(at).toISOString().split('T');
  const short = `${time.slice(0, 8)}Z`;
  return new Date(now).toISOString().startsWith(date) ? short : `${date} ${short}`;
}

/** `text` with every line indented by `by` spaces. */
export function indent(text: string, by: number): string {
  return text.replaceAll(/^(?=.)/gm, ' '.repeat(by));
}

/**
 * The candidate that `word` is most likely a slip of, or null when none is near: at most a third of its letters may
 * differ (Levenshtein distance, case ignored).
 */
export function closest(word: string, candidates: Iterable<string>): string | null {
  let best: string | null = null;
  let bestDistance = Math.floor(Math.max(word.length, 3) / 3) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** " Did you mean x?" for the nearest candidate, else an empty string: to be put behind a sentence. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const near = closest(word, candidates);
  return near === null ? '' : ` Did you mean ${near}?`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const removed = (previous[column] ?? 0) + 1;
      const added = (current[column - 1] ?? 0) + 1;
      current.push(Math.min(replaced, removed, added));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
