/** `canary plan DIR`: what a directory would change, before anyone deploys it. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { err, ok } from '../../lib/result.ts';
import type { Spec } from '../../spec/canary.ts';
import { CanaryListView } from '../../view/schemas.ts';
import { canaryOf, SpecView } from '../../view/spec.ts';
import type { Answered } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { forecastAll, type OpenTraffic, type Subject } from '../forecasts.ts';
import { type PlanEntry, planOf, type Running } from '../planning.ts';
import { forecastView } from '../render/forecast.ts';
import { countPlan, renderPlan, renderTemplates } from '../render/plan.ts';
import { canaryPath } from './get.ts';

/** Declarations that are fetched at the same time. */
const FETCHED_AT_ONCE = 16;

export interface PlanOptions {
  /** End with 5 when there are changes. */
  readonly exitCode: boolean;
  openTraffic(): ReturnType<OpenTraffic>;
}

export async function plan(
  context: Context,
  directory: string,
  { exitCode, openTraffic }: PlanOptions,
): Promise<ExitCode> {
  const read = readSpecs([directory]);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  // What runs and is not declared in it would be told as gone.
  if (statSync(directory).isFile()) {
    const what = `${directory} is a file; a plan compares a whole directory with what runs`;
    return context.refuse(EXIT.failed, what, `canary plan ${dirname(directory)}`);
  }
  const { specs, templates, diagnostics } = read.value;
  const hashes = new Map(specs.map((spec) => [spec.canary.name, spec.hash]));
  const running = await fetchRunning(context, hashes);
  if (!running.ok) return context.fail(running.error);
  const entries = planOf(specs, diagnostics, running.value);
  const subjects = subjectsOf(entries, specs, running.value);
  const forecasts = await forecastAll(subjects, openTraffic, context.io.clock.now());
  const views = forecasts.map(forecastView);
  const counts = countPlan(entries);
  const answer = {
    entries: entries.map((entry) => ({
      ...entry,
      forecasts: views.filter(({ canary }) => canary === entry.canary),
    })),
    templates,
    counts,
  };
  context.print(answer, () => [...renderTemplates(templates), renderPlan(entries, forecasts)].join('\n'));
  if (diagnostics.some(({ severity }) => severity === 'error')) return EXIT.failed;
  return exitCode && counts.start + counts.change > 0 ? EXIT.changes : EXIT.ok;
}

/** The Canaries of the directory that would start or change. */
function subjectsOf(
  entries: readonly PlanEntry[],
  specs: readonly Spec[],
  running: ReadonlyMap<string, Running>,
): readonly Subject[] {
  const canaries = new Map(specs.map(({ canary }) => [canary.name, canary]));
  return entries.flatMap(({ canary: name, kind }) => {
    const canary = canaries.get(name);
    if (canary === undefined || (kind !== 'start' && kind !== 'change')) return [];
    return [{ canary, view: running.get(name)?.view ?? null }];
  });
}

/** What runs. Declarations are fetched only where the hash says that the file differs. */
async function fetchRunning(
  { client }: Context,
  hashes: ReadonlyMap<string, string>,
): Promise<Answered<ReadonlyMap<string, Running>>> {
  const list = await client.get('/api/v1/canaries', CanaryListView);
  if (!list.ok) return list;
  const { items } = list.value;
  const running = new Map<string, Running>(items.map((view) => [view.name, { view, canary: null }]));
  const differing = items.filter(({ name, specHash }) => {
    const hash = hashes.get(name);
    return specHash !== null && hash !== undefined && hash !== specHash;
  });
  for (let at = 0; at < differing.length; at += FETCHED_AT_ONCE) {
    const slice = differing.slice(at, at + FETCHED_AT_ONCE);
    const answers = await Promise.all(
      slice.map(async (view) => ({
        view,
        answer: await client.get(`${canaryPath(view.name)}/spec`, SpecView),
      })),
    );
    for (const { view, answer } of answers) {
      if (!answer.ok) return err(answer.error);
      running.set(view.name, { view, canary: canaryOf(answer.value) });
    }
  }
  return ok(running);
}
