/**
 * A hostile run of the core: a scripted world whose router loses, delays, reorders and lies, and whose daemon dies
 * between deciding, saving, writing and reading back. After every decision an oracle checks the invariants.
 */
import { decide } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import { needs } from '../../src/core/needs.ts';
import {
  type Command,
  NOTHING_SEEN,
  type Observation,
  type PublishReport,
  type RouteReading,
} from '../../src/core/observation.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import { md5 } from '../../src/core/rule.ts';
import { createWorld, EPOCH_MS } from '../../src/core/simulation/world.ts';
import { initialState } from '../../src/core/state.ts';
import type { DecideInput } from '../../src/core/turn.ts';
import type { Metric, Spec, Step } from '../../src/spec/canary.ts';
import type { Scenario, ScenarioChange } from '../../src/spec/scenario.ts';
import { createOracle, type Tally } from './oracle.ts';

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

/** A change of the world, or an edit that the scenario language has no word for. */
export type ChaosChange = ScenarioChange & {
  readonly edit?: {
    readonly steps?: readonly Step[];
    readonly metrics?: readonly Metric[];
    readonly skip?: boolean;
  };
};

export interface ChaosOptions {
  readonly spec: Spec;
  readonly scenario: Scenario;
  readonly changes: readonly ChaosChange[];
  readonly fates: readonly Fate[];
  /** False: reads are runtime reads that may lag, as Nacos v1 has them. */
  readonly authoritative: boolean;
  /** False: a server without compare-and-set (Nacos 2.2.3), where a delayed write overwrites whatever is live. */
  readonly compares: boolean;
  readonly tally: Tally;
  /** Filled with one line per event, to read when a run fails. */
  readonly trace: string[];
}

const CONFIRM_MS = 3_000;
/** Far more than an hour of one-second confirmations. */
const RUNS_LIMIT = 20_000;

export function runChaos(options: ChaosOptions): { state: CanaryState; weight: number } {
  const { scenario, tally } = options;
  const world = createWorld(scenario);
  const pending = [...options.changes].sort((a, b) => a.at - b.at);
  const fates = [...options.fates];
  const oracle = createOracle(tally);
  let delayed: { at: number; write: () => void }[] = [];
  let previous: { text: string | null; until: number } = { text: null, until: 0 };
  let spec = options.spec;
  let file: DecideInput['file'] = 'present';
  let isForgotten = false;
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
      const guard = options.compares ? expect : null;
      delayed.push({
        at: now + fate.delayMs,
        write: () => world.publish(operation, content, guard, now),
      });
      return failed;
    }
    const report = write();
    if (report.result === 'accepted') previous = { text: before, until: now + 1_500 };
    return fate.publish === 'lostAnswer' ? failed : report;
  }

  function think(seen: Observation): { input: DecideInput; decision: Decision } {
    const input: DecideInput = {
      spec,
      file,
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
    oracle.kept();
    isForgotten = decision.forget;
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

  function change(next: ChaosChange): void {
    world.apply(next);
    if (next.edit !== undefined) spec = edited(spec, next.edit);
    if (next.file === 'removed') file = 'gone';
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
    const { requests, beta } = needs(spec, saved, commands, world.wall(now));
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
    while (pending[0] !== undefined && EPOCH_MS + pending[0].at <= at) change(pending.shift() as ChaosChange);
    tick(fates.shift() ?? KIND);
    if (isForgotten) break;
    if (runs === RUNS_LIMIT - 1) throw new Error(`no end: ${saved.phase} ${saved.reason}`);
  }
  if (world.weight() === 100) tally.hundred += 1;
  return { state: saved, weight: world.weight() };
}

function edited(spec: Spec, { steps, metrics, skip }: NonNullable<ChaosChange['edit']>): Spec {
  const { canary } = spec;
  const isSkip = skip ?? canary.analysis.skip;
  const analysis = {
    ...canary.analysis,
    skip: isSkip,
    metrics: isSkip ? [] : (metrics ?? canary.analysis.metrics),
  };
  const strategy = { ...canary.strategy, ...(steps === undefined ? {} : { steps }) };
  return { ...spec, canary: { ...canary, strategy, analysis }, hash: `${spec.hash}+` };
}
