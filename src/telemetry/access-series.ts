/** Figures of who gets in: requests that were refused, and the files that say who may. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** unauthenticated: no good token or secret. forbidden: a good one that may not do this. limited: too often. */
export const REFUSALS = ['unauthenticated', 'forbidden', 'limited'] as const;
export type RefusalKind = (typeof REFUSALS)[number];

/** Files that are read again while the daemon runs. */
export const SETTINGS_FILES = ['tokens', 'webhook secret', 'certificate'] as const;
export type SettingsFile = (typeof SETTINGS_FILES)[number];

export interface AccessSeries {
  /** One request was refused before anything was done. */
  refused(kind: RefusalKind): void;
  /** Whether a settings file can be used as it is; never called for one that is not set. */
  settingsFile(file: SettingsFile, isGood: boolean): void;
  /** Unix ms from which on the certificate in force is refused by clients. */
  certificateExpires(at: number): void;
}

export function createAccessSeries(registers: Registry[]): AccessSeries {
  const refused = new Counter({
    name: 'canary_controller_requests_refused_total',
    help: 'Requests refused by who sent them: unauthenticated (401), forbidden (403) or limited (429).',
    labelNames: ['reason'],
    registers,
  });
  for (const reason of REFUSALS) refused.inc({ reason }, 0);
  const files = new Gauge({
    name: 'canary_controller_settings_file_good',
    help: '1 while a file that is read again can be used as it is, 0 while its last good content stays in force.',
    labelNames: ['file'],
    registers,
  });
  const expires = new Gauge({
    name: 'canary_controller_certificate_expires_timestamp_seconds',
    help: 'When the certificate of the HTTP interface ends; no series without one.',
    registers,
  });
  // It shows 0 from its start, which would be a certificate that ended long ago.
  expires.remove();
  return {
    refused: (reason) => refused.inc({ reason }),
    settingsFile: (file, isGood) => files.set({ file }, isGood ? 1 : 0),
    certificateExpires: (at) => expires.set(at / 1000),
  };
}
