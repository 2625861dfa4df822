/** The application with a tokens file of one token for each role, and everything that it logs. */
import type { FastifyInstance, InjectOptions } from 'fastify';
import { onTestFinished } from 'vitest';
import { ROLES, type Role } from '../../src/access/roles.ts';
import { createTokenBook, newToken, type Token } from '../../src/access/tokens.ts';
import { createApp } from '../../src/server/app.ts';
import type { ServerDeps } from '../../src/server/deps.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { tempStore } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { NOW, paymentSpec, progressingState } from '../view/states.ts';
import { OPEN_WEBHOOKS, type StandIn, standIn } from './stand-in.ts';

export interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface Guarded {
  readonly app: FastifyInstance;
  readonly behind: StandIn;
  readonly clock: VirtualClock;
  readonly lines: Line[];
  /** The secret of the token of each role; its name is that of the role. */
  readonly secrets: Readonly<Record<Role, string>>;
  /** Puts another file into force. */
  replace(tokens: readonly Token[]): void;
}

/** A token and its secret. */
export function aToken(over: Partial<Token> = {}): { readonly token: Token; readonly secret: string } {
  const { secret, sha256 } = newToken();
  return { token: { name: 'ci', role: 'deployer', sha256, ...over }, secret };
}

export function guarded(tokens: readonly Token[] = [], more: Partial<ServerDeps> = {}): Guarded {
  const behind = standIn({ specs: [paymentSpec()], states: [progressingState()] });
  const clock = createVirtualClock(NOW);
  const made = ROLES.map((role) => ({ role, ...aToken({ name: role, role }) }));
  let book = createTokenBook([...made.map(({ token }) => token), ...tokens]);
  const lines: Line[] = [];
  const write = (level: Line['level']) => (fields: object, msg: string) => {
    lines.push({ ...fields, level, msg });
  };
  const log = { info: write('info'), warn: write('warn'), error: write('error') };
  const app = createApp({
    controls: behind.controls,
    store: tempStore().open(),
    metrics: createMetrics({ clock, version: '1.2.3' }),
    clock,
    webhooks: OPEN_WEBHOOKS,
    version: '1.2.3',
    tokens: () => book,
    log,
    ...more,
  });
  onTestFinished(() => app.close());
  return {
    app,
    behind,
    clock,
    lines,
    secrets: Object.fromEntries(made.map(({ role, secret }) => [role, secret])) as Record<Role, string>,
    replace(other) {
      book = createTokenBook(other);
    },
  };
}

/** A change of payment-service. */
export function change(verb: string, secret: string | null, body: object = {}): InjectOptions {
  return {
    method: 'POST',
    url: `/api/v1/canaries/payment-service/${verb}`,
    headers: {
      'content-type': 'application/json',
      ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    },
    payload: body,
  };
}
