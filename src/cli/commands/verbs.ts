/** `pause`, `resume`, `approve`, `promote`, `abort`, `retry`, `undo`, `forget` and `start`: what changes something. */
import { sleep } from '../../lib/clock.ts';
import type { Verb } from '../../view/requests.ts';
import { CanaryView, CommandAnswer, type EventView, StartAnswer } from '../../view/schemas.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { fetchEvents } from './events.ts';
import { canaryPath } from './get.ts';
import { waitForPromotion } from './wait.ts';

const POLL_MS = 200;
/** How often it is asked what became of a command before it is left to itself. */
const POLLS = 25;

export interface VerbOptions {
  readonly reason: string;
  readonly force?: boolean;
  readonly full?: boolean;
}

/**
 * Gives the command and waits a moment for what becomes of it: a command can also be refused when it is taken.
 * `isDone`: a refusal because there is nothing to do is a success.
 */
export async function giveCommand(
  context: Context,
  verb: Verb,
  name: string,
  { reason, force = false, full = false }: VerbOptions,
  isDone = false,
): Promise<ExitCode> {
  const flags = { ...(force ? { force } : {}), ...(full ? { full } : {}) };
  const answer = await context.client.post(
    `${canaryPath(name)}/${verb}`,
    { reason, ...flags },
    CommandAnswer,
  );
  if (!answer.ok) {
    const problem = answer.error.kind === 'problem' ? answer.error.problem : null;
    if (!isDone || problem?.code !== 'NOT_APPLICABLE') return context.fail(answer.error);
    context.talk(`${name}: ${problem.detail}`);
    return EXIT.ok;
  }
  const { eventId, rolloutId } = answer.value;
  const outcome = await outcomeOf(context, name, eventId);
  if (outcome?.type === 'CommandRefused') return context.refuse(EXIT.failed, outcome.message);
  context.print(answer.value, () => (rolloutId === undefined ? `event ${eventId}` : `rollout ${rolloutId}`));
  context.talk(outcome?.message ?? `taken; \`canary get ${name}\` shows what becomes of it`);
  if (outcome !== null) await tellWeight(context, name);
  return EXIT.ok;
}

/** Going back is decided at once, and done only when weight 0 was read back. */
async function tellWeight(context: Context, name: string): Promise<void> {
  const answer = await context.client.get(canaryPath(name), CanaryView);
  if (!answer.ok || answer.value.phase !== 'RollingBack') return;
  const { weight } = answer.value;
  if (weight.observed === weight.desired) return;
  const live = weight.observed === null ? 'what is live is not known' : `${weight.observed} % is still live`;
  context.talk(`weight ${weight.desired} is being written, ${live}; \`canary get ${name} -w\` follows it`);
}

async function outcomeOf(context: Context, name: string, eventId: number): Promise<EventView | null> {
  for (let poll = 0; poll < POLLS; poll += 1) {
    const answer = await fetchEvents(context, { canary: name, after: String(eventId) });
    const outcome = answer.ok ? answer.value.items.find(({ causedBy }) => causedBy === eventId) : undefined;
    if (outcome !== undefined) return outcome;
    await sleep(context.io.clock, POLL_MS);
  }
  return null;
}

export interface StartOptions {
  readonly revision: string;
  readonly restart: boolean;
  readonly force: boolean;
  readonly reason: string;
  /** How long to wait until the rollout is promoted; null: the command ends once it is under way. */
  readonly waitMs: number | null;
}

/** With a wait, standard output holds the rollout as it ended, and nothing else. */
export async function start(
  context: Context,
  name: string,
  { revision, restart, force, reason, waitMs }: StartOptions,
): Promise<ExitCode> {
  const body = {
    service_name: name,
    canary: name,
    canary_version: revision,
    reason,
    ...(restart ? { restart } : {}),
    ...(force ? { force } : {}),
  };
  const answer = await context.client.post('/api/v1/canary/start', body, StartAnswer);
  if (!answer.ok) return context.fail(answer.error);
  const { status, rolloutId } = answer.value;
  if (waitMs !== null && rolloutId !== null) {
    context.talk(`${name}: ${status}, rollout ${rolloutId}`);
    return waitForPromotion(context, name, rolloutId, waitMs);
  }
  context.print(answer.value, () => (rolloutId === null ? `${revision} is live` : `rollout ${rolloutId}`));
  context.talk(`${name}: ${status}`);
  return EXIT.ok;
}
