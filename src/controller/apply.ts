/** Carrying out a saved intent: write, then read until it is seen. A return code is never proof. */
import { NOTHING_SEEN, type PublishReport, type RouteReading } from '../core/observation.ts';
import type { CanaryState, Intent } from '../core/rollout.ts';
import { parseRule } from '../core/rule.ts';
import { sleep } from '../lib/clock.ts';
import { type ObserveDeps, readRoute, withDeadline } from './observe.ts';

const PUBLISH_DEADLINE_MS = 5_000;
/** Typical dump lag is 30 to 110 ms, one read in fifty takes 1.0 to 1.5 s: no alarm before this. */
const CONFIRM_MS = 3_000;
const POLLS_MS = [20, 30, 50, 100] as const;

export interface Applied {
  readonly publish: PublishReport;
  readonly route: RouteReading;
}

/** What ends a write, or the wait until it is seen. */
export interface Ends {
  readonly write: AbortSignal;
  readonly reading: AbortSignal;
}

/**
 * Writes `state.intent` once and polls the live rule until it shows up, at most three seconds; `notRead` when that was
 * ended early. `mayWrite` is asked before each request: leadership may be lost in between.
 */
export async function apply(
  deps: ObserveDeps,
  state: CanaryState,
  intent: Intent,
  ends: Ends,
  mayWrite: () => boolean,
): Promise<Applied> {
  const publish = await write(deps, state, intent, ends.write, mayWrite);
  if (ends.reading.aborted) return { publish, route: NOTHING_SEEN.route };
  if (publish.result === 'denied' || publish.result === 'conflict') {
    return { publish, route: await readRoute(deps, state, ends.reading) };
  }
  const route = await confirm(deps, state, intent, ends.reading);
  return { publish, route: ends.reading.aborted ? NOTHING_SEEN.route : route };
}

/**
 * A lowering to 0 whose compare failed, or that could not read, is written blindly: it may never wait. Everything
 * else is only written over the text it was decided on.
 */
async function write(
  { router, clock }: ObserveDeps,
  state: CanaryState,
  intent: Intent,
  signal: AbortSignal,
  mayWrite: () => boolean,
): Promise<PublishReport> {
  const { operation, content, expectMd5 } = intent;
  const refused = (code: string, detail: string): PublishReport => ({
    operation,
    at: clock.now(),
    result: 'conflict',
    code,
    detail,
  });
  const once = async (guard: Intent['expectMd5']) => {
    if (!mayWrite()) return refused('NOT_LEADER', 'another process may lead by now, so nothing was written');
    return withDeadline(clock, PUBLISH_DEADLINE_MS, signal, (until) =>
      router.publish(state.route, operation, content, { expectMd5: guard }, until),
    );
  };
  if (expectMd5 === null && !mayBeBlind(intent)) {
    return refused('ROUTE_UNREAD', 'the live rule was not read, and only a lowering to 0 is written without');
  }
  const report = await once(expectMd5);
  return report.result === 'conflict' && mayBeBlind(intent) ? once(null) : report;
}

/** A deleted document is written again only where there still is none: another controller's may stand there by now. */
function mayBeBlind({ direction, to, purpose }: Intent): boolean {
  return direction === 'lower' && to === 0 && purpose !== 'recreate';
}

async function confirm(
  deps: ObserveDeps,
  state: CanaryState,
  intent: Intent,
  signal: AbortSignal,
): Promise<RouteReading> {
  const until = deps.clock.monotonic() + CONFIRM_MS;
  for (let poll = 0; ; poll += 1) {
    const route = await readRoute(deps, state, signal);
    const isOver = deps.clock.monotonic() >= until || signal.aborted || route.kind === 'unreadable';
    if (isOver || showsOperation(route, intent.operation)) return route;
    await sleep(deps.clock, POLLS_MS[poll] ?? 100, signal);
  }
}

function showsOperation(route: RouteReading, operation: string): boolean {
  if (route.kind !== 'document') return false;
  const rule = parseRule(route.content);
  return rule.ok && rule.value.managedBy?.operation === operation;
}
