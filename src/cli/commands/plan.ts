/** `canary plan DIR`: what a directory would change, before anyone deploys it. */
import { err, ok } from '../../lib/result.ts';
import { CanaryListView } from '../../view/schemas.ts';
import { canaryOf, SpecView } from '../../view/spec.ts';
import type { Answered } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { planOf, type Running } from '../planning.ts';
import { countPlan, renderPlan, renderTemplates } from '../render/plan.ts';
import { canaryPath } from './get.ts';

/** Declarations that are fetched at the same time. */
const FETCHED_AT_ONCE = 16;

export async function plan(context: Context, directory: string, exitCode: boolean): Promise<ExitCode> {
  const read = readSpecs([directory]);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const { specs, templates, diagnostics } = read.value;
  const hashes = new Map(specs.map((spec) => [spec.canary.name, spec.hash]));
  const running = await fetchRunning(context, hashes);
  if (!running.ok) return context.fail(running.error);
  const entries = planOf(specs, diagnostics, running.value);
  const counts = countPlan(entries);
  context.print({ entries, templates, counts }, () =>
    [...renderTemplates(templates), renderPlan(entries)].join('\n'),
  );
  if (diagnostics.some(({ severity }) => severity === 'error')) return EXIT.failed;
  return exitCode && counts.start + counts.change > 0 ? EXIT.changes : EXIT.ok;
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
