/** Runs the real core through a scripted world in virtual time and writes down what it did. */
import type { Spec } from '../../spec/canary.ts';
import type { Scenario, ScenarioChange } from '../../spec/scenario.ts';
import { createRun, type Simulation } from './run.ts';
import { createWorld, EPOCH_MS, inverseOf } from './world.ts';

/** Runs a scenario may take: far more than any real one needs, so that a loop without progress ends. */
const RUNS_LIMIT = 200_000;

/** The moments at which the world changes, in order, with the inverse of each change that has a `for`. */
export function moments(scenario: Scenario): ScenarioChange[] {
  return scenario.changes
    .flatMap((change) => (change.for === undefined ? [change] : [change, inverseOf(change, scenario)]))
    .sort((a, b) => a.at - b.at);
}

export function simulate(spec: Spec, scenario: Scenario): Simulation {
  const world = createWorld(scenario, spec.canary.strategy.ready?.min);
  const run = createRun(spec, world, EPOCH_MS);
  const pending = moments(scenario);
  const until = EPOCH_MS + scenario.world.until;
  for (let runs = 0; runs < RUNS_LIMIT; runs += 1) {
    const changeAt = pending[0] === undefined ? Number.POSITIVE_INFINITY : EPOCH_MS + pending[0].at;
    const at = Math.min(changeAt, run.dueAt());
    if (at > until) break;
    run.moveTo(at);
    while (pending[0] !== undefined && EPOCH_MS + pending[0].at <= at) {
      const [change] = pending.splice(0, 1);
      if (change === undefined) continue;
      world.apply(change);
      run.change(change);
    }
    run.obey();
    run.tick(run.requests().map((request) => world.measure(request, world.now())));
  }
  return run.result();
}
