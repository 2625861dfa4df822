/** `canary events [-f]`: the log, once or as it grows. */
import { sleep } from '../../lib/clock.ts';
import { EventListView, EventView } from '../../view/schemas.ts';
import { type Answered, type Failure, parseJson, passingTrouble } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderEvent } from '../render/tables.ts';

/** Before the stream is asked for again. */
const RETRY_MS = 1000;
/** Events of one answer while the stream has no room. */
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

/** Prints events as they are committed, each once. Goes on while the server is away, where it was. */
async function follow(context: Context, canary: string | undefined, from: number): Promise<ExitCode> {
  let last = from;
  let isLost = false;
  function print(event: EventView): void {
    printEvent(context, event);
    last = event.id;
  }
  for (;;) {
    const failure = await followStream(context, queryOf({ canary, after: String(last) }), print);
    const passing = failure === null ? null : passingTrouble(failure);
    if (failure !== null && passing === null) return context.fail(failure);
    if (passing !== null && !isLost) context.talk(`${passing}; trying again`);
    isLost = passing !== null;
    await sleep(context.io.clock, RETRY_MS);
  }
}

/** Until the stream ends; null when it began. Where it has no room for us, one page of the log does instead. */
async function followStream(
  context: Context,
  query: string,
  print: (event: EventView) => void,
): Promise<Failure | null> {
  const stream = await context.client.stream(`/api/v1/stream?${query}`);
  if (!stream.ok) {
    const isCrowded = stream.error.kind === 'problem' && stream.error.problem.code === 'TOO_MANY_READERS';
    if (!isCrowded) return stream.error;
    const page = await context.client.get(`/api/v1/events?${query}&limit=${PAGE}`, EventListView);
    if (!page.ok) return page.error;
    for (const event of page.value.items) print(event);
    return null;
  }
  for await (const { type, data } of stream.value) {
    if (type !== 'message' || data === '') continue;
    const event = EventView.safeParse(parseJson(data));
    if (!event.success) return { kind: 'foreign', detail: 'the server sent an event of an unknown form' };
    print(event.data);
  }
  return null;
}

function printEvent(context: Context, event: EventView): void {
  context.printNext(event, () => renderEvent(event, context.io.clock.now()));
}

/** Events of the log, by the query parameters of `/api/v1/events`. */
export function fetchEvents(
  { client }: Context,
  query: Readonly<Record<string, string | undefined>>,
): Promise<Answered<EventListView>> {
  return client.get(`/api/v1/events?${queryOf(query)}`, EventListView);
}

/** What is given, as a query string. */
function queryOf(query: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return new URLSearchParams(given).toString();
}
