/** What anyone gets who wants to change something here and now, and cannot. */
import type { StoreError } from '../store/store.ts';
import type { Refusal } from './controls.ts';

export function standby(): Refusal {
  const detail = 'this daemon is the standby';
  return { status: 503, code: 'STANDBY', detail, hint: 'ask the leader: /leaderz answers 200 on it alone' };
}

/** `what`: "the command". */
export function notRecorded(what: string, { code, message }: StoreError): Refusal {
  if (code === 'STORE_FENCED') return standby();
  const detail = `${what} could not be recorded: ${message}`;
  return { status: 503, code: 'STORE_FAILED', detail, hint: 'nothing was changed; try again' };
}

/** `total`: the alerts, each as often as it has Canaries; at most `most` are taken. */
export function tooManyAlerts(alerts: number, total: number, most: number): Refusal {
  const detail = `its ${alerts} alerts are for ${total} Canaries in all; one webhook may be for ${most}`;
  const hint = 'group by canary or service, so that each body has fewer alerts';
  return { status: 413, code: 'TOO_MANY_ALERTS', detail, hint };
}
