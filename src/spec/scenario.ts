/** The scenario language: a scripted world for `simulate` and for the scenario tests, read from YAML. */
import { type Document, isMap, parseDocument } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../lib/result.ts';
import type { Path } from './finding.ts';
import { type DocumentShape, findingsIn } from './issues.ts';
import { offsetOf, placesIn, scalarTextAt } from './place.ts';
import { anyDuration, duration } from './schema-duration.ts';
import { syntaxMistakes } from './yaml-mistakes.ts';

/** Behind the first ones the parser guesses. */
const MAX_SYNTAX_SHOWN = 5;

const DEFAULT_STABLE = 'v1';

const behaviour = z.strictObject({
  /** Share of requests that fail, 0 to 1. */
  error: z.number().min(0).max(1).optional(),
  /** 99th percentile of the latency, in the histogram's unit. */
  p99: z.number().min(0).optional(),
});

const change = z.strictObject({
  at: anyDuration(),
  /** Undone after this long. */
  for: anyDuration().optional(),
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
  clock: z.string().regex(/^-?\d/, 'must be a duration such as 90s or -90s').optional(),
  alert: z.enum(['rollback', 'pause', 'promote', 'resolved']).optional(),
});

const world = z.strictObject({
  rps: z.number().min(0).default(50),
  scrape: duration(1000, '1s').prefault('15s'),
  /** What is live at the beginning. */
  stableRevision: z.string().min(1).optional(),
  stable: behaviour.default({}),
  canary: behaviour.default({}),
  until: anyDuration().prefault('1h'),
  /** Answers to free queries by the text that they contain; anything else answers 1. */
  answers: z.record(z.string(), z.number()).default({}),
});

const Scenario = z.strictObject({ world: world.prefault({}), changes: z.array(change).default([]) });

const SHAPE: DocumentShape = {
  noun: 'a world file',
  root: z.toJSONSchema(Scenario, { target: 'draft-07', io: 'input' }) as DocumentShape['root'],
};

type Written = z.output<typeof Scenario>;

export interface Scenario {
  readonly world: Omit<Written['world'], 'stableRevision'> & { readonly stableRevision: string };
  readonly changes: Written['changes'];
  /** What told `world.stableRevision`, for messages; absent: whoever gave the other one. */
  readonly stableToldBy?: string;
}

export type ScenarioChange = z.output<typeof change>;

/**
 * Reads a scenario; one that says nothing of `stableRevision` has `stableRevision`, else v1. The error names every fault
 * with its place: "3:12 changes[0].at is required.", line and column from 1.
 */
export function parseScenario(text: string, stableRevision?: string): Result<Scenario, readonly string[]> {
  const document = parseDocument(text, { prettyErrors: false, stringKeys: true, logLevel: 'error' });
  const read = readScenario(document, text);
  if (!read.ok) {
    const placeOf = placesIn(text);
    return err(
      read.error.map(({ offset, detail }) => {
        const { line, column } = placeOf(offset);
        return `${line}:${column} ${detail}`;
      }),
    );
  }
  const { world, changes } = read.value;
  const live = (revision: string) => ({ world: { ...world, stableRevision: revision }, changes });
  if (world.stableRevision !== undefined) {
    return ok({ ...live(world.stableRevision), stableToldBy: 'world.stableRevision' });
  }
  if (stableRevision !== undefined) return ok(live(stableRevision));
  return ok({ ...live(DEFAULT_STABLE), stableToldBy: 'the default of world.stableRevision' });
}

interface Fault {
  /** Index into the file. */
  readonly offset: number;
  readonly detail: string;
}

function readScenario(document: Document.Parsed, text: string): Result<Written, readonly Fault[]> {
  const noun = declarationIn(document);
  if (noun !== null) {
    const detail = `This is ${noun}, and no world: a world file has the fields world and changes.`;
    return err([{ offset: document.range[0], detail }]);
  }
  const mistakes = syntaxMistakes(document.errors, text);
  if (mistakes.length > 0) return err(mistakes.slice(0, MAX_SYNTAX_SHOWN));
  const values = valuesOf(document);
  if (values === null) {
    return err([
      { offset: document.range[0], detail: 'The aliases lead nowhere or too far: write the values out.' },
    ]);
  }
  const parsed = Scenario.safeParse(values);
  if (parsed.success) return ok(parsed.data);
  const textAt = (path: Path) => scalarTextAt(document, path);
  const findings = findingsIn(parsed.error, { values, textAt }, SHAPE);
  return err(
    findings.map((finding) => ({ offset: offsetOf(finding, document, text), detail: finding.detail })),
  );
}

/** What a document is that belongs to a directory of Canaries, and not here; null: it may be a world. */
function declarationIn({ contents }: Document.Parsed): string | null {
  const kind: unknown = isMap(contents) ? contents.get('kind') : undefined;
  if (kind === 'Canary') return 'a Canary';
  return kind === 'AnalysisTemplate' ? 'an AnalysisTemplate' : null;
}

/** Null: there are aliases without an anchor, or that expand to more than anyone writes. */
function valuesOf(document: Document.Parsed): unknown {
  try {
    return document.toJS() ?? {};
  } catch {
    return null;
  }
}
