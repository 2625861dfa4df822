/** The next run of the core, a second later, for a file that was edited meanwhile. */
import { decide } from '../../src/core/decide.ts';
import type { Decision } from '../../src/core/decision.ts';
import { NOTHING_SEEN } from '../../src/core/observation.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import type { Spec } from '../../src/spec/canary.ts';

export function decideEdited(state: CanaryState, spec: Spec): Decision {
  return decide({
    spec: { ...spec, hash: 'edited' },
    file: 'present',
    state,
    seen: NOTHING_SEEN,
    now: state.decidedAt + 1000,
    elapsedMs: 1000,
    controller: 'canary-controller/11111111',
    epoch: 1,
    bootId: state.bootId,
  });
}
