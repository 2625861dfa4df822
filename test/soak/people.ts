/** The people on call: they see on `/metrics` who waits for a person, and send it on. */
import { setTimeout as wait } from 'node:timers/promises';
import type { CanaryView } from '../../src/view/schemas.ts';
import { count } from '../simulation/weather.ts';
import type { World } from './world.ts';

/** Pauses that end by themselves. */
const HEALING = ['Errors', 'NoData', 'BadQuery'];
const ANSWER_MS = 10_000;

export interface People {
  /** Events of commands that were taken, each of which must be answered by another event. */
  readonly commands: readonly number[];
  /** They go home; resolves when the last of them has. */
  end(): Promise<void>;
}

export function callPeople({ daemons, tally }: World, everyMs: number): People {
  const commands: number[] = [];
  const over = new AbortController();

  async function ask(path: string, verb?: string): Promise<Response | null> {
    const url = `${daemons.leader()?.url ?? ''}${path}`;
    const signal = AbortSignal.timeout(ANSWER_MS);
    if (verb === undefined) return fetch(url, { signal }).catch(() => null);
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ reason: 'looked into it' });
    return fetch(`${url}/${verb}`, { method: 'POST', headers, body, signal }).catch(() => null);
  }

  async function send(name: string, verb: string): Promise<number> {
    const answer = await ask(`/api/v1/canaries/${name}`, verb);
    if (answer === null) return 0;
    const body = (await answer.json()) as { eventId?: number };
    if (answer.status === 202 && body.eventId !== undefined) {
      commands.push(body.eventId);
      count(tally, `command: ${verb}`);
    }
    return answer.status;
  }

  async function attend(name: string): Promise<void> {
    const answer = await ask(`/api/v1/canaries/${name}`);
    if (!answer?.ok) return;
    const { pauses } = (await answer.json()) as CanaryView;
    if (pauses.length === 0 || pauses.every(({ reason }) => HEALING.includes(reason))) return;
    for (const { reason } of pauses) count(tally, `pause: ${reason}`);
    if ((await send(name, 'resume')) === 409) await send(name, 'abort');
  }

  async function live(): Promise<void> {
    while (!over.signal.aborted) {
      await wait(everyMs, undefined, { signal: over.signal }).catch(() => {});
      // A daemon that freezes may do so in the middle of its answer.
      const page = await ask('/metrics')
        .then((answer) => answer?.text())
        .catch(() => '');
      for (const [, name = ''] of (page ?? '').matchAll(
        /^canary_health\{canary="([^"]+)",health="Paused"\} 1$/gm,
      )) {
        await attend(name).catch(() => {});
      }
    }
  }

  const living = live();
  return {
    commands,
    end() {
      over.abort();
      return living;
    },
  };
}
