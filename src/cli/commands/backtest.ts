/** `canary backtest FILE|DIR`: how the files would have judged a release that Prometheus recorded. */
import { type Command, InvalidArgumentError } from 'commander';
import { unattended } from '../../core/simulation/unattended.ts';
import type { Spec } from '../../spec/canary.ts';
import { renderDiagnostics } from '../../spec/report.ts';
import { backtestAll, type Period } from '../backtesting.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import type { OpenTraffic } from '../forecasts.ts';
import { createProgress } from '../progress.ts';
import { renderStory } from '../render/story.ts';

/** Both times in Unix ms. */
export interface BacktestFlags extends Period {
  readonly stable: string;
  readonly canary: string;
}

const MINUTE_MS = 60_000;

/** Ends with 0 when every Canary was judged, whatever came of it. */
export async function backtest(
  context: Context,
  path: string,
  { stable, canary, from, to }: BacktestFlags,
  open: () => ReturnType<OpenTraffic>,
): Promise<ExitCode> {
  if (to <= from) return context.refuse(EXIT.usage, '--to must lie after --from');
  if (stable === canary) return context.refuse(EXIT.usage, '--stable and --canary are the same version');
  const read = readSpecs([path]);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const { specs: declared, diagnostics, sources } = read.value;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) context.talk(renderDiagnostics(errors, sources).trimEnd());
  const specs = declared.flatMap((spec) => judgeable(context, spec, canary, stable));
  const traffic = await open();
  if (!traffic.ok) return context.refuse(EXIT.badSettings, traffic.error);
  const { ask, close } = traffic.value;
  try {
    const progress = createProgress(context.io, 'minutes', Math.ceil((to - from) / MINUTE_MS));
    const stories = await backtestAll(specs, { from, to }, ask, (at) =>
      progress(Math.max(0, Math.floor((at - from) / MINUTE_MS))),
    );
    for (const [index, story] of stories.entries()) {
      if (story.ok) context.printNext(story.value, () => renderStory(story.value, from));
      else context.refuse(EXIT.failed, `${specs[index]?.canary.name} was not judged: ${story.error}`);
    }
    const isWhole = errors.length === 0 && specs.length === declared.length;
    return isWhole && stories.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
  } finally {
    await close();
  }
}

/** None, after saying why, where nothing of the Canary was recorded that could be judged. */
function judgeable(context: Context, declared: Spec, canary: string, stable: string): readonly Spec[] {
  const { name, analysis } = declared.canary;
  const { spec, leftOut } = unattended(declared, canary, stable, ({ source }) => source.kind !== 'external');
  for (const metric of leftOut) context.talk(`${name}: ${metric.name} is left out: alerts are not recorded`);
  const { metrics } = spec.canary.analysis;
  if (metrics.length > 0 || analysis.skip) return [{ ...spec, stableToldBy: '--stable' }];
  context.refuse(EXIT.failed, `${name} was not judged: none of its metrics is recorded by Prometheus`);
  return [];
}

export function addBacktestFlags(command: Command): void {
  command
    .requiredOption('--stable <version>', 'value of the version label of what was live')
    .requiredOption('--canary <version>', 'that of what was released')
    .requiredOption(
      '--from <time>',
      'when the rollout would have begun: 2026-11-25T10:00:00Z, or Unix seconds',
      time,
    )
    .requiredOption('--to <time>', 'where the data end', time);
}

/** RFC 3339 with a zone, or Unix seconds. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i;

function time(text: string): number {
  const at = /^\d{1,11}(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : TIME.test(text)
      ? Date.parse(text)
      : Number.NaN;
  if (!Number.isNaN(at)) return Math.round(at);
  throw new InvalidArgumentError('It must be a time such as 2026-11-25T10:00:00Z, or Unix seconds.');
}
