/** The invariants of the design, checked after every decision by means that never ask the core what it thinks. */
import { expect } from 'vitest';
import { decide } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { RolloutState, Verdict } from '../../src/core/rollout.ts';
import { parseRule, shareOf } from '../../src/core/rule.ts';
import type { DecideInput } from '../../src/core/turn.ts';
import type { Metric } from '../../src/spec/canary.ts';

/** What the runs of a property saw, so that a generator that never gets anywhere is noticed. */
export interface Tally {
  runs: number;
  rollingBack: number;
  hundred: number;
  drift: number;
  openIntents: number;
  crashes: number;
  exemptions: number;
  raises: number;
  breaches: number;
  foreign: number;
  lateWrites: number;
  edits: number;
  forgotten: number;
  alerts: number;
  told: number;
}

export function newTally(): Tally {
  return {
    runs: 0,
    rollingBack: 0,
    hundred: 0,
    drift: 0,
    openIntents: 0,
    crashes: 0,
    exemptions: 0,
    raises: 0,
    breaches: 0,
    foreign: 0,
    lateWrites: 0,
    edits: 0,
    forgotten: 0,
    alerts: 0,
    told: 0,
  };
}

/** Deciding twice and comparing deeply is dear: every so many decisions is enough over thousands of runs. */
const COMPARE_EVERY = 10;

export interface Oracle {
  /** Checks a decision that was made. */
  check(input: DecideInput, decision: Decision): void;
  /** The decision checked last was saved. */
  kept(): void;
  published(operation: string, direction: string): void;
}

/** What was seen so far. A decision that was lost in a crash was never made, so it adds nothing. */
interface Seen {
  /** Looks since the weight was last read back, by metric, newest last. */
  readonly looks: Map<string, readonly Verdict[]>;
  readonly failing: Map<string, Failing>;
}

export function createOracle(tally: Tally): Oracle {
  const raised = new Set<string>();
  let decisions = 0;
  let seen: Seen = { looks: new Map(), failing: new Map() };
  let next = seen;
  return {
    published(operation, direction) {
      if (direction !== 'raise') return;
      expect(raised.has(operation), `raise ${operation} written twice`).toBe(false);
      raised.add(operation);
    },
    check(input, decision) {
      decisions += 1;
      if (decisions % COMPARE_EVERY === 0) checkPure(input, decision);
      next = withLooks(seen, input, decision);
      const { intent } = decision.state;
      if (intent !== null && intent.operation !== input.state.intent?.operation) {
        checkIntent(input, decision, next.looks);
        if (intent.purpose === 'promoted') expect(intent.to, 'promoted with all of the traffic').toBe(100);
        if (intent.direction === 'raise') checkRaise(input, decision, next.failing);
      }
      checkChange(input, decision);
      checkUrgent(input, decision);
      checkSignals(input, decision);
      checkDiagnostics(decision);
      if (decision.looked) tally.breaches += checkBreach(input, decision, next.failing);
      if (isForeign(decision.state.rollout)) {
        expect(decision.publish, 'nothing is written over another controller').toBe(false);
      }
      count(tally, input, decision);
      if (isOtherWeight(input, decision)) next = { ...next, looks: new Map() };
    },
    kept() {
      seen = next;
    },
  };
}

function checkPure(input: DecideInput, decision: Decision): void {
  const copy = structuredClone(input);
  expect(decide(copy), 'same inputs, same decision').toEqual(decision);
  expect(copy, 'inputs are left alone').toEqual(input);
}

function withLooks(seen: Seen, input: DecideInput, decision: Decision): Seen {
  const isFresh = isNewRollout(input, decision) || isJump(decision);
  const looks = new Map(seen.looks);
  const failing = new Map<string, Failing>(isFresh ? [] : seen.failing);
  for (const verdict of decision.looked ? decision.explanation.verdicts : []) {
    follow(failing, input, verdict);
    looks.set(verdict.metric, [...(looks.get(verdict.metric) ?? []), verdict].slice(-3));
  }
  return { looks, failing };
}

