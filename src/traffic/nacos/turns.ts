/** Whose turn it is to use a connection to one server: thousands of reads in line never keep a write waiting. */

export interface Turns {
  /**
   * Resolves with a function that ends the turn, to be called once; rejects when `signal` aborts first. The urgent go
   * before the others; within each kind it is first come, first served.
   */
  take(isUrgent: boolean, signal: AbortSignal): Promise<() => void>;
}

interface Kind {
  taken: number;
  readonly line: Set<() => void>;
}

/** At most `limit` turns at once, at most `limitOfKind` of them urgent, and as many not: some are left to either. */
export function createTurns(limit: number, limitOfKind: number): Turns {
  const urgent: Kind = { taken: 0, line: new Set() };
  const plain: Kind = { taken: 0, line: new Set() };

  function isFreeFor(kind: Kind): boolean {
    return urgent.taken + plain.taken < limit && kind.taken < limitOfKind;
  }

  function begin(kind: Kind): () => void {
    kind.taken += 1;
    return () => {
      kind.taken -= 1;
      for (const { line } of [urgent, plain].filter(isFreeFor)) {
        const [next] = line;
        if (next === undefined) continue;
        next();
        return;
      }
    };
  }

  return {
    take(isUrgent, signal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      const kind = isUrgent ? urgent : plain;
      if (isFreeFor(kind)) return Promise.resolve(begin(kind));
      return new Promise((resolve, reject) => {
        const leave = () => {
          kind.line.delete(proceed);
          signal.removeEventListener('abort', giveUp);
        };
        const proceed = () => {
          leave();
          resolve(begin(kind));
        };
        const giveUp = () => {
          leave();
          reject(signal.reason);
        };
        kind.line.add(proceed);
        signal.addEventListener('abort', giveUp);
      });
    },
  };
}
