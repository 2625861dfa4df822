/** How many gateways have a rule, as far as the other side tells: asked on demand and for people, decisions never use it. */
import type { Clock } from '../lib/clock.ts';
import type { TrafficTarget } from '../spec/canary.ts';
import type { TrafficRouter } from '../traffic/router.ts';
import type { Gateways } from './controls.ts';
import { withDeadline } from './observe.ts';

/** A person waits for the answer, and most of it is known without this. */
const DEADLINE_MS = 1_000;

/** Null where it cannot be told, or not in time. `signal` ends it early (shutdown). */
export async function countGateways(
  { router, clock }: { readonly router: TrafficRouter; readonly clock: Clock },
  target: TrafficTarget,
  signal: AbortSignal,
): Promise<Gateways | null> {
  const reading = await withDeadline(clock, DEADLINE_MS, signal, (until) => router.listeners(target, until));
  return reading.kind === 'addresses' ? { current: reading.current, total: reading.total } : null;
}
