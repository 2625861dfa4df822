/**
 * Watches everything that the controller commits and writes, and knows the truth that the controller does not. It
 * never asks the core for its opinion. A violation is remembered, because an exception would be caught on its way.
 */
import type { BetaReading, Rule } from '../../src/core/observation.ts';
import type { CanaryState, Intent, Verdict } from '../../src/core/rollout.ts';
import { md5, parseRule, shareOf } from '../../src/core/rule.ts';
import type { Event, Save } from '../../src/store/store.ts';
import { createAlertCheck } from './alert-check.ts';
import { createBetaCheck } from './beta-check.ts';
import type { Daemon } from './daemons.ts';
import { createEvidence } from './evidence-check.ts';
import type { Fleet } from './fleet.ts';
import { createLookCheck } from './look-check.ts';
import { createPunctual } from './punctual-check.ts';
import type { Dialect, Landing } from './rules.ts';
import type { Traffic } from './traffic.ts';
import { createViews } from './views.ts';
import { count, type Tally, type Weather } from './weather.ts';

export interface Oracle {
  fail(what: string): void;
  violation(): string | null;
  /** A decision is about to be saved. */
  deciding(daemon: Daemon, save: Save): void;
  /** It could not be saved. */
  refused(daemon: Daemon, save: Save): void;
  /** A look came into force, saved or not. */
  looked(daemon: Daemon, name: string, verdicts: readonly Verdict[]): void;
  /** A decision was committed. */
  decided(daemon: Daemon, save: Save): void;
  committed(events: readonly Event[]): void;
  /** A process claimed the next epoch. */
  claimed(epoch: number): void;
  /** A process begins to lead. With a full disk the epoch is still the last leader's. */
  leads(daemon: Daemon, epoch: number): void;
  publishing(daemon: Daemon, name: string, operation: string, content: string): void;
  landed(landing: Landing): void;
  /** A process was told whether a beta variant of a document is there. */
  askedBeta(daemon: Daemon, name: string, answer: BetaReading | 'none' | 'unknown'): void;
  /** The database was lost, and everything that was committed with it. */
  lost(): void;
  /** What reads show of a document changed. */
  seen(name: string, content: string | null): void;
  /** The last committed state. */
  state(name: string): CanaryState | null;
  /** Commands that nobody has answered. */
  openCommands(): readonly number[];
  /** Looks whether every Canary was looked at in time. */
  checkPunctual(): void;
}

export interface OracleOptions {
  readonly now: () => number;
  readonly fleet: Fleet;
  readonly traffic: Traffic;
  readonly weather: Weather;
  readonly dialect: Dialect;
  readonly tally: Tally;
  readonly say: (line: string) => void;
  /** True time since which nothing has been wrong for this Canary, its own hanging included; null: something is. */
  readonly calmSince: (name: string) => number | null;
}

interface Operation {
  readonly direction: 'raise' | 'lower' | 'hold';
  readonly to: number;
  readonly content: string;
  published: number;
  /** False: carried out from memory. With a full disk the next process may give its own lowering the same name. */
  readonly saved: boolean;
}

/** From here on a process that was stopped must have noticed that another one leads. */
const DEPOSED_MS = 10_000;

interface Lead {
  readonly epoch: number;
  readonly at: number;
  daemon: Daemon | null;
  /**
   * Another process led with this epoch before: on a full disk none can be claimed. Where the lock file was removed
   * under it, it may not know yet, and both count on from the same decision.
   */
  isShared: boolean;
  /** So it was with the epoch before: what both kept in their journals is saved by whoever claims this one. */
  readonly wasShared: boolean;
}

const NOBODY = { epoch: 0, daemon: null, isShared: false, wasShared: false } as const;

