/**
 * A hostile run of the core: a scripted world whose router loses, delays, reorders and lies, and whose daemon dies
 * between deciding, saving, writing and reading back. After every decision the invariants of the design are checked
 * by an oracle of its own that never asks the core what it thinks.
 */
import { expect } from 'vitest';
import { decide } from '../../src/core/decide.ts';
import { needs } from '../../src/core/needs.ts';
import {
  type Command,
  NOTHING_SEEN,
  type Observation,
  type PublishReport,
  type RouteReading,
} from '../../src/core/observation.ts';
import type { CanaryState, Decision, Verdict } from '../../src/core/rollout.ts';
import { md5, parseRule, shareOf } from '../../src/core/rule.ts';
import { createWorld, EPOCH_MS } from '../../src/core/simulation/world.ts';
import { initialState } from '../../src/core/state.ts';
import type { DecideInput } from '../../src/core/turn.ts';
import type { Spec } from '../../src/spec/canary.ts';
import type { Scenario, ScenarioChange } from '../../src/spec/scenario.ts';

/** What fate has in store for one run of the controller. */
export interface Fate {
  /** Where the daemon dies in this run; null: it does not. */
  readonly crash: 'beforeSave' | 'afterSave' | 'afterPublish' | 'afterReadBack' | null;
  readonly publish: 'good' | 'lost' | 'lostAnswer' | 'delayed' | 'liar';
  readonly delayMs: number;
  /** The read shows the text that was live before the last write. */
  readonly staleRead: boolean;
  readonly unreadable: boolean;
}

export const KIND: Fate = { crash: null, publish: 'good', delayMs: 0, staleRead: false, unreadable: false };

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
  };
}

export interface ChaosOptions {
  readonly spec: Spec;
  readonly scenario: Scenario;
  readonly changes: readonly ScenarioChange[];
  readonly fates: readonly Fate[];
  /** False: reads are runtime reads that may lag, as Nacos v1 has them. */
  readonly authoritative: boolean;
  readonly tally: Tally;
  /** Filled with one line per event, to read when a run fails. */
  readonly trace: string[];
}

const CONFIRM_MS = 3_000;
/** Far more than an hour of one-second confirmations. */
const RUNS_LIMIT = 20_000;
/** Deciding twice and comparing deeply is dear: every so many decisions is enough over thousands of runs. */
const COMPARE_EVERY = 10;

