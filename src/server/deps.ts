/** What the server is made from, and the type of an application whose routes are typed by their zod schemas. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Certificate } from '../access/certificate.ts';
import type { TokenBook } from '../access/tokens.ts';
import type { Controls } from '../controller/controls.ts';
import type { Clock } from '../lib/clock.ts';
import type { Store } from '../store/store.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Problem } from '../view/schemas.ts';
import type { AlertLabels } from './alerts.ts';
import type { RateLimits } from './limits.ts';
import type { StreamLimits } from './stream-hub.ts';

/** How webhooks are believed and read. */
export interface WebhookOptions {
  /** Asked at every request, because it may change. Null: webhooks are taken from this machine only. */
  readonly secret: string | null;
  readonly labels: AlertLabels;
}

export interface ServerDeps {
  readonly controls: Controls;
  readonly store: Store;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly webhooks: WebhookOptions;
  /** The tokens in force; default none: reads are open, and changes are taken from this machine only. */
  readonly tokens?: (() => TokenBook) | null;
  /** Default none: plain HTTP. */
  readonly certificate?: Certificate | null;
  /** Default none. */
  readonly limits?: RateLimits;
  readonly log: Pick<Log, 'error' | 'warn' | 'info'>;
  /** Default STREAM_LIMITS. */
  readonly streamLimits?: StreamLimits;
  /** Of this package. */
  readonly version: string;
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

const PROBLEM_ANSWER = {
  description: 'A problem',
  content: { 'application/problem+json': { schema: Problem } },
};

/** The answers that every route may give beside its own. */
export const PROBLEM_ANSWERS = { '4xx': PROBLEM_ANSWER, '5xx': PROBLEM_ANSWER };
