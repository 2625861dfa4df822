/**
 * One Canary on a desk: decides by hand, run by run, with a document that a test may read, lose or rewrite. What a
 * decision publishes lands at once and is read back, unless the test says otherwise.
 */
import { decide } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import {
  type Command,
  type Measurement,
  NOTHING_SEEN,
  type Observation,
  type PublishReport,
  type Reading,
  type RouteReading,
  type Rule,
} from '../../src/core/observation.ts';
import type { CanaryState, RolloutState } from '../../src/core/rollout.ts';
import { md5, parseRule } from '../../src/core/rule.ts';
import { initialState } from '../../src/core/state.ts';
import type { DecideInput } from '../../src/core/turn.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { aMetric, aSpec, type CanaryParts, steps } from '../support/a-canary.ts';

export const T0 = Date.UTC(2026, 0, 1);
export const CONTROLLER = 'canary-controller/11111111';
export const INTERVAL = 30_000;

/** Three clean looks leave a step: no settle time, windows of one interval, short bakes. */
export function quickSpec(parts: CanaryParts = {}): Spec {
  const { strategy, analysis, ...rest } = parts;
  return aSpec({
    settleMs: 0,
    ...rest,
    strategy: { steps: steps(5, 25, 100).map((step) => ({ ...step, bakeMs: 60_000 })), ...strategy },
    analysis: { metrics: [quickMetric()], ...analysis },
  });
}

export const quickMetric = (over: Parameters<typeof aMetric>[0] = {}) =>
  aMetric({ windowMs: INTERVAL, ...over });

export type Look = 'pass' | 'fail' | 'noData' | 'empty' | 'error' | 'structural' | 'guard';

const READINGS: Readonly<Record<Look, Reading>> = {
  pass: { kind: 'value', value: 0, requests: 100 },
  fail: { kind: 'value', value: 0.1, requests: 100 },
  guard: { kind: 'value', value: 0.9, requests: 100 },
  noData: { kind: 'noData', why: 'nan', detail: 'no requests' },
  empty: { kind: 'noData', why: 'empty', detail: 'no series' },
  error: { kind: 'error', structural: false, code: 'PROM_CONNECT', detail: 'refused' },
  structural: { kind: 'error', structural: true, code: 'PROM_BAD_QUERY', detail: 'bad query' },
};
const STABLE: Reading = { kind: 'value', value: 0, requests: 1000 };

export interface TickOptions {
  /** Time since the run before, both clocks. */
  readonly after?: number;
  readonly looks?: Look | Readonly<Record<string, Look>>;
  readonly measurements?: readonly Measurement[];
  readonly skewMs?: number;
  readonly stable?: Reading;
  readonly commands?: readonly Partial<Command>[];
  readonly signals?: Observation['signals'];
  readonly beta?: Observation['beta'];
  /** Instead of reading the desk's document. */
  readonly route?: RouteReading;
  readonly publish?: PublishReport;
  readonly file?: DecideInput['file'];
  /** False: what is published is lost. */
  readonly lands?: boolean;
  /** Added to the wall clock only. */
  readonly jump?: number;
  /** Why nothing can be saved. */
  readonly unsavable?: string;
}

export interface Desk {
  state(): CanaryState;
  rollout(): RolloutState;
  /** The live rule. */
  rule(): Rule;
  document(): string | null;
  now(): number;
  setDocument(content: string | null): void;
  /** Rewrites parts of the live document, as a person in the Nacos console does. */
  edit(over: {
    readonly canaryWeight?: number;
    readonly canaryVersion?: string;
    readonly stableVersion?: string;
    readonly enabled?: boolean;
    readonly controller?: string;
    readonly promoted?: boolean;
    readonly other?: string;
  }): void;
  respec(parts: CanaryParts): void;
  restart(): void;
  tick(options?: TickOptions): Decision;
  /** One look an interval later. */
  look(looks: Look | Readonly<Record<string, Look>>, options?: TickOptions): Decision;
  command(command: Partial<Command>, options?: TickOptions): Decision;
  /** Healthy looks until `weight` is read back. */
  reach(weight: number): void;
  /** All events so far, "Type: message". */
  log(): string[];
  types(): string[];
}

let commandId = 0;

