/** Carrying out a saved intent: write, then read until it is seen. A return code is never proof. */
import type { PublishReport, RouteReading } from '../core/observation.ts';
import type { CanaryState, Intent } from '../core/rollout.ts';
import { parseRule } from '../core/rule.ts';
import { type Clock, sleep } from '../lib/clock.ts';
import type { TrafficRouter } from '../traffic/router.ts';
import { type ObserveDeps, readRoute, withDeadline } from './observe.ts';

const PUBLISH_DEADLINE_MS = 5_000;
/** Typical dump lag is 30 to 110 ms, one read in fifty takes 1.0 to 1.5 s: no alarm before this. */
const CONFIRM_MS = 3_000;
const POLLS_MS = [20, 30, 50, 100] as const;

export interface Applied {
  readonly publish: PublishReport;
  readonly route: RouteReading;
}

/** Writes `state.intent` once and polls the live rule until it shows up, at most three seconds. */
export async function apply(
  deps: ObserveDeps,
  state: CanaryState,
  intent: Intent,
  signal: AbortSignal,
): Promise<Applied> {
  const publish = await write(deps.router, deps.clock, state, intent, signal);
  if (publish.result === 'denied' || publish.result === 'conflict') {
    return { publish, route: await readRoute(deps, state, signal) };
  }
  return { publish, route: await confirm(deps, state, intent, signal) };
}

/**
 * A lowering to 0 whose compare failed, or that could not read, is written blindly: it may never wait. Everything
 * else is only written over the text it was decided on.
 */
async function write(
  router: TrafficRouter,
  clock: Clock,
  state: CanaryState,
  intent: Intent,
  signal: AbortSignal,
): Promise<PublishReport> {
  const once = (expectMd5: Intent['expectMd5']) =>
    withDeadline(clock, PUBLISH_DEADLINE_MS, signal, (until) =>
      router.publish(state.route, intent.operation, intent.content, { expectMd5 }, until),
    );
  const mayBeBlind = intent.direction === 'lower' && intent.to === 0;
  if (intent.expectMd5 === null && !mayBeBlind) {
    const detail = 'the live rule was not read, and only a lowering to 0 is written without';
    return { operation: intent.operation, at: clock.now(), result: 'conflict', code: 'ROUTE_UNREAD', detail };
  }
  const report = await once(intent.expectMd5);
  return report.result === 'conflict' && mayBeBlind ? once(null) : report;
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