export function createOracle(options: OracleOptions): Oracle {
  const { now, fleet, weather, tally, say } = options;
  const states = new Map<string, CanaryState>();
  const operations = new Map<string, Operation>();
  const open = new Set<number>();
  /** Revisions of rollouts that went back to 0, by rollout. */
  const endedAtZero = new Map<string, string>();
  const views = createViews(now);
  const evidence = createEvidence({ ...options, views, fail });
  const betas = createBetaCheck(now, fail);
  const looks = createLookCheck(fleet, fail);
  const alerts = createAlertCheck(now, fail);
  const punctual = createPunctual({ ...options, fail });
  let violation: string | null = null;
  let lastEvent = 0;
  let lead: Lead = { ...NOBODY, at: 0 };
  let lastHand = new Map<string, number>();

  function fail(what: string): void {
    violation ??= what;
  }

  function expect(holds: boolean, what: () => string): void {
    if (!holds) fail(what());
  }

  function checkNumbers(name: string, state: CanaryState): void {
    const { rollout, intent, observed } = state;
    for (const weight of [rollout?.weight, rollout?.held.weight, intent?.to, observed?.weight]) {
      expect(weight === undefined || (weight >= 0 && weight <= 100), () => `${name}: weight ${weight}`);
    }
  }

  function checkExplained(name: string, save: Save, before: CanaryState | null): void {
    const { state, explanation, events } = save;
    const isChanged =
      before !== null &&
      state !== null &&
      (before.phase !== state.phase || before.rollout?.weight !== state.rollout?.weight);
    if (!isChanged) return;
    expect(
      explanation.because.length > 0,
      () => `${name}: ${before.phase} -> ${state.phase} explains nothing`,
    );
    expect(events.length > 0, () => `${name}: ${before.phase} -> ${state.phase} leaves no event`);
  }

  /** A rollout that failed or was aborted ends once 0 was seen, and a promoted one was worth it. */
  function checkOutcomes(daemon: Daemon, save: Save, before: CanaryState | null): void {
    const { canary: name } = save;
    for (const record of save.rollouts) {
      if (record.outcome === null || (before?.rollout?.id === record.id && before.rollout.outcome !== null))
        continue;
      if (before?.rollout?.id !== record.id) continue;
      count(tally, `rollout ${record.outcome}`);
      count(tally, `judged by ${record.judge}: ${record.outcome}`);
      const truth = options.traffic.truth(name, record.revision);
      const isFresh = save.explanation.at === daemon.clock.now() && daemon.thawedAt === null;
      if (record.outcome === 'Promoted') {
        const isMarked = !isFresh || views.showed(name, now(), (rule) => isPromotion(rule, record.revision));
        expect(isMarked, () => `${name}: ${record.revision} is promoted and nobody saw its mark at 100 %`);
        // Beside a stable revision that somebody let through, a bad one is no worse.
        const isTold = options.traffic.truth(name, record.stable).kind === 'healthy';
        const isAllowed = truth.kind === 'healthy' || record.exemptions.length > 0 || !isTold;
        expect(
          isAllowed,
          () => `${name}: ${record.revision} is ${truth.kind} and was promoted without an exemption`,
        );
      }
      if (record.outcome !== 'RolledBack' && record.outcome !== 'Aborted') continue;
      endedAtZero.set(record.id, record.revision);
      if (record.outcome === 'RolledBack' && !alerts.mayRollBack(name))
        looks.rolledBack(name, record.id, fleet.byHash(save.state?.specHash ?? before.specHash ?? ''));
      if (before.rollout.written && isFresh) {
        const wasZero = views.showed(
          name,
          now(),
          (rule) => rule === null || shareOf(rule, record.revision) === 0,
        );
        expect(wasZero, () => `${name}: ${record.outcome} although nobody saw ${record.revision} at 0`);
      }
    }
  }

  /** A Canary that was forgotten and came back counts its writes outside rollouts anew. */
  function keyOf(name: string, operation: string, content: string | null): string {
    return operation.startsWith(`${name}.`) ? `${operation} ${md5(content ?? '')}` : operation;
  }

  function noteIntent(name: string, intent: Intent | null, saved: boolean): void {
    if (intent === null) return;
    const { operation, direction, to, content } = intent;
    const key = keyOf(name, operation, content);
    if (operations.get(key)?.saved !== true)
      operations.set(key, { direction, to, content, published: 0, saved });
  }

  /** While the store takes nothing, a lowering is carried out from memory. */
  function noteUnsaved(daemon: Daemon, name: string): void {
    const intent = daemon.controller.state(name)?.intent ?? null;
    const isSick = weather.store !== null || weather.isCorrupt;
    if (isSick && intent?.direction === 'lower') noteIntent(name, intent, false);
  }

  return {
    fail,
    violation: () => violation,
    deciding(daemon, save) {
      // What could not be saved before comes again, after what was decided since.
      if (save.explanation.at !== daemon.clock.now()) return;
      punctual.deciding(save);
      const before = daemon.controller.state(save.canary);
      looks.deciding(save, before);
      evidence.deciding(daemon, save, before);
    },
    refused(daemon, save) {
      if (save.explanation.at === daemon.clock.now()) evidence.undo(daemon, save.canary);
    },
    looked(daemon, name, verdicts) {
      const rollout = daemon.controller.state(name)?.rollout ?? null;
      looks.looked(rollout?.id ?? null, verdicts);
      evidence.look(daemon, name, rollout, verdicts);
    },
    decided(daemon, save) {
      const { canary: name, state } = save;
      const before = states.get(name) ?? null;
      expect(daemon.leader.epoch() === lead.epoch || daemon.clock.state() !== 'running', () => {
        return `${name}: ${daemon.name} committed with epoch ${daemon.leader.epoch()}, ${lead.epoch} leads`;
      });
      expect(
        before === null || state === null || isCountedTwice(lead) || state.seq.decision > before.seq.decision,
        () => `${name}: decision ${state?.seq.decision} was saved after decision ${before?.seq.decision}`,
      );
      checkExplained(name, save, before);
      checkOutcomes(daemon, save, before);
      if (state === null) states.delete(name);
      else {
        checkNumbers(name, state);
        const { intent } = state;
        const isNew =
          intent !== null && operations.get(keyOf(name, intent.operation, intent.content))?.saved !== true;
        if (isNew) evidence.checkIntent(daemon, save, before);
        if (isNew) betas.checkIntent(daemon, state);
        if (isNew) alerts.checkIntent(state, before);
        states.set(name, state);
      }
      noteIntent(name, state?.intent ?? null, true);
      evidence.keep(daemon, name);
    },
    committed(events) {
      for (const event of events) {
        const { id, canary, type, message, causedBy } = event;
        expect(id === lastEvent + 1, () => `event ${id} follows event ${lastEvent}`);
        lastEvent = id;
        count(tally, `event ${type}`);
        alerts.committed(event);
        if (type === 'Paused') count(tally, `paused ${event.data?.['pauseReason']}`);
        if (type === 'CommandReceived') open.add(id);
        else if (causedBy !== null) open.delete(causedBy);
        say(`${id} ${canary ?? '-'} ${event.explanation?.phase ?? ''} ${type}: ${message}`);
      }
    },
    claimed(epoch) {
      expect(epoch === lead.epoch + 1, () => `epoch ${epoch} follows epoch ${lead.epoch}`);
      lead = { ...NOBODY, epoch, at: now(), wasShared: lead.isShared };
    },
    leads(daemon, epoch) {
      expect(
        epoch === lead.epoch,
        () => `${daemon.name} leads with epoch ${epoch}, ${lead.epoch} is the newest`,
      );
      if (lead.daemon !== null) lead.isShared = true;
      lead.daemon = daemon;
      evidence.begin(daemon);
      for (const name of fleet.everyName()) {
        const kept = daemon.store.load(name).state;
        const known = states.get(name) ?? null;
        expect(
          JSON.stringify(kept) === JSON.stringify(known),
          () => `${name}: the store lost a committed state`,
        );
        punctual.forget(name);
      }
    },
    publishing(daemon, name, operation, content) {
      noteUnsaved(daemon, name);
      const found = operations.get(keyOf(name, operation, content));
      if (found === undefined) {
        fail(`${name}: ${operation} is published and was never saved`);
        return;
      }
      expect(found.content === content, () => `${name}: ${operation} is published with another text`);
      found.published += 1;
      // A lowering is written until it is read back; a compare that failed makes it blind within one attempt.
      const isOnce = found.direction === 'lower' || found.published === 1;
      expect(isOnce, () => `${name}: the ${found.direction} ${operation} is published again`);
      const isDeposed = daemon.leader.epoch() !== lead.epoch && now() - lead.at > DEPOSED_MS;
      expect(!isDeposed, () => `${name}: ${daemon.name} publishes although epoch ${lead.epoch} leads`);
    },
    landed({ name, operation, before, after }) {
      const text = after === null ? 'deleted' : describe(after);
      say(`${name} document: ${text} by ${operation ?? 'hand'}`);
      if (operation === null) {
        lastHand.set(name, now());
        return;
      }
      const done = operations.get(keyOf(name, operation, after));
      const rule = after === null ? null : parseRule(after);
      if (done === undefined || rule === null || !rule.ok) {
        fail(`${name}: ${operation} landed as something that is no rule of ours`);
        return;
      }
      const old = before === null ? null : parseRule(before);
      const share = shareOf(rule.value, rule.value.canaryVersion);
      const oldShare = old?.ok ? shareOf(old.value, rule.value.canaryVersion) : 0;
      const isGuarded = options.dialect !== 'old' || done.to === 0;
      if (done.direction === 'lower' && isGuarded) {
        expect(
          share <= oldShare,
          () => `${name}: the lowering ${operation} gives ${share} % instead of ${oldShare} %`,
        );
      }
      const { canaryVersion, stableVersion, managedBy } = rule.value;
      const isSplit = canaryVersion !== stableVersion;
      const isOver = isSplit && endedAtZero.get(managedBy?.rolloutId ?? '') === canaryVersion;
      const isHandsOff = now() - (lastHand.get(name) ?? Number.NEGATIVE_INFINITY) > 120_000;
      if (isOver && isHandsOff && options.dialect !== 'old') {
        expect(
          share <= oldShare,
          () => `${name}: ${operation} gives ${share} % to a rollout that went back to 0`,
        );
      }
    },
    seen: views.change,
    askedBeta: betas.told,
    lost() {
      states.clear();
      open.clear();
      punctual.forgetAll();
      lastEvent = 0;
      lead = { ...NOBODY, at: now() };
      evidence.lose();
      alerts.lose();
    },
    state: (name) => states.get(name) ?? null,
    openCommands: () => [...open],
    checkPunctual() {
      punctual.check(lead.daemon, states);
      lastHand = new Map([...lastHand].filter(([, at]) => now() - at < 600_000));
    },
  };
}

function isPromotion(rule: Rule | null, revision: string): boolean {
  const isMarked = rule?.managedBy?.promoted === true && rule.canaryWeight === 100;
  return isMarked && rule.canaryVersion === revision;
}

function describe(content: string): string {
  const rule = parseRule(content);
  if (!rule.ok) return 'unreadable';
  const { canaryVersion, canaryWeight, stableVersion, enabled } = rule.value;
  return `${canaryVersion} ${canaryWeight} % over ${stableVersion}${enabled ? '' : ', disabled'}`;
}

/** Two processes may have counted on from the same decision. */
function isCountedTwice({ isShared, wasShared }: Lead): boolean {
  return isShared || wasShared;
}
