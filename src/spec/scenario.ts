/** The scenario language: a scripted world for `simulate` and for the scenario tests, read from YAML. */
import { type Document, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';
import { err, ok, type Result } from '../lib/result.ts';
import { didYouMean } from '../lib/text.ts';
import { type Finding, fieldName, type Path, wrongField, wrongValue } from './finding.ts';
import { offsetOf } from './place.ts';

const DEFAULT_STABLE = 'v1';

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

const world = z.strictObject({
  rps: z.number().min(0).default(50),
  scrape: duration.refine((ms) => ms >= 1000, 'must be a second or more').prefault('15s'),
  /** What is live at the beginning. */
  stableRevision: z.string().min(1).optional(),
  stable: behaviour.default({}),
  canary: behaviour.default({}),
  until: duration.prefault('1h'),
  /** Answers to free queries by the text that they contain; anything else answers 1. */
  answers: z.record(z.string(), z.number()).default({}),
});

const Scenario = z.strictObject({ world: world.prefault({}), changes: z.array(change).default([]) });

type Written = z.output<typeof Scenario>;

export interface Scenario {
  readonly world: Omit<Written['world'], 'stableRevision'> & { readonly stableRevision: string };
  readonly changes: Written['changes'];
  /** What told `world.stableRevision`, for messages; absent: whoever gave the other one. */
  readonly stableToldBy?: string;
}

export type ScenarioChange = z.output<typeof change>;

/**
 * Reads a scenario; one that says nothing of `stableRevision` has `stableRevision`, else v1. The error names every fault with
 * its place: "3:12 changes[0].at: ...", line and column from 1.
 */
export function parseScenario(text: string, stableRevision?: string): Result<Scenario, readonly string[]> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  const placed = (offset: number, detail: string) => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col} ${detail}`;
  };
  if (document.errors.length > 0)
    return err(document.errors.map(({ pos, message }) => placed(pos[0], message)));
  const parsed = Scenario.safeParse(plainOf(document));
  if (!parsed.success) {
    const findings = parsed.error.issues.flatMap(findingsOf);
    return err(
      findings.map((finding) =>
        placed(offsetOf(finding, document, text), `${fieldName(finding.path)}: ${finding.detail}`),
      ),
    );
  }
  const { world, changes } = parsed.data;
  const live = (revision: string) => ({ world: { ...world, stableRevision: revision }, changes });
  if (world.stableRevision !== undefined) {
    return ok({ ...live(world.stableRevision), stableToldBy: 'world.stableRevision' });
  }
  if (stableRevision !== undefined) return ok(live(stableRevision));
  return ok({ ...live(DEFAULT_STABLE), stableToldBy: 'the default of world.stableRevision' });
}

/** Aliases that expand to more than anyone writes give nothing. */
function plainOf(document: Document.Parsed): unknown {
  try {
    return document.toJS() ?? {};
  } catch {
    return null;
  }
}

function findingsOf(issue: z.core.$ZodIssue): Finding[] {
  const path = issue.path.filter((key) => typeof key !== 'symbol');
  if (issue.code !== 'unrecognized_keys') return [wrongValue('SPEC_TYPE', path, issue.message)];
  return issue.keys.map((key) =>
    wrongField('SPEC_UNKNOWN_FIELD', [...path, key], `is not a field.${didYouMean(key, fieldsAt(path))}`),
  );
}

function fieldsAt([first, second, third]: Path): readonly string[] {
  if (first === undefined) return ['world', 'changes'];
  const isBehaviour = third !== undefined || (first === 'world' && second !== undefined);
  if (isBehaviour) return Object.keys(behaviour.shape);
  return Object.keys(first === 'world' ? world.shape : change.shape);
}