function isOtherWeight(input: DecideInput, { state }: Decision): boolean {
  const before = input.state.rollout?.held;
  const after = state.rollout?.held;
  return before?.verifiedAt !== after?.verifiedAt || before?.weight !== after?.weight;
}

function checkChange(input: DecideInput, { state, explanation, events }: Decision): void {
  const { rollout } = state;
  expect(rollout?.weight ?? 0).toBeGreaterThanOrEqual(0);
  expect(rollout?.weight ?? 0).toBeLessThanOrEqual(100);
  if (state.phase === input.state.phase && rollout?.weight === input.state.rollout?.weight) return;
  expect(explanation.because.length, 'a change explains itself').toBeGreaterThan(0);
  expect(events.length, `${input.state.phase} -> ${state.phase} leaves an event`).toBeGreaterThan(0);
}

function count(tally: Tally, input: DecideInput, { state, events, forget }: Decision): void {
  const has = (wanted: string) => events.some(({ type }) => type === wanted);
  if (has('StepStarted')) tally.raises += 1;
  if (state.phase === 'RollingBack' && input.state.phase !== 'RollingBack') tally.rollingBack += 1;
  if (has('SignalApplied')) tally.alerts += 1;
  const isTold = input.spec.canary.analysis.metrics.some(({ source }) => source.kind === 'external');
  if (isTold && has('StepLeft')) tally.told += 1;
  if (has('Exempted')) tally.exemptions += 1;
  if (isForeign(state.rollout)) tally.foreign += 1;
  if (has('LateWriteLowered')) tally.lateWrites += 1;
  if (has('SpecChanged')) tally.edits += 1;
  if (forget) tally.forgotten += 1;
}

function checkIntent(input: DecideInput, decision: Decision, looks: Seen['looks']): void {
  const { state } = decision;
  const { intent, rollout } = state;
  if (intent === null) return;
  const written = parseRule(intent.content);
  expect(written.ok).toBe(true);
  if (!written.ok) return;
  expect(written.value.canaryWeight).toBe(intent.to);
  expect(intent.to).toBeGreaterThanOrEqual(0);
  expect(intent.to).toBeLessThanOrEqual(100);
  if (rollout === null || intent.purpose === 'restore') return;

  const live = input.seen.route.kind === 'document' ? parseRule(input.seen.route.content) : null;
  const liveShare = live?.ok ? shareOf(live.value, rollout.revision) : 0;
  const givesMore = shareOf(written.value, rollout.revision) > liveShare;
  if (intent.direction !== 'raise') {
    const isRead = input.seen.route.kind === 'document' || input.seen.route.kind === 'absent';
    if (isRead && intent.to > 0)
      expect(givesMore, `${intent.purpose} raises ${liveShare} -> ${intent.to}`).toBe(false);
    if (!isRead) expect(intent.to, `${intent.purpose} unread`).toBe(0);
    return;
  }
  expect(['document', 'absent'], 'a raise needs a readable rule').toContain(input.seen.route.kind);
  const { held } = rollout;
  const steps = input.spec.canary.strategy.steps;
  expect(intent.to, 'one step at most').toBe(steps[held.index + 1]?.weight);
  if (held.weight === 0) return;
  for (const { actor } of rollout.exemptions) expect(actor, 'an exemption names its actor').not.toBe('');
  const isExempt = rollout.exemptions.some(
    ({ kind, stepIndex, at }) => kind === 'skip' || (stepIndex === held.index && at >= held.verifiedAt),
  );
  const promote = input.state.rollout?.promote ?? null;
  const isPromoted = rollout.exemptions.some(({ kind, at }) => kind === 'promote' && at === input.now);
  if (isPromoted && promote?.force === false) {
    for (const { name, judge } of input.spec.canary.analysis.metrics.filter(({ dryRun }) => !dryRun)) {
      const last = looks.get(name)?.at(-1);
      expect(last?.class, `${name} is measured at the weight that an unforced promote leaves`).toMatch(
        judge === 'sequential' ? /pass|inconclusive|pending/ : /pass|inconclusive/,
      );
      expect(last?.at ?? 0).toBeGreaterThanOrEqual(held.verifiedAt);
    }
  }
  if (isExempt) {
    expect(rollout.analysed, 'an exempted rollout is not called analysed').toBe(false);
    if (input.spec.canary.analysis.skip || !rollout.exemptions.every(({ kind }) => kind === 'skip')) return;
  }
  for (const metric of input.spec.canary.analysis.metrics.filter(({ dryRun }) => !dryRun)) {
    // A pass of the sequential judge holds the evidence of all its looks.
    const passes = metric.judge === 'sequential' ? ['pass'] : ['pass', 'pass', 'pass'];
    const last = (looks.get(metric.name) ?? []).slice(-passes.length);
    expect(
      last.map((verdict) => verdict.class),
      `passes of ${metric.name} before the raise`,
    ).toEqual(passes);
    for (const verdict of last) {
      expect(verdict.at - verdict.windowMs, 'windows lie after the verified weight').toBeGreaterThanOrEqual(
        held.verifiedAt + input.spec.canary.settleMs,
      );
    }
  }
}

