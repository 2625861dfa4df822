/** Delivers notifications to one URL as JSON over HTTP. */
import { Agent, request } from 'undici';
import type { Clock } from '../lib/clock.ts';
import type { Notification } from './message.ts';
import type { Send, SendResult } from './notifier.ts';

export interface Webhook {
  /** Scheme, host and port: all of the URL that may be shown, since paths and queries hold keys. */
  readonly target: string;
  readonly send: Send;
  /** Ends everything that is open. */
  close(): Promise<void>;
}

const TIMEOUT_MS = 10_000;

/**
 * A sink for `--notify-url`. A user and password in the URL become basic authentication. 2xx is done; no answer, 408,
 * 429 and 5xx may be tried again; every other status, redirects too, is a refusal. Throws on a URL that is not HTTP.
 */
export function createWebhook({ url, clock }: { readonly url: string; readonly clock: Clock }): Webhook {
  const { target, address, authorization } = readUrl(url);
  const dispatcher = new Agent();

  async function post(notification: Notification, signal: AbortSignal): Promise<SendResult> {
    const { statusCode, body } = await request(address, {
      method: 'POST',
      dispatcher,
      signal,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'canary-controller',
        'x-canary-event': String(notification.event),
        ...(authorization === null ? {} : { authorization }),
      },
      body: JSON.stringify(notification),
    });
    // Never rejects: a body that breaks off does not make a delivery undone.
    await body.dump();
    return resultOf(statusCode);
  }

  return {
    target,
    async send(notification, signal) {
      const timeout = new AbortController();
      const cancelTimeout = clock.after(TIMEOUT_MS, () => timeout.abort());
      try {
        return await post(notification, AbortSignal.any([signal, timeout.signal]));
      } catch (error) {
        return { kind: 'retry', detail: timeout.signal.aborted ? 'no answer in 10 s' : codeOf(error) };
      } finally {
        cancelTimeout();
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function resultOf(status: number): SendResult {
  const detail = `HTTP ${status}`;
  if (status >= 200 && status < 300) return { kind: 'sent' };
  if (status === 408 || status === 429 || status >= 500) return { kind: 'retry', detail };
  return { kind: 'refused', detail };
}

function readUrl(text: string): { target: string; address: string; authorization: string | null } {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error('the notify URL must be an absolute http:// or https:// URL');
  }
  const { username, password } = url;
  url.username = '';
  url.password = '';
  url.hash = '';
  const credentials = `${decoded(username)}:${decoded(password)}`;
  const authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
  return {
    target: url.origin,
    address: url.href,
    authorization: username === '' && password === '' ? null : authorization,
  };
}

/** A lone percent sign is meant as one. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Only a code: an error's message may hold the URL, and with it a key. */
function codeOf(error: unknown): string {
  if (error instanceof Error) return 'code' in error ? String(error.code) : error.name;
  return 'unknown error';
}
