/** `canary events [-f]`: the log, once or as it grows. */
import { sleep } from '../../lib/clock.ts';
import { EventListView, type EventView } from '../../view/schemas.ts';
import type { Answered } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderEvent } from '../render/tables.ts';

const POLL_MS = 1000;
/** Events of one answer while following; more are fetched at once. */
const PAGE = 1000;

export interface EventsOptions {
  readonly follow: boolean;
  readonly canary: string | undefined;
  readonly after: string | undefined;
  readonly limit: string | undefined;
}

export async function events(context: Context, options: EventsOptions): Promise<ExitCode> {
  const { io } = context;
  const { canary, after, limit } = options;
  const answer = await fetchEvents(context, { canary, after, limit });
  if (!answer.ok) return context.fail(answer.error);
  const { items } = answer.value;
  if (options.follow) {
    for (const event of items) printEvent(context, event);
    return follow(context, canary, items.at(-1)?.id ?? Number(after ?? 0));
  }
  if (items.length > 0 || context.format !== 'table') {
    context.print(answer.value, () => items.map((event) => renderEvent(event, io.clock.now())).join('\n'));
  } else context.talk('no events');
  return EXIT.ok;
}

async function follow(context: Context, canary: string | undefined, from: number): Promise<ExitCode> {
  let last = from;
  let isLost = false;
  for (;;) {
    const answer = await fetchEvents(context, { canary, after: String(last), limit: String(PAGE) });
    if (answer.ok) {
      for (const event of answer.value.items) printEvent(context, event);
      last = answer.value.items.at(-1)?.id ?? last;
    } else if (answer.error.kind !== 'unreachable') return context.fail(answer.error);
    else if (!isLost) context.talk(`${answer.error.detail}; trying again`);
    isLost = !answer.ok;
    if (!answer.ok || answer.value.items.length < PAGE) await sleep(context.io.clock, POLL_MS);
  }
}

function printEvent(context: Context, event: EventView): void {
  context.printNext(event, () => renderEvent(event, context.io.clock.now()));
}

/** Events of the log, by the query parameters of `/api/v1/events`. */
export function fetchEvents(
  { client }: Context,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Answered<EventListView>> {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return client.get(`/api/v1/events?${new URLSearchParams(given)}`, EventListView);
}
