/** Faults on purpose: rules that spoil chosen requests, and the bookkeeping of how often each one did. */
import { z } from 'zod';
import type { NacosRequest } from './http.ts';
import type { Operation } from './routes.ts';

const OPERATIONS = [
  'read',
  'write',
  'listen',
  'login',
  'query',
  'state',
] as const satisfies readonly Operation[];

/** Which requests a rule is for; an absent field means any. */
const FILTER = {
  /** What the request is for, whatever API it speaks. */
  on: z.enum(OPERATIONS).optional(),
  method: z.string().optional(),
  /** Start of the path below the context path, e.g. `/v1/cs/configs`. */
  path: z.string().startsWith('/').optional(),
  dataId: z.string().optional(),
  /** How many requests the rule spoils before it ends by itself; absent: until it is removed. */
  times: z.int().positive().optional(),
};

/**
 * One rule: `delay` waits before the request is looked at; `status` answers an error in the words of the generation;
 * `answerFalse` says 200 `false` and `ignoreWrite` says yes, both without doing anything; `drop` destroys the
 * connection, `before` or `after` the work; `notFound` answers a 404 of a proxy's or of Spring's making.
 */
export const FaultRule = z.discriminatedUnion('fault', [
  z.strictObject({ ...FILTER, fault: z.literal('delay'), ms: z.int().nonnegative() }),
  z.strictObject({ ...FILTER, fault: z.literal('status'), status: z.int().min(400).max(599) }),
  z.strictObject({ ...FILTER, fault: z.literal('answerFalse') }),
  z.strictObject({ ...FILTER, fault: z.literal('ignoreWrite') }),
  z.strictObject({ ...FILTER, fault: z.literal('drop'), when: z.enum(['before', 'after']).optional() }),
  z.strictObject({ ...FILTER, fault: z.literal('notFound'), by: z.enum(['proxy', 'spring']).optional() }),
]);
export type FaultRule = z.infer<typeof FaultRule>;
export type Spoiler = Exclude<FaultRule, { fault: 'delay' }>;

export interface InjectedFault {
  readonly id: string;
  readonly rule: FaultRule;
  /** How many requests it spoiled. */
  hits(): number;
  remove(): void;
}

export interface FaultRules {
  inject(rule: FaultRule): InjectedFault;
  list(): readonly InjectedFault[];
  remove(id: string): boolean;
  clear(): void;
  /** The delay for a request, and the first rule that spoils it; counts both as used. */
  take(request: NacosRequest, operation: Operation | null): { delayMs: number; spoiler: Spoiler | null };
}

function isFor(rule: FaultRule, request: NacosRequest, operation: Operation | null): boolean {
  // Saying yes or no to a read makes no sense: without a filter these two are about writes.
  const speaksOfWrites = rule.fault === 'answerFalse' || rule.fault === 'ignoreWrite';
  const on = rule.on ?? (speaksOfWrites ? 'write' : operation);
  return (
    on === operation &&
    (rule.method === undefined || rule.method.toUpperCase() === request.method) &&
    (rule.path === undefined || request.path.startsWith(rule.path)) &&
    (rule.dataId === undefined || rule.dataId === request.params.get('dataId'))
  );
}

export function createFaultRules(): FaultRules {
  const active = new Map<string, { handle: InjectedFault; hits: number }>();
  let nextId = 1;

  function use(entry: { handle: InjectedFault; hits: number }): void {
    entry.hits += 1;
    if (entry.hits === entry.handle.rule.times) active.delete(entry.handle.id);
  }

  return {
    inject(rule) {
      const id = String(nextId++);
      const entry = {
        hits: 0,
        handle: { id, rule, hits: () => entry.hits, remove: () => void active.delete(id) },
      };
      active.set(id, entry);
      return entry.handle;
    },
    list: () => [...active.values()].map(({ handle }) => handle),
    remove: (id) => active.delete(id),
    clear: () => active.clear(),
    take(request, operation) {
      let delayMs = 0;
      let spoiler: Spoiler | null = null;
      for (const entry of [...active.values()]) {
        const { rule } = entry.handle;
        if (!isFor(rule, request, operation) || (rule.fault !== 'delay' && spoiler !== null)) continue;
        use(entry);
        if (rule.fault === 'delay') delayMs += rule.ms;
        else spoiler = rule;
      }
      return { delayMs, spoiler };
    },
  };
}
