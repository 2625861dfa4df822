/** A desk with its declaration, and what a command is told on it. */
import { objection } from '../../src/core/admit.ts';
import type { CommandVerb } from '../../src/core/observation.ts';
import type { Spec } from '../../src/spec/canary.ts';
import type { CanaryParts } from '../support/a-canary.ts';
import { createDesk, type Desk, quickSpec } from './desk.ts';

export const twoSteps = (approval: boolean) => [
  { weight: 5, bakeMs: 60_000, approval },
  { weight: 100, bakeMs: 60_000, approval: false },
];

/** What `verb` is told; 'taken' when it is of use. */
export function answer(
  desk: Desk,
  spec: Spec,
  verb: CommandVerb,
  over: Parameters<typeof ask>[1] = {},
): string {
  const against = objection(spec, desk.state(), ask(verb, over), over.hasFile ?? true);
  if (against === null) return 'taken';
  return 'already' in against ? against.already : against.code;
}
export function ask(
  verb: CommandVerb,
  over: { revision?: string; restart?: boolean; force?: boolean; hasFile?: boolean },
) {
  const { revision = null, restart = false, force = false } = over;
  return { verb, revision, restart, force, full: false };
}

export function deskWith(parts: CanaryParts = {}): { desk: Desk; spec: Spec } {
  const spec = quickSpec(parts);
  return { desk: createDesk(spec), spec };
}
