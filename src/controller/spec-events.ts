/** Telling the event log what is wrong with the files: each fault once, over restarts and changes of the leader. */
import type { NewEvent } from '../core/events.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Store } from '../store/store.ts';

export interface SpecEvents {
  /** Leadership began: what the newest events tell is not told again. */
  begin(): void;
  /** Appends what is wrong now and was not told yet. After a StoreError all of it is still to be told. */
  tell(diagnostics: readonly Diagnostic[], massDeletion: string | null, now: number): void;
}

type SpecEvent = NewEvent & { readonly canary: string | null };

/** Events looked back at when leadership begins. */
const LOOK_BACK = 1_000;
const MASS_DELETION = 'MassDeletion';

export function createSpecEvents(store: Pick<Store, 'events' | 'appendEvents'>): SpecEvents {
  /** What is wrong and was told. */
  let told = new Set<string>();
  let last: readonly Diagnostic[] = [];

  return {
    begin() {
      // That much vanished is told again by each new leader: nobody must overlook it.
      const events = store.events({ limit: LOOK_BACK, types: ['SpecInvalid'] });
      told = new Set(events.map(keyOf));
      last = [];
    },
    tell(diagnostics, massDeletion, now) {
      if (diagnostics === last) return;
      const wrong = new Map(eventsOf(diagnostics, massDeletion).map((event) => [keyOf(event), event]));
      const fresh = [...wrong].flatMap(([key, event]) => (told.has(key) ? [] : [event]));
      if (fresh.length > 0) store.appendEvents(fresh, now);
      told = new Set(wrong.keys());
      last = diagnostics;
    },
  };
}

/** That much vanished is one fault, however much it is. */
function keyOf({ type, message }: Pick<NewEvent, 'type' | 'message'>): string {
  return type === MASS_DELETION ? type : message;
}

/** A directory that cannot be read is no fault of any file, and mass deletion has an event of its own. */
function eventsOf(diagnostics: readonly Diagnostic[], massDeletion: string | null): readonly SpecEvent[] {
  const invalid = diagnostics
    .filter(({ severity, code }) => severity === 'error' && code !== 'SPEC_DIRECTORY')
    .map(({ file, line, column, code, detail, canary }) =>
      specEvent('SpecInvalid', `${file}:${line}:${column} ${code}: ${detail}`, canary ?? null),
    );
  return massDeletion === null ? invalid : [...invalid, specEvent(MASS_DELETION, massDeletion, null)];
}

function specEvent(type: NewEvent['type'], message: string, canary: string | null): SpecEvent {
  return { type, message, canary, rolloutId: null, causedBy: null, actor: null };
}
