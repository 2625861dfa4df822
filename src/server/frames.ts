/** The pieces of a stream of server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { EventView } from '../view/schemas.ts';

/** After this long a reader whose stream ended comes back, ms. */
const RETRY_MS = 1000;

/** Why a stream ended, in the `closed` event that ends it; the reader comes back and goes on where it was. */
export const CLOSINGS = {
  READER_STALLED:
    'the reader took nothing for too long; what it missed is kept, so it can go on where it was',
  TOKEN_ENDED: 'the token that opened the stream was revoked, or is past its time',
  STOPPING: 'the controller stops; ask again in a moment',
} as const satisfies Record<string, string>;

export type ClosingCode = keyof typeof CLOSINGS;

/** A committed event. Unnamed, so that every reader gets it without knowing the types. */
export function eventFrame(event: EventView): string {
  return `id: ${event.id}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The first piece: it gives the reader its place before anything happened. */
export function openingFrame(position: number): string {
  return `retry: ${RETRY_MS}\nid: ${position}\n\n`;
}

/** Shows that the connection lives, and that everything up to this number was told. */
export function beatFrame(position: number): string {
  return `: nothing new\nid: ${position}\n\n`;
}

export function closingFrame(code: ClosingCode): string {
  return `event: closed\ndata: ${JSON.stringify({ code, detail: CLOSINGS[code] })}\n\n`;
}
