/** What a person who waits for a benchmark wants to see: where it is. On stderr, because stdout holds the report. */

const startedAt = performance.now();

export function say(text: string): void {
  const seconds = Math.floor((performance.now() - startedAt) / 1_000);
  const minutes = String(Math.floor(seconds / 60)).padStart(2, '0');
  console.error(`${minutes}:${String(seconds % 60).padStart(2, '0')} ${text}`);
}
