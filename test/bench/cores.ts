/** Which core a process runs on: the daemon has one to itself, everything else shares the others. */
import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface Cores {
  /** Puts a command on the daemon's core: what to spawn instead of it. */
  onDaemonCore(command: string, args: readonly string[]): readonly [string, readonly string[]];
  /** Moves a running process with all of its threads to the other cores. */
  moveAway(pid: number): void;
  /** For the report. */
  readonly note: string;
}

/** The daemon gets core 0. Without `taskset`, or on one core, nothing is pinned and `note` says so. */
export function findCores(): Cores {
  const others = availableParallelism() - 1;
  if (others === 0) return unpinned('not pinned: the machine has one core');
  if (!hasTaskset()) return unpinned('not pinned: there is no taskset here (Debian: util-linux)');
  return {
    onDaemonCore: (command, args) => ['taskset', ['-c', '0', command, ...args]],
    moveAway(pid) {
      execFileSync('taskset', ['-acp', `1-${others}`, String(pid)], { stdio: 'ignore' });
    },
    note: `the daemon alone on core 0, all else on ${others === 1 ? 'core 1' : `cores 1 to ${others}`}`,
  };
}

function unpinned(note: string): Cores {
  return { onDaemonCore: (command, args) => [command, args], moveAway() {}, note };
}

function hasTaskset(): boolean {
  try {
    execFileSync('taskset', ['-p', String(process.pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
