/** Runs the real core through a scripted world in virtual time and writes down what it did. */
import type { Spec } from '../../spec/canary.ts';
import type { Scenario, ScenarioChange } from '../../spec/scenario.ts';
import { decide } from '../decide.ts';
import { needs } from '../needs.ts';
import { type Command, NOTHING_SEEN, type Observation } from '../observation.ts';
import type { CanaryState, Decision, NewEvent } from '../rollout.ts';
import { initialState } from '../state.ts';
import { createWorld, EPOCH_MS, inverseOf, type World } from './world.ts';

/** One committed event, with what was true right after it. */
export interface TimelineRow {
  /** Virtual ms since the start. */
  readonly at: number;
  readonly phase: CanaryState['phase'];
  readonly weight: number;
  readonly event: NewEvent;
}

export interface Simulation {
  readonly timeline: readonly TimelineRow[];
  readonly state: CanaryState;
  readonly weight: number;
}

const CONFIRM_MS = 3_000;
/** Runs a scenario may take: far more than any real one needs, so that a loop without progress ends. */
const RUNS_LIMIT = 200_000;

/** The moments at which the world changes, in order, with the inverse of each change that has a `for`. */
export function moments(scenario: Scenario): ScenarioChange[] {
  return scenario.changes
    .flatMap((change) => (change.for === undefined ? [change] : [change, inverseOf(change, scenario)]))
    .sort((a, b) => a.at - b.at);
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

export function simulate(spec: Spec, scenario: Scenario): Simulation {
  const run = createRun(spec, scenario);
  const pending = moments(scenario);
  const until = EPOCH_MS + scenario.world.until;
  for (let runs = 0; runs < RUNS_LIMIT; runs += 1) {
    const changeAt = pending[0] === undefined ? Number.POSITIVE_INFINITY : EPOCH_MS + pending[0].at;
    const at = Math.min(changeAt, run.dueAt());
    if (at > until) break;
    run.moveTo(at);
    while (pending[0] !== undefined && EPOCH_MS + pending[0].at <= at) {
      const [change] = pending.splice(0, 1);
      if (change !== undefined) run.change(change);
    }
    run.tick();
  }
  return run.result();
}

interface Run {
  dueAt(): number;
  moveTo(at: number): void;
  change(change: ScenarioChange): void;
  tick(): void;
  result(): Simulation;
}

function createRun(first: Spec, scenario: Scenario): Run {
  const world: World = createWorld(scenario);
  const timeline: TimelineRow[] = [];
  let spec = first;
  let file: 'present' | 'gone' = 'present';
  let now = EPOCH_MS;
  let boot = 1;
  let decidedAt: number | null = null;
  let state = initialState(spec, now, 'boot-1');
  let dueAt = now;
  let commands: Command[] = [];
  let commandId = 0;
  let isForgotten = false;

  function moveTo(at: number): void {
    now = Math.max(now, at);
    world.advance(now);
  }

  function think(seen: Observation): Decision {
    const decision = decide({
      spec,
      file,
      state,
      seen: { ...seen, commands, signals: world.signals() },
      now: world.wall(now),
      elapsedMs: decidedAt === null ? null : now - decidedAt,
      controller: 'canary-controller/simulated',
      epoch: boot,
      bootId: `boot-${boot}`,
    });
    state = decision.state;
    decidedAt = now;
    dueAt = decision.nextCheckAt - (world.wall(now) - now);
    commands = commands.filter((command) => !decision.consumed.includes(command.id));
    isForgotten = decision.forget;
    const weight = state.rollout?.outcome === null ? state.rollout.weight : (state.observed?.weight ?? 0);
    for (const event of decision.events)
      timeline.push({ at: now - EPOCH_MS, phase: state.phase, weight, event });
    return decision;
  }

  /** Decides, writes and reads back, as one run of the controller does. */
  function settle(seen: Observation): void {
    let decision = think(seen);
    for (let writes = 0; writes < 5 && decision.publish && state.intent !== null; writes += 1) {
      const { operation, content, expectMd5, direction, to } = state.intent;
      let publish = world.publish(operation, content, expectMd5, now);
      if (publish.result === 'conflict' && direction === 'lower' && to === 0) {
        publish = world.publish(operation, content, null, now);
      }
      let route = world.read(now);
      if (route.kind !== 'unreadable' && publish.result === 'accepted' && !showsIt(world, operation)) {
        moveTo(now + CONFIRM_MS);
        route = world.read(now);
      }
      decision = think({ ...NOTHING_SEEN, publish, route });
    }
  }

  return {
    dueAt: () => (isForgotten ? Number.POSITIVE_INFINITY : Math.max(dueAt, now)),
    moveTo,
    change(change) {
      world.apply(change);
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
        at: world.wall(now),
        verb: change.command,
        actor: 'operator',
        reason: change.reason ?? '',
        force: change.force ?? false,
        full: change.full ?? false,
        revision: change.revision ?? null,
        restart: change.restart ?? false,
      });
    },
    tick() {
      if (isForgotten) return;
      if (commands.length > 0) settle(NOTHING_SEEN);
      const { requests, beta } = needs(spec.canary, state, commands, world.wall(now));
      settle({
        ...NOTHING_SEEN,
        measurements: requests.map((request) => world.measure(request, now)),
        beta: beta ? 'none' : null,
        route: world.read(now),
      });
    },
    result: () => ({ timeline, state, weight: world.weight() }),
  };
}

function showsIt(world: World, operation: string): boolean {
  return world.document()?.includes(JSON.stringify(operation)) ?? false;
}
