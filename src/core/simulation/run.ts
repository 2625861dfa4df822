/** One Canary under the real core, in surroundings that somebody else plays: looks, decides, writes and reads back. */
import type { Spec } from '../../spec/canary.ts';
import type { ScenarioChange } from '../../spec/scenario.ts';
import { decide } from '../decide.ts';
import type { Decision, Explanation } from '../decision.ts';
import type { NewEvent } from '../events.ts';
import { needs } from '../needs.ts';
import {
  type Command,
  type Measurement,
  type MeasureRequest,
  NOTHING_SEEN,
  type Observation,
  type PublishReport,
  type RouteReading,
  type Signal,
} from '../observation.ts';
import type { CanaryState } from '../rollout.ts';
import { initialState } from '../state.ts';

/** The rule document and the time around a run. All times are monotonic, ms. */
export interface Surroundings {
  /** Time goes on to `at`. */
  advance(at: number): void;
  /** Wall time of a monotonic time, Unix ms. */
  wall(at: number): number;
  read(at: number): RouteReading;
  publish(operation: string, content: string, expectMd5: string | 'absent' | null, at: number): PublishReport;
  signals(): readonly Signal[];
  /** The live text, or null. */
  document(): string | null;
  /** Percent that the gateways give to the document's canary version now. */
  weight(): number;
}

/** One event, with what was true right after it. */
export interface TimelineRow {
  /** Ms since the start. */
  readonly at: number;
  readonly phase: CanaryState['phase'];
  /** Index of the step that was wanted; -1 before the first one. */
  readonly step: number;
  readonly weight: number;
  /** What was decided when it happened. */
  readonly action: Explanation['action'];
  readonly event: NewEvent;
}

export interface Simulation {
  readonly timeline: readonly TimelineRow[];
  readonly state: CanaryState;
  readonly weight: number;
  /** Of the last decision; null before the first one. */
  readonly explanation: Explanation | null;
}

export interface Run {
  /** When something is to be done next; Infinity once the Canary is forgotten. */
  dueAt(): number;
  moveTo(at: number): void;
  /** What a change does to the file and the daemon, and the command that it gives. */
  change(change: ScenarioChange): void;
  /** Takes the commands that were given. What `requests` says afterwards takes them into account. */
  obey(): void;
  /** What a tick now has to ask for. */
  requests(): readonly MeasureRequest[];
  /** One run of the controller, with the answers to `requests`. */
  tick(measurements: readonly Measurement[]): void;
  state(): CanaryState;
  result(): Simulation;
}

const CONFIRM_MS = 3_000;
/** Writes in one tick: more than any chain of decisions takes. */
const MOST_WRITES = 5;

/** @param start monotonic time at which the daemon begins */
export function createRun(first: Spec, surroundings: Surroundings, start: number): Run {
  const timeline: TimelineRow[] = [];
  let spec = first;
  let file: 'present' | 'gone' = 'present';
  let now = start;
  let boot = 1;
  let decidedAt: number | null = null;
  let state = initialState(spec, surroundings.wall(now), 'boot-1');
  let dueAt = now;
  let commands: Command[] = [];
  let commandId = 0;
  let isForgotten = false;
  let beta: Observation['beta'] = null;
  let explanation: Explanation | null = null;

  function moveTo(at: number): void {
    now = Math.max(now, at);
    surroundings.advance(now);
  }

  function think(seen: Observation): Decision {
    const wall = surroundings.wall(now);
    const decision = decide({
      spec,
      file,
      state,
      seen: { ...seen, commands, signals: surroundings.signals() },
      now: wall,
      elapsedMs: decidedAt === null ? null : now - decidedAt,
      controller: 'canary-controller/simulated',
      epoch: boot,
      bootId: `boot-${boot}`,
    });
    ({ state, explanation } = decision);
    decidedAt = now;
    dueAt = decision.nextCheckAt - (wall - now);
    commands = commands.filter((command) => !decision.consumed.includes(command.id));
    isForgotten = decision.forget;
    const { rollout } = state;
    const weight = rollout?.outcome === null ? rollout.weight : (state.observed?.weight ?? 0);
    for (const event of decision.events) {
      const { action } = decision.explanation;
      const step = rollout?.stepIndex ?? -1;
      timeline.push({ at: now - start, phase: state.phase, step, weight, action, event });
    }
    return decision;
  }

  /** Decides, writes and reads back, as one run of the controller does. */
  function settle(seen: Observation): void {
    let decision = think(seen);
    for (let writes = 0; writes < MOST_WRITES && decision.publish && state.intent !== null; writes += 1) {
      const { operation, content, expectMd5, direction, to } = state.intent;
      let publish = surroundings.publish(operation, content, expectMd5, now);
      if (publish.result === 'conflict' && direction === 'lower' && to === 0) {
        publish = surroundings.publish(operation, content, null, now);
      }
      let route = surroundings.read(now);
      const isShown = surroundings.document()?.includes(JSON.stringify(operation)) ?? false;
      if (route.kind !== 'unreadable' && publish.result === 'accepted' && !isShown) {
        moveTo(now + CONFIRM_MS);
        route = surroundings.read(now);
      }
      decision = think({ ...NOTHING_SEEN, publish, route });
    }
  }

  return {
    dueAt: () => (isForgotten ? Number.POSITIVE_INFINITY : Math.max(dueAt, now)),
    moveTo,
    change(change) {
      spec = editedSpec(spec, change);
      if (change.file === 'removed') file = 'gone';
      if (change.daemon === 'restart') {
        boot += 1;
        decidedAt = null;
      }
      if (change.command === undefined) return;
      commandId += 1;
      commands.push({
        id: commandId,
        at: surroundings.wall(now),
        verb: change.command,
        actor: 'operator',
        reason: change.reason ?? '',
        force: change.force ?? false,
        full: change.full ?? false,
        revision: change.revision ?? null,
        restart: change.restart ?? false,
      });
    },
    obey() {
      if (!isForgotten && commands.length > 0) settle(NOTHING_SEEN);
    },
    requests() {
      if (isForgotten) return [];
      const wanted = needs(spec, state, commands, surroundings.wall(now));
      beta = wanted.beta ? 'none' : null;
      return wanted.requests;
    },
    tick(measurements) {
      if (!isForgotten) settle({ ...NOTHING_SEEN, measurements, beta, route: surroundings.read(now) });
    },
    state: () => state,
    result: () => ({ timeline, state, weight: surroundings.weight(), explanation }),
  };
}

/** The declaration after what a change does to the file. */
export function editedSpec(spec: Spec, change: ScenarioChange): Spec {
  const { revision, suspend } = change;
  const isEdit = (revision !== undefined && change.command === undefined) || suspend !== undefined;
  if (!isEdit) return spec;
  const canary = {
    ...spec.canary,
    ...(revision !== undefined && change.command === undefined ? { revision } : {}),
    ...(suspend === undefined ? {} : { suspend }),
  };
  return { ...spec, canary, hash: `${spec.hash}'` };
}
