/** Calls functions of the embedding program, whose faults must end neither listening nor the process. */

export interface CallbackProblem {
  /** A function that was handed in failed; listening goes on. Told once until it works again. */
  readonly type: 'callbackProblem';
  readonly detail: string;
}

/** A version, or what says it at each choice. */
export type Fallback = string | (() => string) | undefined;

/**
 * What `call` returns; undefined when it throws. `onFault` hears why, also of a promise that is returned and rejects
 * later. Never throws.
 */
export function callSafely<T>(call: () => T, onFault: (detail: string) => void): T | undefined {
  try {
    const value = call();
    if (value instanceof Object) {
      Promise.resolve(value).catch((error: unknown) => onFault(saidBy(error)));
    }
    return value;
  } catch (error) {
    onFault(saidBy(error));
    return undefined;
  }
}

/** Returns what gives the fallback of a service, null where none is named or its function fails. */
export function createFallbacks(
  services: Readonly<Record<string, { readonly fallback?: Fallback }>>,
  onProblem: (problem: CallbackProblem) => void,
): (service: string) => string | null {
  const faulty = new Set<string>();

  function blame(service: string, detail: string): void {
    if (faulty.has(service)) return;
    faulty.add(service);
    onProblem({ type: 'callbackProblem', detail: `fallback of "${service}": ${detail}` });
  }

  return (service) => {
    const fallback = services[service]?.fallback;
    if (typeof fallback !== 'function') return fallback ?? null;
    const named: unknown = callSafely(fallback, (detail) => blame(service, detail));
    if (typeof named === 'string' && named !== '') {
      faulty.delete(service);
      return named;
    }
    blame(service, 'gave no name of a version');
    return null;
  };
}

/** Anything can be thrown, also what cannot be made a text. */
export function saidBy(error: unknown): string {
  if (typeof error === 'string') return error;
  return error instanceof Error && typeof error.message === 'string'
    ? error.message
    : `threw ${typeof error}`;
}