export function runChaos(options: ChaosOptions): { state: CanaryState; weight: number } {
  const { scenario, tally } = options;
  const world = createWorld(scenario);
  const pending = [...options.changes].sort((a, b) => a.at - b.at);
  const fates = [...options.fates];
  const oracle = createOracle(tally);
  let delayed: { at: number; write: () => void }[] = [];
  let previous: { text: string | null; until: number } = { text: null, until: 0 };
  let spec = options.spec;
  let now = EPOCH_MS;
  let boot = 1;
  let decidedAt: number | null = null;
  let saved = initialState(spec, now, 'boot-1');
  let dueAt = now;
  let commands: Command[] = [];
  let commandId = 0;
  tally.runs += 1;

  function moveTo(at: number): void {
    for (const late of delayed.filter((write) => write.at <= at).sort((a, b) => a.at - b.at)) {
      world.advance(Math.max(now, late.at));
      now = Math.max(now, late.at);
      late.write();
    }
    delayed = delayed.filter((write) => write.at > at);
    now = Math.max(now, at);
    world.advance(now);
  }

  function read(fate: Fate): RouteReading {
    const route = world.read(now);
    if (fate.unreadable)
      return { kind: 'unreadable', at: world.wall(now), code: 'NACOS_TIMEOUT', detail: 'timeout' };
    if (options.authoritative || route.kind === 'unreadable') return route;
    const isStale = fate.staleRead && now < previous.until;
    const text = isStale ? previous.text : world.document();
    if (text === null) return { kind: 'absent', at: world.wall(now), authoritative: false };
    return { kind: 'document', at: world.wall(now), content: text, md5: md5(text), authoritative: false };
  }

  function publish(
    fate: Fate,
    operation: string,
    content: string,
    expect: string | 'absent' | null,
  ): PublishReport {
    const before = world.document();
    const write = () => world.publish(operation, content, expect, now);
    const failed = {
      operation,
      at: world.wall(now),
      result: 'failed',
      code: 'NACOS_TIMEOUT',
      detail: 'no answer',
    } as const;
    if (fate.publish === 'lost') return failed;
    if (fate.publish === 'liar') return { ...failed, result: 'accepted', code: 'OK' };
    if (fate.publish === 'delayed') {
      delayed.push({ at: now + fate.delayMs, write });
      return failed;
    }
    const report = write();
    if (report.result === 'accepted') previous = { text: before, until: now + 1_500 };
    return fate.publish === 'lostAnswer' ? failed : report;
  }

  function think(seen: Observation): { input: DecideInput; decision: Decision } {
    const input: DecideInput = {
      spec,
      file: 'present',
      state: saved,
      seen: { ...seen, commands, signals: world.signals() },
      now: world.wall(now),
      elapsedMs: decidedAt === null ? null : now - decidedAt,
      controller: 'canary-controller/chaos',
      epoch: boot,
      bootId: `boot-${boot}`,
    };
    const decision = decide(input);
    const seconds = (now - EPOCH_MS) / 1000;
    for (const { type, message } of decision.events) {
      options.trace.push(`${seconds}s ${decision.state.phase} ${world.weight()} % ${type}: ${message}`);
    }
    oracle.check(input, decision);
    return { input, decision };
  }

  function save(decision: Decision): void {
    saved = decision.state;
    decidedAt = now;
    dueAt = decision.nextCheckAt - (world.wall(now) - now);
    commands = commands.filter((command) => !decision.consumed.includes(command.id));
  }

  function restart(): void {
    tally.crashes += 1;
    if (saved.intent !== null) tally.openIntents += 1;
    boot += 1;
    decidedAt = null;
    dueAt = now + 1_000;
  }

  /** One decision and what follows from it. Returns false when the daemon died. */
  function settle(seen: Observation, fate: Fate): boolean {
    let observation = seen;
    for (let writes = 0; writes < 5; writes += 1) {
      const { decision } = think(observation);
      if (fate.crash === 'beforeSave') return false;
      save(decision);
      if (fate.crash === 'afterSave') return false;
      const { intent } = saved;
      if (!decision.publish || intent === null) return true;
      oracle.published(intent.operation, intent.direction);
      let report = publish(fate, intent.operation, intent.content, intent.expectMd5);
      if (report.result === 'conflict' && intent.direction === 'lower' && intent.to === 0) {
        report = publish(fate, intent.operation, intent.content, null);
      }
      if (fate.crash === 'afterPublish') return false;
      let route = read(fate);
      if (route.kind === 'document' && route.md5 !== intent.md5) {
        moveTo(now + CONFIRM_MS);
        route = read(fate);
      }
      if (fate.crash === 'afterReadBack') return false;
      observation = { ...NOTHING_SEEN, publish: report, route };
    }
    return true;
  }

  function change(next: ScenarioChange): void {
    world.apply(next);
    if (next.weight !== undefined || next.document !== undefined) tally.drift += 1;
    if (next.revision !== undefined && next.command === undefined) {
      spec = { ...spec, canary: { ...spec.canary, revision: next.revision }, hash: `${spec.hash}'` };
    }
    if (next.suspend !== undefined) {
      spec = { ...spec, canary: { ...spec.canary, suspend: next.suspend }, hash: `${spec.hash}"` };
    }
    if (next.daemon === 'restart') restart();
    if (next.command === undefined) return;
    commandId += 1;
    commands.push({
      id: commandId,
      at: world.wall(now),
      verb: next.command,
      actor: 'operator',
      reason: 'chaos',
      force: next.force ?? false,
      full: next.full ?? false,
      revision: next.revision ?? null,
      restart: next.restart ?? false,
    });
  }

  function tick(fate: Fate): void {
    if (commands.length > 0 && !settle(NOTHING_SEEN, { ...fate, crash: null })) return;
    const { requests, beta } = needs(spec.canary, saved, commands, world.wall(now));
    const measurements = requests.map((request) => world.measure(request, now));
    const seen = { ...NOTHING_SEEN, measurements, beta: beta ? ('none' as const) : null, route: read(fate) };
    if (!settle(seen, fate)) restart();
  }

  const until = EPOCH_MS + scenario.world.until;
  for (let runs = 0; runs < RUNS_LIMIT; runs += 1) {
    const changeAt = pending[0] === undefined ? Number.POSITIVE_INFINITY : EPOCH_MS + pending[0].at;
    const at = Math.min(changeAt, Math.max(dueAt, now));
    if (at > until) break;
    moveTo(at);
    while (pending[0] !== undefined && EPOCH_MS + pending[0].at <= at)
      change(pending.shift() as ScenarioChange);
    tick(fates.shift() ?? KIND);
    if (runs === RUNS_LIMIT - 1) throw new Error(`no end: ${saved.phase} ${saved.reason}`);
  }
  if (world.weight() === 100) tally.hundred += 1;
  return { state: saved, weight: world.weight() };
}

