/** Those who are told of committed events. */
import type { Event, Store } from './store.ts';

export interface Listeners {
  readonly add: Store['onCommit'];
  tell(events: readonly Event[]): void;
}

export function createListeners(): Listeners {
  const listeners = new Set<(events: readonly Event[]) => void>();
  return {
    add(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(events) {
      for (const listener of [...listeners]) {
        try {
          listener(events);
        } catch (error) {
          // The commit stands: its caller must not take a listener's bug for a failed save.
          queueMicrotask(() => {
            throw error;
          });
        }
      }
    },
  };
}
