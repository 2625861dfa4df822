/** The real application over a real controller and store, on a virtual clock, in one of the situations of a daemon. */
import type { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import { createTokenBook, newToken } from '../../src/access/tokens.ts';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { createApp } from '../../src/server/app.ts';
import { type Store, StoreError } from '../../src/store/store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { aRig, quickSpec, type Rig } from '../controller/rig.ts';
import { steps } from '../support/a-canary.ts';
import type { Call } from './calls.ts';
import type { Operation } from './description.ts';

/** Known to the controller, and to be seen nowhere: tokens of two roles, the secret of webhooks. */
const ADMIN = newToken();
const DEPLOYER = newToken();
const WEBHOOK_SECRET = 'correct-horse-battery-staple';
/** Somebody's secret for something else, sent here by mistake. */
const FOREIGN = 'planted-secret-7f3a9c';
export const SECRETS: readonly string[] = [ADMIN.secret, DEPLOYER.secret, WEBHOOK_SECRET, FOREIGN];

/** What a caller shows, mostly what the operation asks for. */
export function credentials({ path }: Operation): string[] {
  const right = path.startsWith('/webhooks/') ? WEBHOOK_SECRET : ADMIN.secret;
  const others = [DEPLOYER.secret, FOREIGN];
  return [...Array<string>(14).fill(right), ...others].map((secret) => `Bearer ${secret}`);
}

/** What leads somewhere, by the name of a parameter or field. */
export const HINTS = {
  name: ['shop', 'cart', 'books', 'nobody'],
  canary: ['shop', 'cart', 'books', 'nobody'],
  service: ['shop', 'cart', 'twin'],
  service_name: ['shop', 'cart', 'twin', 'books', 'nobody'],
  canary_version: ['v1', 'v2', 'v3'],
  canary_action: ['rollback', 'pause', 'promote', 'ignore'],
  severity: ['critical', 'warning'],
  alertname: ['HighErrorRate', 'DatasourceNoData'],
  status: ['firing', 'resolved'],
  fingerprint: ['a1', 'b2'],
  'idempotency-key': ['key-1', 'key-2'],
  after: ['0', '1', '7', '40', '999'],
  at: ['1', '2', '3', '5', '8', '13'],
  id: ['1', '2', '@rollout'],
  limit: ['1', '100', '1000', '0'],
  'last-event-id': ['0', '3'],
} as const satisfies Record<string, readonly string[]>;

export const SITUATIONS = ['leads', 'leads', 'leads', 'stands by', 'cannot save'] as const;
export type Situation = (typeof SITUATIONS)[number];

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly headers: string;
  readonly body: string;
}

export interface FuzzWorld {
  readonly app: FastifyInstance;
  readonly rig: Rig;
  /** Everything that a request could have changed. */
  snapshot(): string;
  ask(call: Call): Promise<Answer>;
  /** Everything that was logged. */
  said(): string;
  readonly errors: readonly object[];
}

export async function aWorld(situation: Situation, isGuarded: boolean): Promise<FuzzWorld> {
  const store = situation === 'cannot save' ? sick : undefined;
  const rig = await aRig({ specs: SPECS, ...(store === undefined ? {} : { store }) });
  if (situation !== 'stands by') {
    rig.lead();
    await rig.run(15_000);
  }
  const errors: object[] = [];
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) => {
    lines.push(JSON.stringify({ ...fields, level, message }, errorText));
    if (level === 'error') errors.push({ ...fields, message });
  };
  const tokens = createTokenBook([
    { name: 'root', role: 'admin', sha256: ADMIN.sha256 },
    { name: 'ci', role: 'deployer', sha256: DEPLOYER.sha256, canaries: ['shop'] },
  ]);
  const app = createApp({
    controls: rig.controller,
    store: { ...rig.store, ...store?.() },
    metrics: createMetrics({ clock: rig.clock, version: '1.2.3' }),
    clock: rig.clock,
    webhooks: { secret: isGuarded ? WEBHOOK_SECRET : null, labels: ALERT_LABELS },
    tokens: isGuarded ? () => tokens : null,
    log: { info: write('info'), warn: write('warn'), error: write('error') },
    version: '1.2.3',
  });
  onTestFinished(() => app.close());
  return {
    app,
    rig,
    errors,
    snapshot: () =>
      JSON.stringify([
        rig.store.lastEventId(),
        rig.store.index(),
        [...rig.store.signals()],
        rig.controller.names().map((name) => [rig.controller.state(name), rig.controller.signals(name)]),
        [...rig.traffic.documents],
      ]),
    ask: (call) => ask(app, rig, call),
    said: () => `${lines.join('\n')}\n${JSON.stringify(rig.lines, errorText)}`,
  };
}

const SPECS = [
  quickSpec('shop', { revision: null }),
  quickSpec('cart', {
    strategy: { steps: steps(10, 100).map((step) => ({ ...step, approval: step.weight < 100 })) },
  }),
  quickSpec('books', { revision: null, service: 'twin' }),
  quickSpec('music', { revision: null, service: 'twin' }),
];

/** A store on a full disk that does not even read. */
function sick(): Partial<Store> {
  const fail = () => {
    throw new StoreError('STORE_FULL', 'the disk is full');
  };
  return {
    addCommand: fail,
    addWebhook: () => Promise.reject(new StoreError('STORE_FULL', 'the disk is full')),
    events: fail,
    event: fail,
    rollouts: fail,
    rollout: fail,
    measurements: fail,
    lastEventId: fail,
    webhook: fail,
  };
}

async function ask(app: FastifyInstance, rig: Rig, { method, url, headers, payload }: Call): Promise<Answer> {
  const rollout = rig.store.rollouts('cart', 1)[0]?.id ?? 'none';
  let isAnswered = false;
  const asked = app
    .inject({
      method: method as 'GET',
      url: url.replace('%40rollout', encodeURIComponent(rollout)),
      headers,
      payloadAsStream: true,
      ...(payload === null ? {} : { payload }),
    })
    .then(async (response) => {
      const type = String(response.headers['content-type'] ?? '');
      const isEndless = type.startsWith('text/event-stream');
      const body = await textOf(response.stream(), isEndless);
      return { status: response.statusCode, type, headers: JSON.stringify(response.headers), body };
    })
    .finally(() => {
      isAnswered = true;
    });
  for (let turn = 0; turn < 20 && !isAnswered; turn += 1) await rig.settle();
  if (!isAnswered) await rig.run(11_000);
  return asked;
}

/** Of a stream that does not end the first piece, after which the reader leaves. */
async function textOf(stream: Readable, isEndless: boolean): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) {
    pieces.push(Buffer.from(piece));
    if (isEndless) break;
  }
  return Buffer.concat(pieces).toString();
}

function errorText(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.stack : value;
}