interface Oracle {
  check(input: DecideInput, decision: Decision): void;
  published(operation: string, direction: string): void;
}

function createOracle(tally: Tally): Oracle {
  const raised = new Set<string>();
  let decisions = 0;
  /** Looks since the weight was last read back, by metric, newest last. */
  let looks = new Map<string, Verdict[]>();
  return {
    published(operation, direction) {
      if (direction !== 'raise') return;
      expect(raised.has(operation), `raise ${operation} written twice`).toBe(false);
      raised.add(operation);
    },
    check(input, decision) {
      decisions += 1;
      if (decisions % COMPARE_EVERY === 0) {
        const copy = structuredClone(input);
        expect(decide(copy), 'same inputs, same decision').toEqual(decision);
        expect(copy, 'inputs are left alone').toEqual(input);
      }
      const { state } = decision;
      const rollout = state.rollout;
      for (const verdict of decision.explanation.verdicts) {
        const list = looks.get(verdict.metric) ?? [];
        if (list.at(-1)?.at !== verdict.at) looks.set(verdict.metric, [...list, verdict]);
      }
      if (rollout !== null) {
        expect(rollout.weight).toBeGreaterThanOrEqual(0);
        expect(rollout.weight).toBeLessThanOrEqual(100);
      }
      const isNewIntent = state.intent !== null && state.intent.operation !== input.state.intent?.operation;
      if (isNewIntent && state.intent !== null) checkIntent(input, decision, looks);
      if (isNewIntent && state.intent?.direction === 'raise') tally.raises += 1;
      if (state.phase === 'RollingBack' && input.state.phase !== 'RollingBack') tally.rollingBack += 1;
      if (decision.events.some((event) => event.type === 'Exempted')) tally.exemptions += 1;
      if (state.phase !== input.state.phase || rollout?.weight !== input.state.rollout?.weight) {
        expect(decision.explanation.because.length, 'a change explains itself').toBeGreaterThan(0);
        expect(
          decision.events.length,
          `${input.state.phase} -> ${state.phase} leaves an event`,
        ).toBeGreaterThan(0);
      }
      checkUrgent(input, decision);
      const before = input.state.rollout?.held;
      if (
        rollout !== null &&
        (before?.verifiedAt !== rollout.held.verifiedAt || before.weight !== rollout.held.weight)
      ) {
        looks = new Map();
      }
    },
  };
}

function checkIntent(input: DecideInput, decision: Decision, looks: Map<string, Verdict[]>): void {
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
  const givesMore =
    shareOf(written.value, rollout.revision) > liveShare && input.seen.route.kind === 'document';
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
  const isExempt = rollout.exemptions.some(
    ({ stepIndex, actor }) => stepIndex === held.index && actor !== '',
  );
  if (isExempt || input.spec.canary.analysis.skip) return;
  for (const metric of input.spec.canary.analysis.metrics.filter(({ dryRun }) => !dryRun)) {
    const last = (looks.get(metric.name) ?? []).slice(-3);
    expect(
      last.map((verdict) => verdict.class),
      `three passes of ${metric.name} before the raise`,
    ).toEqual(['pass', 'pass', 'pass']);
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
