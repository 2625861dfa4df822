/** `apply` and `commit` as `reconcile` knows them, except that the process kills itself at the boundary it was given. */
import { writeSync } from 'node:fs';
import { type Applied, apply as realApply } from '../../src/controller/apply.ts';
import { commit as realCommit } from '../../src/controller/commit.ts';
import type { Decision } from '../../src/core/decision.ts';
import type { Intent } from '../../src/core/rollout.ts';
import { parseRule } from '../../src/core/rule.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import { type Boundary, DEATH_VARIABLE, type Death, DYING } from './boundary.ts';

const death: Death = JSON.parse(process.env[DEATH_VARIABLE] ?? '{}');

/** The signal is delivered before the call returns: nothing runs after it, or not before SIGCONT. */
function dieAt(boundary: Boundary, purpose: unknown, to: unknown): void {
  if (boundary !== death.boundary || purpose !== death.purpose || to !== death.to) return;
  writeSync(2, `${JSON.stringify({ msg: DYING, ...death })}\n`);
  process.kill(process.pid, death.signal ?? 'SIGKILL');
}

export async function commit(
  ...[deps, entry, wanted, decidedAt, decideUnsaved]: Parameters<typeof realCommit>
): Promise<Decision> {
  const intent = wanted.publish ? wanted.state.intent : null;
  const readBack = wanted.events.find(({ type }) => type === 'WeightVerified')?.data;
  dieAt('before the intent is committed', intent?.purpose, intent?.to);
  dieAt('before what was read back is committed', readBack?.['purpose'], readBack?.['weight']);
  const decision = await realCommit(deps, entry, wanted, decidedAt, decideUnsaved);
  dieAt('after the intent is committed', intent?.purpose, intent?.to);
  dieAt('after what was read back is committed', readBack?.['purpose'], readBack?.['weight']);
  return decision;
}

export function apply(
  ...[deps, state, intent, ends, mayWrite]: Parameters<typeof realApply>
): Promise<Applied> {
  return realApply({ ...deps, router: watched(deps.router, intent) }, state, intent, ends, mayWrite);
}

function watched(router: TrafficRouter, { purpose, to, operation }: Intent): TrafficRouter {
  return {
    ...router,
    async publish(...request) {
      dieAt('before the publish', purpose, to);
      const report = await router.publish(...request);
      if (report.result === 'accepted') dieAt('after the publish', purpose, to);
      return report;
    },
    async read(...request) {
      dieAt('before the read-back', purpose, to);
      const route = await router.read(...request);
      const rule = route.kind === 'document' ? parseRule(route.content) : null;
      if (rule?.ok && rule.value.managedBy?.operation === operation)
        dieAt('after the read-back', purpose, to);
      return route;
    },
  };
}
