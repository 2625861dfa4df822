/** A daemon whose clocks a test moves. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Daemon } from '../system/world.ts';
import { type Ahead, CLOCKS_VARIABLE, MOVED } from './signs.ts';
import type { Place } from './world.ts';

export interface Clocked {
  readonly daemon: Daemon;
  /** Resolves once the daemon's clocks are so far from the real ones, and with them the clock of Prometheus. */
  move(ahead: Partial<Ahead>): Promise<void>;
  /** The same, while the clock of Prometheus stays. */
  moveAlone(ahead: Partial<Ahead>): Promise<void>;
}

const HOOK = { NODE_OPTIONS: `--import=${join(import.meta.dirname, 'clocks.ts')}` };

/** Starts a daemon, its wall clock so far ahead. */
export function startClocked(place: Place, wallMs = 0): Clocked {
  const file = join(place.dir, 'clocks.json');
  const write = (ahead: Ahead) => writeFileSync(file, JSON.stringify(ahead));
  write({ wallMs, monotonicMs: 0 });
  place.between.setClock(wallMs);
  const daemon = place.start([], { ...HOOK, [CLOCKS_VARIABLE]: file });
  async function moveAlone({ wallMs = 0, monotonicMs = 0 }: Partial<Ahead>): Promise<void> {
    write({ wallMs, monotonicMs });
    daemon.kill('SIGUSR2');
    await daemon.logged({ msg: MOVED, wallMs, monotonicMs });
  }
  return {
    daemon,
    async move(ahead) {
      place.between.setClock(ahead.wallMs ?? 0);
      await moveAlone(ahead);
    },
    moveAlone,
  };
}