/** A counted failure of a critical metric, or an abort, ends in going down, whatever else is broken. */
function checkUrgent(input: DecideInput, decision: Decision): void {
  const { state } = decision;
  const isForeign = (input.state.rollout?.pauses ?? []).some(({ reason }) => reason === 'ForeignController');
  const isUnderWay = input.state.rollout !== null && input.state.rollout.outcome === null;
  if (isForeign || !isUnderWay || state.rollout?.pauses.some(({ reason }) => reason === 'ForeignController'))
    return;
  const critical = decision.explanation.verdicts.some((verdict) => {
    const metric = input.spec.canary.analysis.metrics.find(({ name }) => name === verdict.metric);
    const isFresh = input.seen.measurements.some(({ id }) => id.startsWith(`${verdict.metric}/`));
    return (
      isFresh &&
      verdict.counted &&
      verdict.class === 'fail' &&
      metric?.dryRun === false &&
      (metric.critical || verdict.guard)
    );
  });
  if (!critical) return;
  expect(
    state.ending !== null || state.rollout?.outcome !== null || state.rollout?.id !== input.state.rollout?.id,
    'a critical fail goes down',
  ).toBe(true);
}

/** What a metric's counted looks amount to, counted here from the verdicts alone. */
interface Failing {
  /** Not null while the last counted look that was a pass or a fail was a fail. */
  failedAt: number | null;
  lookedAt: number | null;
  ms: number;
  failures: number;
  countedAt: number | null;
  key: string;
}

function follow(all: Map<string, Failing>, input: DecideInput, verdict: Verdict): void {
  const metric = input.spec.canary.analysis.metrics.find(({ name }) => name === verdict.metric);
  if (metric === undefined) return;
  const key = JSON.stringify(metric);
  const old = all.get(metric.name) ?? {
    failedAt: null,
    lookedAt: null,
    ms: 0,
    failures: 0,
    countedAt: null,
    key,
  };
  const state = old.key === key ? { ...old } : { ...old, failedAt: null, lookedAt: null, ms: 0, key };
  all.set(metric.name, state);
  const gap = state.lookedAt === null ? 0 : verdict.at - state.lookedAt;
  state.lookedAt = verdict.at;
  if (!verdict.counted) return;
  const { intervalMs } = input.spec.canary.analysis;
  if (gap > 3 * intervalMs || verdict.class === 'pass') Object.assign(state, { ms: 0, failedAt: null });
  if (verdict.class !== 'fail') return;
  if (state.failedAt !== null) state.ms += Math.min(gap, 1.5 * intervalMs);
  state.failedAt = verdict.at;
  if (state.countedAt !== null && verdict.at - state.countedAt < metric.windowMs) return;
  state.failures += 1;
  state.countedAt = verdict.at;
}

