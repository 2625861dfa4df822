/** The oracle's own bookkeeping of looks and bakes: whether a raise was earned. */
import type { CanaryState, Exemption, Intent, RolloutState, Verdict } from '../../src/core/rollout.ts';
import { parseRule, shareOf } from '../../src/core/rule.ts';
import type { Spec, Step } from '../../src/spec/canary.ts';
import type { Save } from '../../src/store/store.ts';
import type { Daemon } from './daemons.ts';
import { EPOCH_MS } from './epoch.ts';
import type { Fleet } from './fleet.ts';
import { hasInstances, type Traffic } from './traffic.ts';
import type { Views } from './views.ts';
import type { Weather } from './weather.ts';

export interface Evidence {
  /** A decision is about to be saved: its looks are in the memory of that process. `before`: the state it was made from. */
  deciding(daemon: Daemon, save: Save, before: CanaryState | null): void;
  /** Takes the looks of a decision that came into force. */
  look(daemon: Daemon, name: string, rollout: RolloutState | null, verdicts: readonly Verdict[]): void;
  /** The last decision could not be saved, and was perhaps not taken. */
  undo(daemon: Daemon, name: string): void;
  /** What this process remembers of a Canary is stored now. */
  keep(daemon: Daemon, name: string): void;
  /** A process begins to lead with what is stored. */
  begin(daemon: Daemon): void;
  /** The database was lost with all that was stored. */
  lose(): void;
  /** A new write was committed. */
  checkIntent(daemon: Daemon, save: Save, before: CanaryState | null): void;
}

export interface EvidenceOptions {
  readonly now: () => number;
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly weather: Weather;
  readonly views: Views;
  readonly fail: (what: string) => void;
}

interface Look {
  readonly verdict: Verdict;
  /** True time at which the window began; null: the wall clock was moved meanwhile. */
  readonly from: number | null;
  readonly by: string;
  /** True time at which it was decided upon. */
  readonly takenAt: number;
  /** Why it is no evidence; null: it may be. */
  readonly doubt: string | null;
}

/** The time at one held weight, as the process that lives it remembers it. */
interface Memory {
  readonly key: string;
  /** True time at which the weight was read back. */
  readonly since: number;
  readonly looks: ReadonlyMap<string, readonly Look[]>;
}

const PASSES = 3;
/** Looks come early by a tenth of an interval, so that windows may share a little. */
const SHARE_OF_WINDOW = 0.6;
const SKEW_MS = 5_000;
const LOOK_TAKES_MS = 16_000;
const LATE_ANSWER_MS = 6_000;
const TOLD_WITHIN_MS = 60_000;

