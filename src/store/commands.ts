/** A command in its three forms: as asked, as it waits, and as the log keeps it. */

import type { NewEvent } from '../core/events.ts';
import type { Command } from '../core/observation.ts';
import type { NewCommand } from './store.ts';

/** The event that records it; its number becomes the command's id. */
export function receiptOf(command: NewCommand): NewEvent {
  const { verb, actor, source, from, reason, force, full, revision, restart } = command;
  return {
    type: 'CommandReceived',
    message: reason === '' ? `${verb} by ${actor}` : `${verb} by ${actor}: ${reason}`,
    rolloutId: null,
    causedBy: null,
    actor,
    data: { verb, source, ...from, reason, force, full, revision, restart },
  };
}

export function commandOf(command: NewCommand, id: number, at: number): Command {
  const { verb, actor, reason, force, full, revision, restart } = command;
  return { id, at, verb, actor, reason, force, full, revision, restart };
}

/** The answer to a command whose canary was forgotten while it waited: nobody else would ever answer it. */
export function refusalOf(command: Command): NewEvent {
  return {
    type: 'CommandRefused',
    message: `${command.verb} came too late: the canary was forgotten before it was taken`,
    rolloutId: null,
    causedBy: command.id,
    actor: command.actor,
  };
}
