/** Durations in the Prometheus grammar ("1h30m", "500ms") to and from milliseconds. */

const UNITS = [
  ['y', 365 * 86_400_000],
  ['w', 7 * 86_400_000],
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
  ['ms', 1],
] as const;

const GRAMMAR = /^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/;

/**
 * Milliseconds of a Prometheus duration, or null where the text is none.
 * Units go from large to small, each at most once; "0" alone is allowed.
 * Source of the grammar: Prometheus documentation, "Time durations".
 */
export function parseDuration(text: string): number | null {
  if (text === '0') return 0;
  const match = GRAMMAR.exec(text);
  if (match === null || text === '') return null;
  let total = 0;
  for (const [index, [, unitMs]] of UNITS.entries()) {
    const digits = match[index + 1];
    if (digits !== undefined) total += Number(digits) * unitMs;
  }
  return Number.isSafeInteger(total) ? total : null;
}

/** The shortest Prometheus duration of a number of milliseconds (rounded to whole ones): 90000 is "1m30s". */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, Math.round(ms));
  if (rest === 0) return '0s';
  let text = '';
  for (const [unit, unitMs] of UNITS) {
    if (unit === 'y' || unit === 'w') continue;
    const count = Math.floor(rest / unitMs);
    if (count > 0) text += `${count}${unit}`;
    rest -= count * unitMs;
  }
  return text;
}
