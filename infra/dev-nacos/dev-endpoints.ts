/** `/__dev/faults`: the fault rules over HTTP, for processes that share nothing else with this server. */
import { z } from 'zod';
import { FaultRule, type FaultRules, type InjectedFault } from './faults.ts';
import type { Reply } from './http.ts';
import { json } from './replies.ts';

export const DEV_PATH = '/__dev/faults';

/** Things that happen once, beside the rules that spoil requests. */
const Event = z.discriminatedUnion('fault', [
  /** Refuses connections for `ms` milliseconds. */
  z.strictObject({ fault: z.literal('refuse'), ms: z.int().positive() }),
  /** Cuts the long polls that are being held. */
  z.strictObject({ fault: z.literal('dropPolls') }),
  /** Restarts: refuses connections for `ms` milliseconds and comes back with what was stored. */
  z.strictObject({ fault: z.literal('restart'), ms: z.int().nonnegative().optional() }),
]);
type Event = z.infer<typeof Event>;

const Order = z.discriminatedUnion('fault', [FaultRule, Event]);

function isEvent(order: z.infer<typeof Order>): order is Event {
  return order.fault === 'refuse' || order.fault === 'dropPolls' || order.fault === 'restart';
}

export interface DevEndpoints {
  readonly rules: FaultRules;
  /** Called after the answer was sent. */
  happen(event: Event): void;
}

function shown({ id, rule, hits }: InjectedFault) {
  return { id, ...rule, hits: hits() };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function inject(dev: DevEndpoints, body: string): { reply: Reply; event: Event | null } {
  const order = Order.safeParse(parsed(body));
  if (!order.success) {
    const reasons = z.prettifyError(order.error);
    return { reply: json(400, { error: 'not a fault', reasons }), event: null };
  }
  if (isEvent(order.data)) return { reply: json(202, order.data), event: order.data };
  return { reply: json(201, shown(dev.rules.inject(order.data))), event: null };
}

/** GET lists, POST adds one rule or makes one event happen, DELETE removes one by id or all. */
export function answerDev(
  dev: DevEndpoints,
  method: string,
  path: string,
  body: string,
): { reply: Reply; event: Event | null } {
  const id = path.slice(DEV_PATH.length).replace(/^\//, '');
  if (method === 'GET' && id === '') {
    return { reply: json(200, dev.rules.list().map(shown)), event: null };
  }
  if (method === 'POST' && id === '') return inject(dev, body);
  if (method === 'DELETE' && id === '') {
    dev.rules.clear();
    return { reply: json(200, []), event: null };
  }
  if (method === 'DELETE' && dev.rules.remove(id)) return { reply: json(200, { id }), event: null };
  return { reply: json(404, { error: `no such fault: ${method} ${path}` }), event: null };
}