export function createEvidence(options: EvidenceOptions): Evidence {
  const { now, fleet, weather, views, fail } = options;
  let stored = new Map<string, Memory>();
  const memories = new Map<string, Map<string, Memory>>();
  let last: { readonly name: string; readonly memory: Memory | undefined } | null = null;

  function memoryOf(daemon: Daemon): Map<string, Memory> {
    const found = memories.get(daemon.name) ?? new Map(stored);
    memories.set(daemon.name, found);
    return found;
  }

  function keyOf(rollout: RolloutState): string {
    return `${rollout.id}#${rollout.reached.length}#${rollout.held.verifiedAt}`;
  }

  function doubtAbout(name: string, verdict: Verdict, isRaising: boolean): string | null {
    if (isRaising) return 'a raise was not read back';
    const skewMs = options.traffic.skewAt(name, verdict.at);
    return skewMs !== null && Math.abs(skewMs) > SKEW_MS ? `clocks differed by ${skewMs} ms` : null;
  }

  /** All the time from before the look began until the last answer that it waited for. */
  function wasUnreadable(at: number): boolean {
    return weather.unreadable.some(
      ({ from, until }) => from <= at - LOOK_TAKES_MS && (until ?? now()) >= at + LATE_ANSWER_MS,
    );
  }

  function withLook(memory: Memory, daemon: Daemon, verdict: Verdict, doubt: string | null): Memory {
    const looks = memory.looks.get(verdict.metric) ?? [];
    // A metric that was edited may be polled once more for the same scrape.
    const { at: polledAt, detail } = verdict;
    if (looks.some((look) => look.verdict.at === polledAt && look.verdict.detail === detail)) return memory;
    const at = verdict.at - EPOCH_MS - weather.wallOffset;
    const isTrue = at <= now() && at >= now() - LOOK_TAKES_MS;
    const from = isTrue ? at - verdict.windowMs : null;
    const look = { verdict, from, by: daemon.name, takenAt: now(), doubt };
    return { ...memory, looks: new Map(memory.looks).set(verdict.metric, [...looks, look].slice(-PASSES)) };
  }

  /** A weight above 0 counts as held because a read showed it. */
  function checkRead(daemon: Daemon, name: string, at: number, rollout: RolloutState): void {
    const { revision, held } = rollout;
    if (held.weight === 0 || daemon.thawedAt !== null || wasReadable(name, at, rollout)) return;
    fail(`${name}: ${held.weight} % of ${revision} counts as read back and was never readable`);
  }

  function wasReadable(name: string, at: number, { revision, held }: RolloutState): boolean {
    return views.showed(name, at, (rule) => rule !== null && shareOf(rule, revision) === held.weight);
  }

  function follow(daemon: Daemon, name: string, rollout: RolloutState): void {
    const all = memoryOf(daemon);
    const old = all.get(name);
    const key = keyOf(rollout);
    if (old?.key === key) return;
    const [id, reached] = (old?.key ?? '').split('#');
    const isReached = id !== rollout.id || reached !== String(rollout.reached.length);
    // What a process finds in the store or in the emergency journal was read back by another one, at some time.
    const isOwn = daemon.begun.has(name);
    const reachedAt = isOwn ? readBackAt(name, rollout) : 0;
    const since = isReached ? reachedAt : (old?.since ?? 0);
    if (isReached && isOwn && rollout.reached.length > 0) checkRead(daemon, name, since, rollout);
    all.set(name, { key, since, looks: new Map() });
  }

  /**
   * While the store fails, a weight may be told of some time after it was read back, by a clock that is another by then:
   * that makes what is held begin again, and not the time at which it was reached.
   */
  function readBackAt(name: string, rollout: RolloutState): number {
    const { held, reached } = rollout;
    const told = [held.verifiedAt, reached.at(-1)?.verifiedAt ?? held.verifiedAt].flatMap((at) =>
      [weather.wallOffset, weather.wallOffsetBefore].map((offset) => at - EPOCH_MS - offset),
    );
    const times = told.filter(
      (at) => at < now() && at > now() - TOLD_WITHIN_MS && wasReadable(name, at, rollout),
    );
    return Math.min(now(), ...times);
  }

  function checkRaise(
    daemon: Daemon,
    save: Save,
    intent: Intent,
    rollout: RolloutState,
    spec: Spec,
    before: CanaryState | null,
  ): void {
    const { held } = rollout;
    const { steps } = spec.canary.strategy;
    const at = `${save.canary}: the raise ${held.weight} -> ${intent.to} %`;
    if (intent.to !== steps[held.index + 1]?.weight) fail(`${at} is not one step from index ${held.index}`);
    if (rollout.pauses.length > 0) fail(`${at} is made while paused by ${rollout.pauses[0]?.reason}`);
    if (spec.canary.suspend) fail(`${at} is made while suspended`);
    if (held.weight === 0) {
      const isThere = hasInstances(options.traffic.truth(save.canary, rollout.revision));
      if (spec.canary.strategy.ready !== null && !isThere) fail(`${at} is made and no instance was there`);
      return;
    }
    const exemption = exemptionOf(save, rollout);
    const isPromise =
      before?.rollout?.promote != null || rollout.promote !== null || exemption?.kind === 'promote';
    const step = steps[held.index] ?? steps[0];
    if (step === undefined) return;
    if (!isPromise) checkApproval(at, save, rollout, step);
    const memory = memoryOf(daemon).get(save.canary);
    for (const { name, dryRun } of spec.canary.analysis.metrics) {
      const verdict = memory?.looks.get(name)?.at(-1)?.verdict;
      if (!dryRun && verdict?.class === 'fail') fail(`${at} goes over a failing ${name}`);
    }
    const bakedMs = now() - (memory?.since ?? now());
    if (exemption?.kind !== 'promote' && bakedMs + 1 < step.bakeMs) {
      fail(`${at} came after ${bakedMs} ms of a bake of ${step.bakeMs} ms`);
    }
    if (exemption !== null || spec.canary.analysis.skip) return;
    checkPasses(at, daemon, memory ?? null, spec, rollout);
    const { kind } = options.traffic.truth(save.canary, rollout.revision);
    const isTold = options.traffic.truth(save.canary, rollout.stable).kind === 'healthy';
    if (kind === 'slow' && isTold) fail(`${at} of a revision that is slow`);
  }

  function checkApproval(at: string, save: Save, rollout: RolloutState, step: Step): void {
    if (!step.approval || rollout.held.index < 0) return;
    const isApproved = rollout.approvals.some(
      ({ stepIndex, specHash }) => stepIndex === rollout.held.index && specHash === save.state?.specHash,
    );
    if (!isApproved) fail(`${at} was not approved`);
  }

  function checkPasses(
    at: string,
    daemon: Daemon,
    memory: Memory | null,
    spec: Spec,
    rollout: RolloutState,
  ): void {
    const settledAt = (memory?.since ?? 0) + spec.canary.settleMs;
    for (const metric of spec.canary.analysis.metrics.filter(({ dryRun }) => !dryRun)) {
      // One pass of a judge of points, or of one that counts, has the looks before it in itself.
      const needed = metric.judge === 'threshold' ? PASSES : 1;
      const looks = memory?.looks.get(metric.name)?.slice(-needed) ?? [];
      const passes = looks.filter(({ verdict }) => verdict.class === 'pass' && verdict.counted);
      if (passes.length < needed) {
        fail(
          `${at} without ${needed} passes of ${metric.name}: ${looks.map(({ verdict }) => verdict.class)}`,
        );
      }
      const pointsMs = (metric.mannWhitney?.minPoints ?? 0) * metric.windowMs * SHARE_OF_WINDOW;
      if (
        passes.some(({ verdict }) => verdict.at < rollout.held.verifiedAt + spec.canary.settleMs + pointsMs)
      ) {
        fail(`${at} on fewer points of ${metric.name} than are needed`);
      }
      if (!looks.some(({ by }) => by === daemon.name)) fail(`${at} without a fresh pass since the restart`);
      for (const { verdict, from, doubt, takenAt } of passes) {
        if (doubt !== null) fail(`${at} on a pass of ${metric.name} while ${doubt}`);
        if (wasUnreadable(takenAt)) fail(`${at} on a pass of ${metric.name} while no rule could be read`);
        const isEarly = verdict.at - verdict.windowMs < rollout.held.verifiedAt + spec.canary.settleMs;
        if (isEarly) fail(`${at} on a window of ${metric.name} that reaches back before the settled weight`);
        // A clock set forward while no process watches cannot be told from time that passed.
        const isKnown = from !== null && (memory?.since ?? 0) > weather.wallSteppedAt;
        if (isKnown && from + 2 < settledAt) fail(`${at} on a window that truly began too early`);
      }
    }
  }

  /** A raise was given up: three new passes are needed. */
  function startAgain(daemon: Daemon, name: string): void {
    const memory = memoryOf(daemon).get(name);
    if (memory !== undefined) memoryOf(daemon).set(name, { ...memory, looks: new Map() });
  }

  function take(
    daemon: Daemon,
    name: string,
    rollout: RolloutState | null,
    verdicts: readonly Verdict[],
    isRaising: boolean,
  ): void {
    last = { name, memory: memoryOf(daemon).get(name) };
    if (rollout !== null) follow(daemon, name, rollout);
    daemon.begun.add(name);
    if (rollout === null) return;
    const all = memoryOf(daemon);
    const memory = all.get(name);
    if (memory === undefined) return;
    const add = (known: Memory, verdict: Verdict) =>
      withLook(known, daemon, verdict, doubtAbout(name, verdict, isRaising));
    all.set(name, verdicts.reduce(add, memory));
  }

  return {
    deciding(daemon, { canary: name, state, verdicts, events }, before) {
      const open = before?.intent ?? null;
      const isRaising = open?.direction === 'raise' && state?.intent?.operation === open.operation;
      if (events.some(({ type }) => type === 'RaiseCancelled')) startAgain(daemon, name);
      const looked = verdicts.map(({ verdict }) => verdict);
      take(daemon, name, state?.rollout ?? null, looked, isRaising);
    },
    look: (daemon, name, rollout, verdicts) => take(daemon, name, rollout, verdicts, false),
    undo(daemon, name) {
      if (last?.name !== name) return;
      if (last.memory === undefined) memoryOf(daemon).delete(name);
      else memoryOf(daemon).set(name, last.memory);
      last = null;
    },
    keep(daemon, name) {
      const memory = memoryOf(daemon).get(name);
      if (memory !== undefined) stored.set(name, memory);
    },
    begin(daemon) {
      stored = new Map(stored);
      memories.set(daemon.name, new Map(stored));
      daemon.begun.clear();
    },
    lose() {
      stored = new Map();
    },
    checkIntent(daemon, save, before) {
      const { state, canary: name } = save;
      const intent = state?.intent ?? null;
      const spec = fleet.byHash(state?.specHash ?? '');
      if (intent === null || state === null || spec === null) return;
      const written = parseRule(intent.content);
      if (!written.ok || written.value.canaryWeight !== intent.to)
        fail(`${name}: ${intent.operation} says other than its intent`);
      if (intent.direction === 'raise' && intent.purpose === 'step' && state.rollout !== null) {
        checkRaise(daemon, save, intent, state.rollout, spec, before);
      }
    },
  };
}

/** What takes the place of evidence at this raise: a promise made now, or a resume at this weight. */
function exemptionOf({ at }: Save, { exemptions, held }: RolloutState): Exemption | null {
  const found = exemptions.findLast(
    (exemption) =>
      exemption.stepIndex === held.index &&
      exemption.actor !== '' &&
      ((exemption.kind === 'promote' && exemption.at === at) ||
        (exemption.kind === 'resume' && exemption.at >= held.verifiedAt)),
  );
  return found ?? null;
}
