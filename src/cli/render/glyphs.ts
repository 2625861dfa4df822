/** One sign for each phase, outcome and state, always printed beside its word. */
import type { CanaryView, RolloutView } from '../../view/schemas.ts';

export const PHASE_GLYPHS: Readonly<Record<CanaryView['phase'], string>> = {
  Initializing: '·',
  Stable: '✓',
  Waiting: '○',
  Progressing: '◐',
  Paused: '‖',
  RollingBack: '↩',
  RolledBack: '✗',
  Succeeded: '✓',
  Terminating: '·',
};

export const OUTCOME_GLYPHS: Readonly<Record<NonNullable<RolloutView['outcome']>, string>> = {
  Promoted: '✓',
  RolledBack: '✗',
  Aborted: '✗',
  Reverted: '↩',
  Superseded: '·',
  Cancelled: '·',
};
