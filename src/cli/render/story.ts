/** A run under the core as text: one line for each thing that happened, and how it ended. */
import type { Story } from '../../core/simulation/story.ts';
import { formatDuration } from '../../lib/duration.ts';

/** The form of a line of the timeline: "  33m55s  RollingBack     0 %  RollbackStarted   going back to 0 %: ...". */
export function timelineLine(
  atMs: number,
  phase: string,
  weight: number,
  type: string,
  message: string,
): string {
  return [
    formatDuration(atMs).padStart(8),
    phase.padEnd(12),
    `${weight} %`.padStart(5),
    type.padEnd(16),
    message,
  ].join('  ');
}

/** @param start Unix ms that times are shown from */
export function renderStory({ canary, outcome, minutes, timeline }: Story, start: number): string {
  const lines = timeline.map(({ at, phase, weight, event, decision, reason }) =>
    timelineLine(Date.parse(at) - start, phase, weight, event ?? decision, reason),
  );
  const end = minutes === null ? '' : ` after ${minutes} minutes`;
  return [...lines, `${canary}: ${outcome}${end}`].join('\n');
}
