/** Decisions to be stored, with everything filled in that a test does not care for. */
import type { Explanation } from '../../src/core/decision.ts';
import type { NewEvent } from '../../src/core/events.ts';
import type { CanaryState, RolloutRecord, Verdict, VerdictClass } from '../../src/core/rollout.ts';
import type { NewCommand, Save } from '../../src/store/store.ts';

/** 2026-11-23 08:00 UTC, a whole minute. */
export const T0 = Date.UTC(2026, 10, 23, 8, 0);

export function aState(name: string, overrides: Partial<CanaryState> = {}): CanaryState {
  return { name, phase: 'Progressing', reason: 'baking', ...overrides } as CanaryState;
}

export function anExplanation(canary: string, overrides: Partial<Explanation> = {}): Explanation {
  return {
    at: T0,
    canary,
    rolloutId: null,
    phase: 'Progressing',
    action: 'wait',
    from: 5,
    to: 5,
    because: [],
    notBecause: [],
    verdicts: [],
    nextCheckAt: T0 + 30_000,
    ...overrides,
  };
}

export function anEvent(type: NewEvent['type'], overrides: Partial<NewEvent> = {}): NewEvent {
  return { type, message: `${type} happened`, rolloutId: null, causedBy: null, actor: null, ...overrides };
}

export function aSave(canary: string, overrides: Partial<Save> = {}): Save {
  return {
    canary,
    at: T0,
    state: aState(canary),
    nextCheckAt: T0 + 30_000,
    events: [],
    rollouts: [],
    explanation: anExplanation(canary),
    consumed: [],
    verdicts: [],
    ...overrides,
  };
}

export function aVerdict(
  metric: string,
  outcome: VerdictClass,
  at: number,
  overrides: Partial<Verdict> = {},
): Verdict {
  return {
    metric,
    class: outcome,
    at,
    windowMs: 60_000,
    canary: 0.001,
    stable: 0.001,
    canaryRequests: 100,
    stableRequests: 1_900,
    bound: 'maxDelta 0.005',
    detail: `${metric} looked ${outcome}`,
    query: `sum(rate(${metric}[1m]))`,
    structural: false,
    guard: false,
    counted: true,
    stableFrozenAt: null,
    ...overrides,
  };
}

export function aRollout(id: string, canary: string, overrides: Partial<RolloutRecord> = {}): RolloutRecord {
  return {
    id,
    canary,
    revision: 'v2',
    stable: 'v1',
    judge: 'threshold',
    analysed: true,
    startedAt: T0,
    endedAt: null,
    outcome: null,
    reason: '',
    undoes: null,
    steps: [],
    exemptions: [],
    rollbackMs: null,
    ...overrides,
  };
}

export function aCommand(canary: string, overrides: Partial<NewCommand> = {}): NewCommand {
  return {
    canary,
    verb: 'pause',
    actor: 'ops',
    source: 'api',
    reason: 'lunch',
    force: false,
    full: false,
    revision: null,
    restart: false,
    ...overrides,
  };
}
