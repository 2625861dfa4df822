/** A controller that does what a test says, behind the real HTTP application and a real store. */
import type { FastifyInstance } from 'fastify';
import { onTestFinished } from 'vitest';
import type {
  Accepted,
  AlertAnswer,
  Controls,
  Gateways,
  Refusal,
  Webhook,
} from '../../src/controller/controls.ts';
import type { Explanation } from '../../src/core/decision.ts';
import type { Signal } from '../../src/core/observation.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import { ALERT_LABELS } from '../../src/server/alerts.ts';
import { createApp } from '../../src/server/app.ts';
import type { WebhookOptions } from '../../src/server/deps.ts';
import { STREAM_LIMITS, type StreamLimits } from '../../src/server/stream-hub.ts';
import type { Spec } from '../../src/spec/canary.ts';
import type { Diagnostic } from '../../src/spec/diagnostic.ts';
import type { NewCommand, Store } from '../../src/store/store.ts';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { silentLog } from '../support/silent-log.ts';
import { type TempStore, tempStore } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { NOW } from '../view/states.ts';

export interface StandIn {
  readonly controls: Controls;
  /** Everything that was submitted, in order. */
  readonly submitted: NewCommand[];
  /** Every webhook that was believed, in order. */
  readonly received: Webhook[];
  /** Alerts that fire, for every name. */
  signals: Signal[];
  specs: Spec[];
  states: CanaryState[];
  explanations: Explanation[];
  diagnostics: Diagnostic[];
  isReady: boolean;
  isLeader: boolean;
  /** What `gateways` answers for every name; default null. */
  gateways: Gateways | null;
  /** The names for which gateways were asked for. */
  readonly gatewaysAsked: string[];
  /** What `submit` answers. */
  answer: (command: NewCommand) => Promise<Accepted | Refusal>;
  /** What `receive` answers. */
  told: (webhook: Webhook) => Promise<readonly AlertAnswer[] | Refusal>;
}

export function standIn(parts: Partial<Pick<StandIn, 'specs' | 'states' | 'explanations'>> = {}): StandIn {
  const self: StandIn = {
    submitted: [],
    received: [],
    signals: [],
    specs: parts.specs ?? [],
    states: parts.states ?? [],
    explanations: parts.explanations ?? [],
    diagnostics: [],
    isReady: true,
    isLeader: true,
    gateways: null,
    gatewaysAsked: [],
    answer: async () => ({ eventId: 7, rolloutId: null, changed: true }),
    told: async ({ alerts }) =>
      alerts.map(({ name, canary, action }) => ({
        alert: name,
        canary,
        action,
        result: 'recorded',
        effect: 'noted',
      })),
    controls: {
      isReady: () => self.isReady,
      isLeader: () => self.isLeader,
      specs: () => self.specs,
      diagnostics: () => self.diagnostics,
      names: () => self.states.map(({ name }) => name),
      state: (name) => self.states.find((state) => state.name === name) ?? null,
      explanation: (name) => self.explanations.find(({ canary }) => canary === name) ?? null,
      async gateways(name) {
        self.gatewaysAsked.push(name);
        return self.gateways;
      },
      submit(command) {
        self.submitted.push(command);
        return self.answer(command);
      },
      receive(webhook) {
        self.received.push(webhook);
        return self.told(webhook);
      },
      signals: () => self.signals,
      figures: () => ({
        queueDepth: 3,
        tickLagSeconds: 0.25,
        specsByState: { valid: self.specs.length, invalid: 1, kept: 0 },
        providers: { nacos: true, prometheus: false },
      }),
    },
  };
  return self;
}

export interface TestServer {
  readonly app: FastifyInstance;
  readonly store: Store;
  /** Where the store is, to open it once more. */
  readonly temp: TempStore;
  readonly metrics: Metrics;
  readonly clock: VirtualClock;
  /** What was logged as an error. */
  readonly errors: object[];
  /** What was logged as a warning. */
  readonly warnings: object[];
}

/** Webhooks as they are taken where nothing is set. */
export const OPEN_WEBHOOKS: WebhookOptions = { secret: null, labels: ALERT_LABELS };

/** The application over a stand-in, with a store of its own; closed when the test ends. */
export function serverOf(
  { controls }: StandIn,
  webhooks = OPEN_WEBHOOKS,
  streamLimits: StreamLimits = STREAM_LIMITS,
): TestServer {
  const clock = createVirtualClock(NOW);
  const temp = tempStore();
  const store = temp.open();
  const metrics = createMetrics({ clock, version: '1.2.3' });
  const errors: object[] = [];
  const warnings: object[] = [];
  const app = createApp({
    controls,
    store,
    metrics,
    clock,
    webhooks,
    streamLimits,
    version: '1.2.3',
    log: {
      ...silentLog,
      error: (fields) => errors.push(fields),
      warn: (fields) => warnings.push(fields),
    },
  });
  onTestFinished(() => app.close());
  return { app, store, temp, metrics, clock, errors, warnings };
}
