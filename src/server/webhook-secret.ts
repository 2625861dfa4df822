/**
 * Whether a webhook is believed. With a secret: by a bearer token, or by Grafana's signature, which is HMAC-SHA256 in hex
 * of the text "TIMESTAMP:BODY" (https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/).
 * Without one: from this machine only.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../lib/clock.ts';
import type { Problem } from '../view/schemas.ts';
import { objectionToWrite, type Provenance } from './guards.ts';
import { problem } from './problems.ts';

/** Grafana's own name for it. */
export const SIGNATURE_HEADER = 'x-grafana-alerting-signature';
/** Grafana has no name for it: it is set in the contact point. */
export const TIMESTAMP_HEADER = 'x-grafana-alerting-timestamp';

/** How far a signed request's time may lie from ours. */
export const REPLAY_WINDOW_MS = 5 * 60_000;

/** Before the body is read: what the headers alone forbid. */
export function objectionToHeaders(from: Provenance, secret: string | null, now: number): Problem | null {
  if (secret === null) return objectionToWrite(from);
  const { authorization } = from.headers;
  if (typeof authorization === 'string') return objectionToBearer(authorization, secret);
  if (from.headers[SIGNATURE_HEADER] === undefined) {
    return problem('WEBHOOK_UNSIGNED', 'the request carries neither a bearer token nor a signature');
  }
  const seconds = from.headers[TIMESTAMP_HEADER];
  if (typeof seconds !== 'string' || !/^\d{1,12}$/.test(seconds)) {
    return problem('WEBHOOK_STALE', `the request has no ${TIMESTAMP_HEADER}, so it could be an old one`);
  }
  if (Math.abs(Number(seconds) * 1000 - now) <= REPLAY_WINDOW_MS) return null;
  return problem('WEBHOOK_STALE', 'the request was signed more than five minutes ago, or clocks differ');
}

/** Whether the body is what tells: of a request that shows the token it does not. */
export function isProvedByBody(headers: Provenance['headers'], secret: string | null): boolean {
  return secret !== null && headers['authorization'] === undefined;
}

/** With the body: whether the signature is of it. A request that showed the token needs none. */
export function objectionToBody(
  headers: Provenance['headers'],
  body: string,
  secret: string | null,
): Problem | null {
  if (secret === null || !isProvedByBody(headers, secret)) return null;
  const signed = `${headers[TIMESTAMP_HEADER]}:${body}`;
  const expected = createHmac('sha256', secret).update(signed).digest('hex');
  return isSame(signatureIn(headers), expected) ? null : wrong('the signature is not of this body');
}

/** As it is compared: one signature can be written in more than one way. */
function signatureIn(headers: Provenance['headers']): string {
  return String(headers[SIGNATURE_HEADER])
    .replace(/^sha256=/, '')
    .toLowerCase();
}

function objectionToBearer(authorization: string, secret: string): Problem | null {
  const [, given] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
  if (given === undefined) return wrong('the Authorization header holds no bearer token');
  return isSame(given, secret) ? null : wrong('the bearer token is another one');
}

function wrong(detail: string): Problem {
  return problem('WEBHOOK_SECRET_WRONG', detail);
}

/** In a time that tells nothing of where, or at which length, two texts differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** Signed requests that were taken, as long as they could be taken again. */
export interface Replays {
  /**
   * What `take` gives; null where the same signed request was taken before. Of copies that come at once one is worked
   * on at a time, and the next only where it was not taken, which `isTaken` tells from what `take` gave. The headers
   * must have been believed. A request that is not signed is always taken.
   */
  once<T>(
    headers: Provenance['headers'],
    take: () => Promise<T>,
    isTaken: (given: T) => boolean,
  ): Promise<T | null>;
}

export function createReplays(clock: Clock): Replays {
  const known = new Map<string, { readonly at: number; readonly isTaken: Promise<boolean> }>();

  function forgetOld(now: number): void {
    // Oldest first. A request may be from the future by as much as from the past.
    for (const [signature, { at }] of known) {
      if (now - at <= 2 * REPLAY_WINDOW_MS) break;
      known.delete(signature);
    }
  }

  return {
    async once(headers, take, isTaken) {
      if (headers['authorization'] !== undefined || headers[SIGNATURE_HEADER] === undefined) return take();
      const signature = signatureIn(headers);
      for (let same = known.get(signature); same !== undefined; same = known.get(signature)) {
        if (await same.isTaken) return null;
      }
      const now = clock.monotonic();
      forgetOld(now);
      const outcome = Promise.withResolvers<boolean>();
      known.set(signature, { at: now, isTaken: outcome.promise });
      let wasTaken = false;
      try {
        const given = await take();
        wasTaken = isTaken(given);
        return given;
      } finally {
        if (!wasTaken) known.delete(signature);
        outcome.resolve(wasTaken);
      }
    },
  };
}
