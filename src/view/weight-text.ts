/** The weight that is wanted and the one that is live, in few words. */
import type { CanaryView } from './schemas.ts';

/** "25 %", or "25 % (5 % live)" while the live document says something else. */
export function weightText({
  desired,
  observed,
}: Pick<CanaryView['weight'], 'desired' | 'observed'>): string {
  if (desired === null) return observed === null ? '?' : `${observed} %`;
  if (desired === observed) return `${desired} %`;
  return `${desired} % (${observed === null ? '?' : `${observed} %`} live)`;
}
