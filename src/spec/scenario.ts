/** The scenario language: a scripted world for `simulate` and for the scenario tests, read from YAML. */
import { parse } from 'yaml';
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';

const duration = z.string().transform((text, context) => {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  context.addIssue({ code: 'custom', message: `"${text}" is no duration such as 90s or 5m` });
  return z.NEVER;
});

const behaviour = z.strictObject({
  /** Share of requests that fail, 0 to 1. */
  error: z.number().min(0).max(1).optional(),
  /** 99th percentile of the latency, in the histogram's unit. */
  p99: z.number().min(0).optional(),
});

const change = z.strictObject({
  at: duration,
  /** Undone after this long. */
  for: duration.optional(),
  stable: behaviour.optional(),
  canary: behaviour.optional(),
  rps: z.number().min(0).optional(),
  /** False: no instance of the canary revision is up. */
  canaryUp: z.boolean().optional(),
  prometheus: z.enum(['up', 'down', 'slow', 'empty', 'nan', 'bad']).optional(),
  nacos: z.enum(['up', 'down', 'slow', 'ignores-writes']).optional(),
  /** Someone writes this weight into the document by hand. */
  weight: z.number().int().min(0).max(100).optional(),
  /** Someone deletes the document. */
  document: z.enum(['deleted', 'disabled', 'foreign', 'other-pair']).optional(),
  command: z
    .enum(['start', 'pause', 'resume', 'approve', 'promote', 'abort', 'retry', 'undo', 'forget'])
    .optional(),
  reason: z.string().optional(),
  force: z.boolean().optional(),
  full: z.boolean().optional(),
  restart: z.boolean().optional(),
  /** What git names from now on; for `start`, what is started. */
  revision: z.string().optional(),
  suspend: z.boolean().optional(),
  file: z.enum(['removed']).optional(),
  daemon: z.enum(['restart']).optional(),
  /** The wall clock jumps by this much; a leading minus goes back. */
  clock: z.string().regex(/^-?\d/).optional(),
  alert: z.enum(['rollback', 'pause', 'promote', 'resolved']).optional(),
});

export const Scenario = z.strictObject({
  world: z.strictObject({
    rps: z.number().min(0).default(50),
    scrape: duration.prefault('15s'),
    stableRevision: z.string().default('v1'),
    stable: behaviour.default({}),
    canary: behaviour.default({}),
    until: duration.prefault('1h'),
    /** Answers to free queries by the text that they contain; anything else answers 1. */
    answers: z.record(z.string(), z.number()).default({}),
  }),
  changes: z.array(change).default([]),
});

export type Scenario = z.output<typeof Scenario>;
export type ScenarioChange = z.output<typeof change>;

/** Reads a scenario. The error names every fault with its place in the document. */
export function parseScenario(text: string): Result<Scenario, readonly string[]> {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    return err([error instanceof Error ? error.message : String(error)]);
  }
  const parsed = Scenario.safeParse(document);
  if (parsed.success) return ok(parsed.data);
  return err(parsed.error.issues.map((issue) => `${issue.path.join('.') || 'scenario'}: ${issue.message}`));
}
