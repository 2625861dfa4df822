/** `canary approve NAME`: the yes of a person, which a pipeline that runs again gives again. */
import type { CanaryView } from '../../view/schemas.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { giveCommand } from './verbs.ts';
import { look, promotedOrNot } from './wait.ts';

export interface ApproveFlags {
  readonly reason: string;
  readonly revision?: string;
}

/**
 * Without a revision it approves whatever is under way. With one, only its newest rollout: it may be approved or
 * promoted already, and one that ended otherwise, or waits for something before its gate, is an error as in `wait`.
 */
export async function approve(
  context: Context,
  name: string,
  { reason, revision }: ApproveFlags,
): Promise<ExitCode> {
  if (revision === undefined) return giveCommand(context, 'approve', name, { reason });
  const found = await look(context, name, revision, null);
  if (!found.ok) return context.fail(found.error);
  const { canary, rollout } = found.value;
  if (rollout === null) {
    const hint = `\`canary wait ${name} --revision ${revision} --for Paused\` waits until there is one to approve`;
    return context.refuse(EXIT.failed, `there is no rollout of ${revision}`, hint);
  }
  if (rollout.outcome !== null) return promotedOrNot(context, found.value);
  return giveCommand(context, 'approve', name, { reason }, hasComeToItsGate(canary));
}

/** True: when there is nothing to approve, that is because it has been approved. */
function hasComeToItsGate({ step, steps, pauses }: CanaryView): boolean {
  const gates = steps.filter(({ approval }) => approval).map(({ index }) => index);
  const last = gates.at(-1);
  if (step === null || last === undefined || pauses.some(({ reason }) => reason === 'Failed')) return false;
  return gates.includes(step.index) || last < step.index;
}