function isBroken(metric: Metric, state: Failing | undefined): boolean {
  if (metric.dryRun || state === undefined || state.failedAt === null) return false;
  return metric.failureLimit === null
    ? state.ms >= (metric.forMs ?? 0)
    : state.failures > metric.failureLimit;
}

/** A breach goes to 0, or stands still for a person where the file says so. Returns 1 when there was one. */
function checkBreach(input: DecideInput, decision: Decision, failing: Map<string, Failing>): number {
  const before = input.state.rollout;
  const { rollout, ending } = decision.state;
  const { analysis, strategy } = input.spec.canary;
  const isRunning = before !== null && before.outcome === null && rollout?.id === before.id;
  if (!isRunning || isForeign(before) || isForeign(rollout)) return 0;
  if (!analysis.metrics.some((metric) => isBroken(metric, failing.get(metric.name)))) return 0;
  const isStopped =
    strategy.onFailure === 'pause' && rollout.pauses.some(({ reason }) => reason === 'Failed');
  expect(ending !== null || rollout.outcome !== null || isStopped, 'a breach ends at 0 or in Failed').toBe(
    true,
  );
  return 1;
}

/** Whatever a person said, no weight rises while a metric fails, while paused, or while suspended. */
function checkRaise(input: DecideInput, decision: Decision, failing: Map<string, Failing>): void {
  const { rollout, intent } = decision.state;
  if (rollout === null || intent?.purpose !== 'step') return;
  for (const { name, dryRun } of input.spec.canary.analysis.metrics) {
    if (!dryRun) expect(failing.get(name)?.failedAt ?? null, `${name} fails, and yet it rises`).toBeNull();
  }
  expect(rollout.pauses, 'paused, and yet it rises').toEqual([]);
  expect(input.spec.canary.suspend, 'suspended, and yet it rises').toBe(false);
}

/** An alert that asks for a rollback gets one; none that holds lets a first step go; evidence is only what is told. */
function checkSignals(input: DecideInput, { state, explanation, looked }: Decision): void {
  const firing = input.seen.signals.filter((signal) => signal.firing);
  const asks = (action: string) => firing.some((signal) => signal.action === action);
  const { rollout } = state;
  const before = input.state.rollout;
  const isUnderWay =
    before !== null && before.outcome === null && before.weight > 0 && before.id === rollout?.id;
  if (
    asks('rollback') &&
    isUnderWay &&
    !isForeign(before) &&
    !isForeign(rollout) &&
    state.phase !== 'Initializing'
  ) {
    expect(
      state.ending !== null || rollout.outcome !== null || rollout.weight === 0,
      'an alert that asks for a rollback gets it',
    ).toBe(true);
  }
  const isNew = state.intent?.operation !== input.state.intent?.operation;
  if (isNew && state.intent?.purpose === 'step' && rollout?.held.weight === 0) {
    expect(asks('rollback') || asks('pause'), 'an alert that fires holds the first step').toBe(false);
  }
  for (const metric of looked ? input.spec.canary.analysis.metrics : []) {
    if (metric.source.kind !== 'external') continue;
    const verdict = explanation.verdicts.find(({ metric: name }) => name === metric.name);
    if (verdict?.class === 'pass') expect(asks('promote'), 'a promotion is asked for').toBe(true);
  }
}

function isForeign(rollout: RolloutState | null): boolean {
  return rollout?.pauses.some(({ reason }) => reason === 'ForeignController') ?? false;
}

function isNewRollout(input: DecideInput, decision: Decision): boolean {
  return input.state.rollout?.id !== decision.state.rollout?.id;
}

function isJump(decision: Decision): boolean {
  return decision.events.some(({ type }) => type === 'ClockJump');
}

function checkDiagnostics({ state }: Decision): void {
  const codes = state.diagnostics.map(({ code }) => code);
  expect(new Set(codes).size, 'each diagnostic once').toBe(codes.length);
  const isRunning = state.rollout !== null && state.rollout.outcome === null;
  if (!isRunning) expect(codes).not.toContain('CLOCK_SKEW');
  if (state.stable !== null) expect(codes).not.toContain('STABLE_UNKNOWN');
}
