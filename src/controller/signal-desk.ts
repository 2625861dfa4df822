/** Where alerts arrive: matched to Canaries, recorded, and handed to the loop. */
import { effectOf } from '../core/signals.ts';
import type { Clock } from '../lib/clock.ts';
import { type NewSignal, type SignalReceipt, type Store, StoreError } from '../store/store.ts';
import type { Alert, AlertAnswer, Refusal, Webhook } from './controls.ts';
import type { Entry, Memory } from './memory.ts';
import { notRecorded, standby, tooManyAlerts } from './refusals.ts';

export interface SignalDesk {
  receive(webhook: Webhook): Promise<readonly AlertAnswer[] | Refusal>;
}

export interface SignalDeskOptions {
  readonly store: Pick<Store, 'addWebhook'>;
  readonly clock: Clock;
  readonly memory: Pick<Memory, 'get' | 'entries'>;
  readonly isLeading: () => boolean;
  readonly enqueue: (name: string) => void;
}

/**
 * Alerts times their Canaries that one webhook may be for. All are recorded in one transaction, during which nothing
 * else is done: at 50 µs each this is a tenth of a second.
 */
const MOST = 2_000;

/** An alert, for one of its Canaries. */
interface Addressed {
  readonly alert: Alert;
  readonly canary: string | null;
}

export function createSignalDesk(options: SignalDeskOptions): SignalDesk {
  const { store, clock, memory, isLeading, enqueue } = options;

  /** Memory follows what is on disk; the entry may be another one by now. */
  function take(canary: string, { result, signal, ended }: SignalReceipt): void {
    const entry = memory.get(canary);
    if (entry === null) return;
    for (const id of ended) entry.signals.delete(id);
    if (signal?.firing) entry.signals.set(signal.id, signal);
    if (result !== 'recorded' && result !== 'resolved') return;
    entry.heard += 1;
    entry.interrupt();
    enqueue(canary);
  }

  function answer({ alert, canary }: Addressed, receipt: SignalReceipt | null): AlertAnswer {
    const { name, action } = alert;
    const told = { alert: name, canary, action };
    if (canary === null) return { ...told, result: 'unknown', effect: null };
    if (receipt === null) return { ...told, result: 'ignored', effect: null };
    const entry = memory.get(canary);
    const { result, signal } = receipt;
    const isNews = result === 'recorded' || result === 'resolved';
    const effect =
      isNews && signal !== null && entry !== null ? effectOf(entry.spec, entry.state, signal) : null;
    return { ...told, result, effect };
  }

  return {
    async receive({ alerts, ...webhook }) {
      if (!isLeading()) return standby();
      const namesOf = finderIn(memory);
      const found = alerts.map((alert) => ({ alert, names: namesOf(alert) }));
      const total = found.reduce((sum, { names }) => sum + names.length, 0);
      if (total > MOST) return tooManyAlerts(alerts.length, total, MOST);
      const all = found.flatMap(({ alert, names }) => addressed(alert, names));
      const kept = all.flatMap((one) => signalOf(one) ?? []);
      let receipts: readonly SignalReceipt[];
      try {
        receipts = await store.addWebhook({ ...webhook, signals: kept }, clock.now());
      } catch (error) {
        if (error instanceof StoreError) return notRecorded('the webhook', error);
        throw error;
      }
      const rest = [...receipts];
      return all.map((one) => {
        const receipt = signalOf(one) === null ? null : (rest.shift() ?? null);
        const told = answer(one, receipt);
        if (one.canary !== null && receipt !== null) take(one.canary, receipt);
        return told;
      });
    },
  };
}

/** What is recorded of it: null where no Canary is meant, or where it fires and asks to be ignored. */
function signalOf({ alert, canary }: Addressed): NewSignal | null {
  const { service: _, ...rest } = alert;
  const isIgnored = alert.firing && alert.action === 'ignore';
  return canary === null || isIgnored ? null : { ...rest, canary };
}

/** None is an alert for nobody, which is answered too. */
function addressed(alert: Alert, names: readonly string[]): Addressed[] {
  return names.length === 0 ? [{ alert, canary: null }] : names.map((canary) => ({ alert, canary }));
}

/** Finds the Canaries of alerts while the memory does not change; walks over it once, however many alerts there are. */
function finderIn(memory: Pick<Memory, 'get' | 'entries'>): (alert: Alert) => readonly string[] {
  let movers: ReadonlyMap<string, readonly string[]> | null = null;
  return ({ canary, service }) => {
    if (canary !== null && isThere(memory.get(canary))) return [canary];
    if (service === null) return [];
    movers ??= moversIn(memory);
    return movers.get(service) ?? (isThere(memory.get(service)) ? [service] : []);
  };
}

/** Names of the Canaries that move each service. */
function moversIn(memory: Pick<Memory, 'entries'>): Map<string, string[]> {
  const movers = new Map<string, string[]>();
  for (const entry of memory.entries()) {
    if (!isThere(entry)) continue;
    const { service } = entry.spec.canary;
    const names = movers.get(service);
    if (names === undefined) movers.set(service, [entry.name]);
    else names.push(entry.name);
  }
  return movers;
}

function isThere(entry: Entry | null): boolean {
  return entry !== null && entry.file !== 'gone';
}
