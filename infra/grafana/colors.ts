/** One color for each phase, verdict, outcome and incident, the same in all panels; none says anything that no word says too. */
import { OUTCOMES, type Outcome } from '../../src/core/outcome.ts';
import type { Phase, VerdictClass } from '../../src/core/rollout.ts';
import { PHASES } from '../../src/core/rollout.ts';
import type { State } from './panels.ts';

const PHASE_COLORS: Readonly<Record<Phase, string>> = {
  Initializing: 'gray',
  Stable: 'semi-dark-green',
  Waiting: 'purple',
  Progressing: 'blue',
  Paused: 'yellow',
  RollingBack: 'orange',
  RolledBack: 'red',
  Succeeded: 'green',
  Terminating: 'gray',
};

const VERDICT_COLORS: Readonly<Record<VerdictClass, string>> = {
  pass: 'green',
  fail: 'red',
  inconclusive: 'yellow',
  noData: 'gray',
  error: 'purple',
  pending: 'light-blue',
};

const OUTCOME_COLORS: Readonly<Record<Outcome, string>> = {
  Promoted: 'green',
  RolledBack: 'red',
  Aborted: 'orange',
  Reverted: 'yellow',
  Superseded: 'blue',
  Cancelled: 'gray',
};

export const PHASE_STATES: readonly State[] = PHASES.map((name) => ({ name, color: PHASE_COLORS[name] }));

export const VERDICT_STATES: readonly State[] = Object.entries(VERDICT_COLORS).map(([name, color]) => ({
  name,
  color,
}));

export const INCIDENT_STATES: readonly State[] = [
  { name: 'none', color: 'green' },
  { name: 'incident', color: 'red' },
];

/** For series that are named after verdicts or outcomes. */
export const VERDICT_OVERRIDES = overridesOf(VERDICT_COLORS);
export const OUTCOME_OVERRIDES = overridesOf(
  Object.fromEntries(OUTCOMES.map((outcome) => [outcome, OUTCOME_COLORS[outcome]])),
);

function overridesOf(colors: Readonly<Record<string, string>>) {
  return Object.fromEntries(Object.entries(colors).map(([name, color]) => [name, { color: fixed(color) }]));
}

export function fixed(color: string) {
  return { mode: 'fixed', fixedColor: color };
}