/** The first run is made at once; `lands: false` loses the first raise that it may write. */
export function createDesk(first: Spec = quickSpec(), options: TickOptions = {}): Desk {
  let spec = first;
  let state = initialState(spec, T0, 'boot-1');
  let content: string | null = null;
  let wall = T0;
  let boot = 1;
  let isFirst = true;
  const events: { type: string; message: string }[] = [];

  function read(): RouteReading {
    if (content === null) return { kind: 'absent', at: wall, authoritative: true };
    return { kind: 'document', at: wall, content, md5: md5(content), authoritative: true };
  }

  function measure(options: TickOptions): Measurement[] {
    const { looks, skewMs = 0 } = options;
    if (looks === undefined) return [];
    return spec.canary.analysis.metrics.flatMap(({ name }) => {
      const look = typeof looks === 'string' ? looks : (looks[name] ?? 'pass');
      const one = (arm: string, reading: Reading): Measurement => ({
        id: `${name}/${arm}`,
        at: wall,
        reading,
        query: 'query',
        skewMs,
      });
      return [one('canary', READINGS[look]), one('stable', options.stable ?? STABLE)];
    });
  }

  function think(options: TickOptions, seen: Partial<Observation>, elapsedMs: number): Decision {
    const decision = decide({
      spec,
      file: options.file ?? 'present',
      state,
      seen: { ...NOTHING_SEEN, ...seen },
      now: wall,
      elapsedMs: isFirst ? null : elapsedMs,
      controller: CONTROLLER,
      epoch: 1,
      bootId: `boot-${boot}`,
      ...(options.unsavable === undefined ? {} : { unsavable: options.unsavable }),
    });
    isFirst = false;
    state = decision.state;
    events.push(...decision.events);
    return decision;
  }

  function tick(options: TickOptions = {}): Decision {
    const after = options.after ?? 0;
    wall += after + (options.jump ?? 0);
    const commands = (options.commands ?? []).map(fill);
    const seen: Partial<Observation> = {
      route: options.route ?? read(),
      measurements: options.measurements ?? measure(options),
      beta: options.beta ?? 'none',
      signals: options.signals ?? [],
      publish: options.publish ?? null,
      commands,
    };
    const decision = think(options, seen, after);
    let last = decision;
    for (let writes = 0; writes < 5 && last.publish && state.intent !== null; writes += 1) {
      if (options.lands === false) break;
      content = state.intent.content;
      last = think(options, { route: read(), signals: seen.signals ?? [] }, 0);
    }
    return decision;
  }

  function fill(part: Partial<Command>): Command {
    commandId += 1;
    return {
      id: commandId,
      at: wall,
      verb: 'pause',
      actor: 'ann',
      reason: '',
      force: false,
      full: false,
      revision: null,
      restart: false,
      ...part,
    };
  }

  const desk: Desk = {
    state: () => state,
    rollout: () => state.rollout as RolloutState,
    rule() {
      const parsed = parseRule(content ?? '');
      if (!parsed.ok) throw new Error(parsed.error);
      return parsed.value;
    },
    document: () => content,
    now: () => wall,
    setDocument(next) {
      content = next;
    },
    edit(over) {
      const { enabled, controller, promoted, other, ...condition } = over;
      const document = JSON.parse(content ?? '{}');
      Object.assign(document.rules[0].condition, condition);
      if (enabled !== undefined) document.enabled = enabled;
      if (controller !== undefined) document.managedBy.controller = controller;
      if (promoted !== undefined) document.managedBy.promoted = promoted;
      if (other !== undefined) document.other = other;
      content = JSON.stringify(document);
    },
    respec(parts) {
      spec = { ...quickSpec(parts), hash: JSON.stringify(parts) };
    },
    restart() {
      boot += 1;
      isFirst = true;
    },
    tick,
    look: (looks, options = {}) => tick({ after: INTERVAL, looks, ...options }),
    command: (command, options = {}) => tick({ ...options, commands: [command] }),
    reach(weight) {
      for (let looks = 0; looks < 40; looks += 1) {
        if (state.rollout?.held.weight === weight && state.intent === null) return;
        desk.look('pass');
      }
      throw new Error(`weight ${weight} is not reached: ${state.phase} ${state.reason}`);
    },
    log: () => events.map(({ type, message }) => `${type}: ${message}`),
    types: () => events.map(({ type }) => type),
  };
  desk.tick(options);
  return desk;
}

/** A document as the founding article or an earlier controller left it. */
export function aDocument(over: Partial<Rule> = {}): string {
  const { canaryVersion = 'v2', canaryWeight = 0, stableVersion = 'v1', enabled = true, managedBy } = over;
  return JSON.stringify({
    serviceName: 'shop',
    rules: [{ type: 'weight', condition: { canaryVersion, canaryWeight, stableVersion } }],
    enabled,
    lastModified: '2026-01-01T00:00:00Z',
    ...(managedBy === undefined ? {} : { managedBy }),
  });
}

export const OURS: NonNullable<Rule['managedBy']> = {
  controller: CONTROLLER,
  rolloutId: 'shop-9-11111111',
  step: 0,
  operation: 'old',
  epoch: 1,
  promoted: false,
};

export const unreadable: RouteReading = {
  kind: 'unreadable',
  at: T0,
  code: 'NACOS_TIMEOUT',
  detail: 'Nacos does not answer',
};
