/** What systemd is told of the daemon: that it is ready, that it lives, that it stops. Without systemd, nothing. */
import { execFile } from 'node:child_process';
import type { Clock } from '../lib/clock.ts';
import type { Log } from './log.ts';

export interface SupervisorOptions {
  /** `NOTIFY_SOCKET` and `WATCHDOG_USEC` as systemd sets them (sd_notify(3), sd_watchdog_enabled(3)). */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Supervisor {
  /** Says that the daemon is ready, and from then on, twice in each watchdog interval, that its event loop turns. */
  ready(): void;
  stopping(): void;
  /** Ends the signs of life. */
  close(): void;
}

/**
 * Node has no datagram sockets of the Unix family, so systemd's own tool carries the messages; the unit allows that by
 * `NotifyAccess=all`. The tool waits until systemd has read a message, for one whose sender is gone can belong to no
 * unit and is dropped.
 */
export function createSupervisor({ env, clock, log }: SupervisorOptions): Supervisor {
  const isSupervised = (env['NOTIFY_SOCKET'] ?? '') !== '';
  const watchdogMs = Number(env['WATCHDOG_USEC'] ?? 0) / 1_000;
  let cancel = () => {};
  let isTelling = false;

  function tell(message: string): void {
    if (!isSupervised) return;
    isTelling = true;
    execFile('systemd-notify', [message], { env: { ...process.env, ...env } }, (error) => {
      isTelling = false;
      if (error !== null) log.warn({ message, detail: error.message }, 'systemd cannot be told');
    });
  }

  function beat(): void {
    cancel = clock.after(watchdogMs / 2, () => {
      // One that is still under way says the same.
      if (!isTelling) tell('WATCHDOG=1');
      beat();
    });
  }

  return {
    ready() {
      tell('READY=1');
      if (isSupervised && watchdogMs > 0) beat();
    },
    stopping: () => tell('STOPPING=1'),
    close: () => cancel(),
  };
}
