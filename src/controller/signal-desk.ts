/** Where alerts arrive: matched to Canaries, recorded, and handed to the loop. */
import { effectOf } from '../core/signals.ts';
import type { Clock } from '../lib/clock.ts';
import { type NewSignal, type SignalReceipt, type Store, StoreError } from '../store/store.ts';
import type { Alert, AlertAnswer, Refusal, Webhook } from './controls.ts';
import type { Entry, Memory } from './memory.ts';
import { notRecorded, standby } from './refusals.ts';

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

/** An alert, for one of its Canaries. */
interface Addressed {
  readonly alert: Alert;
  readonly canary: string | null;
}

export function createSignalDesk(options: SignalDeskOptions): SignalDesk {
  const { store, clock, memory, isLeading, enqueue } = options;

  function addressed(alert: Alert): Addressed[] {
    const names = namesOf(alert, memory);
    return names.length === 0 ? [{ alert, canary: null }] : names.map((canary) => ({ alert, canary }));
  }

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
      const all = alerts.flatMap(addressed);
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

function namesOf({ canary, service }: Alert, memory: Pick<Memory, 'get' | 'entries'>): string[] {
  if (canary !== null && isThere(memory.get(canary))) return [canary];
  if (service === null) return [];
  const movers = [...memory.entries()].filter((entry) => isThere(entry) && moves(entry, service));
  if (movers.length > 0) return movers.map(({ name }) => name);
  return isThere(memory.get(service)) ? [service] : [];
}

function moves({ spec }: Entry, service: string): boolean {
  return spec.canary.service === service;
}

function isThere(entry: Entry | null): boolean {
  return entry !== null && entry.file !== 'gone';
}
