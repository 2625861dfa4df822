/** Where commands of people and CI arrive: refused at once where they have no use, else recorded and handed to the loop. */
import { objection } from '../core/admit.ts';
import type { Decision } from '../core/decision.ts';
import type { NewEvent } from '../core/events.ts';
import type { Command } from '../core/observation.ts';
import type { Clock } from '../lib/clock.ts';
import { type NewCommand, type Store, StoreError } from '../store/store.ts';
import type { Accepted, Refusal } from './controls.ts';
import type { Entry } from './memory.ts';
import { notRecorded, standby } from './refusals.ts';

export interface CommandDesk {
  submit(command: NewCommand): Promise<Accepted | Refusal>;
  /** A decision came into force: whoever waits for the commands that it took is answered. */
  decided(decision: Decision): void;
  /** Nothing is taken any more (shutdown, leadership lost): whoever waits is answered with what is known. */
  release(): void;
}

export interface CommandDeskOptions {
  readonly store: Pick<Store, 'addCommand'>;
  readonly clock: Clock;
  readonly find: (name: string) => Entry | null;
  readonly isLeading: () => boolean;
  readonly enqueue: (name: string) => void;
}

/** Longest wait of `start` and `retry` for the loop; the command is recorded and is taken later all the same. */
const TAKEN_WITHIN_MS = 10_000;

/** What became of a command: taken (with the events of that decision), or not yet. */
type Outcome = { readonly kind: 'taken'; readonly events: readonly NewEvent[] } | { readonly kind: 'open' };

export function createCommandDesk(options: CommandDeskOptions): CommandDesk {
  const { store, clock, find, isLeading, enqueue } = options;
  const waiting = new Map<number, (outcome: Outcome) => void>();

  async function submit(command: NewCommand): Promise<Accepted | Refusal> {
    const entry = find(command.canary);
    if (entry === null) {
      const detail = `there is no canary ${command.canary}`;
      return { status: 404, code: 'NOT_FOUND', detail, hint: '`canary list` shows what there is' };
    }
    if (!isLeading()) return standby();
    if (entry.state === null) return notLookedAt(entry.name);
    const against = objection(entry.spec, entry.state, command, entry.file === 'present');
    if (against !== null && 'already' in against) {
      // Nothing to do is nothing to write down: a pipeline may ask this every second for hours.
      return { rolloutId: against.rolloutId, changed: false };
    }
    if (against !== null) return { status: 409, ...against };
    try {
      const id = record(entry, command);
      if (command.verb !== 'start' && command.verb !== 'retry') {
        return { eventId: id, rolloutId: null, changed: true };
      }
      return answerOf(entry, id, await taken(id));
    } catch (error) {
      if (error instanceof StoreError) return notRecorded('the command', error);
      throw error;
    }
  }

  function record(entry: Entry, command: NewCommand): number {
    const at = clock.now();
    const id = store.addCommand(command, at);
    const { verb, actor, reason, force, full, revision, restart } = command;
    const pending: Command = { id, at, verb, actor, reason, force, full, revision, restart };
    entry.commands = [...entry.commands, pending];
    entry.interrupt();
    enqueue(entry.name);
    return id;
  }

  function taken(id: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const cancel = clock.after(TAKEN_WITHIN_MS, () => answer({ kind: 'open' }));
      const answer = (outcome: Outcome) => {
        cancel();
        waiting.delete(id);
        resolve(outcome);
      };
      waiting.set(id, answer);
    });
  }

  return {
    submit,
    decided({ consumed, events }) {
      for (const id of consumed) waiting.get(id)?.({ kind: 'taken', events });
    },
    release() {
      for (const answer of [...waiting.values()]) answer({ kind: 'open' });
    },
  };
}

/** The first look comes at once; whoever asks before it, as at a start of the daemon, may ask again. */
function notLookedAt(name: string): Refusal {
  const detail = `${name} was not looked at yet`;
  return { status: 503, code: 'NOT_READY', detail, hint: 'try again in a second' };
}

/** The loop may still have refused it: the world can change between arrival and decision. */
function answerOf(entry: Entry, id: number, outcome: Outcome): Accepted | Refusal {
  if (outcome.kind === 'open') return notTaken(id);
  const refused = outcome.events.find(({ type, causedBy }) => type === 'CommandRefused' && causedBy === id);
  if (refused !== undefined) {
    const code = String(refused.data?.['code'] ?? 'NOT_APPLICABLE');
    return { status: 409, code, detail: refused.message, hint: '`canary explain` shows where it stands' };
  }
  // When another rollout is on its way to 0 first, the id that this one will have.
  const rolloutId = entry.state?.reserved?.rolloutId ?? entry.state?.rollout?.id ?? null;
  return { eventId: id, rolloutId, changed: true };
}

function notTaken(id: number): Refusal {
  const detail = `the command is recorded as event ${id} but was not taken yet`;
  return { status: 503, code: 'NOT_YET', detail, hint: 'it will be; `canary events` shows when' };
}
