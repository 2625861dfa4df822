/**
 * What the faces (HTTP API, command line behind it) may ask of the controller. Reads come from memory and from the
 * store; writes are commands: recorded, put on the queue, answered by the loop.
 */

import type { Explanation } from '../core/decision.ts';
import type { Signal, SignalAction } from '../core/observation.ts';
import type { CanaryState } from '../core/rollout.ts';
import type { SignalEffect } from '../core/signals.ts';
import type { Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { NewCommand, NewSignal, NewWebhook, SignalReceipt } from '../store/store.ts';

/** A command that cannot be taken: becomes an HTTP problem. */
export interface Refusal {
  readonly status: 404 | 409 | 413 | 503;
  /** E.g. NOT_APPLICABLE, IN_PROGRESS, GIT_OWNS_REVISION, NEEDS_RETRY, STABLE_UNKNOWN, STANDBY, NOT_YET, NOT_FOUND. */
  readonly code: string;
  readonly detail: string;
  readonly hint: string;
}

export type Accepted =
  | {
      readonly changed: true;
      /** Number of the event that recorded the command. */
      readonly eventId: number;
      /** The rollout that runs now because of it, where it makes or names one (start, retry). */
      readonly rolloutId: string | null;
    }
  /** That revision is already running or live: there was nothing to do, so nothing was recorded. */
  | { readonly changed: false; readonly rolloutId: string | null };

/** Addresses that listen to the live rule, and how many of them have it. Never proof: see `ListenersReading`. */
export interface Gateways {
  readonly current: number;
  readonly total: number;
}

/** An alert as its sender told it, with the names by which its Canary is found. */
export interface Alert extends Omit<NewSignal, 'canary'> {
  /** Name of a Canary; where there is none of that name, `service` is looked for. */
  readonly canary: string | null;
  /** A service: every Canary that moves it, else the Canary of that name. */
  readonly service: string | null;
}

export interface Webhook extends Omit<NewWebhook, 'signals'> {
  readonly alerts: readonly Alert[];
}

/** What became of one alert for one Canary. */
export interface AlertAnswer {
  readonly alert: string;
  /** Null: no Canary was found. */
  readonly canary: string | null;
  readonly action: SignalAction;
  /** unknown: there is no such Canary. ignored: it asks to be. */
  readonly result: SignalReceipt['result'] | 'unknown' | 'ignored';
  /** What it will do; the loop decides. Null where it is no news. */
  readonly effect: SignalEffect | null;
}

export interface Controls {
  /** Store open, leader or standby, first scan done. */
  isReady(): boolean;
  isLeader(): boolean;
  /** Valid specs in name order. */
  specs(): readonly Spec[];
  /** What is wrong with the files of the last scan, and whose decisions the store does not take. */
  diagnostics(): readonly Diagnostic[];
  /** Committed state of every known Canary, in name order (also of one whose file is gone but not yet forgotten). */
  names(): readonly string[];
  state(name: string): CanaryState | null;
  explanation(name: string): Explanation | null;
  /** Asks the traffic router now, for at most a second; null for an unknown name and where it cannot be told. */
  gateways(name: string): Promise<Gateways | null>;
  /**
   * Takes a command: refuses at once what the phase has no use for, else records it and puts the name on the queue.
   * `start` and `retry` resolve once the loop has taken them, so that the rollout exists.
   */
  submit(command: NewCommand): Promise<Accepted | Refusal>;
  /**
   * Takes a webhook that was believed: records what its alerts change and puts their Canaries on the queue. Resolves
   * once it is on disk. A Refusal changed nothing.
   */
  receive(webhook: Webhook): Promise<readonly AlertAnswer[] | Refusal>;
  /** Alerts that fire for a Canary. */
  signals(name: string): readonly Signal[];
  /** Figures for /metrics. */
  figures(): {
    readonly queueDepth: number;
    readonly tickLagSeconds: number;
    readonly specsByState: Readonly<Record<'valid' | 'invalid' | 'kept', number>>;
    readonly providers: Readonly<Record<'nacos' | 'prometheus', boolean>>;
  };
}
