/** `canary get NAME [-w]`: one Canary, once or for as long as one looks. */
import { sleep } from '../../lib/clock.ts';
import { CanaryView } from '../../view/schemas.ts';
import { SpecView } from '../../view/spec.ts';
import { passingTrouble } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderCanary } from '../render/canary.ts';

const POLL_MS = 1000;

export function canaryPath(name: string): string {
  return `/api/v1/canaries/${encodeURIComponent(name)}`;
}

export async function get(context: Context, name: string, watch: boolean): Promise<ExitCode> {
  const { client, io } = context;
  const answer = await client.get(canaryPath(name), CanaryView);
  if (!answer.ok) return context.fail(answer.error);
  if (watch) return follow(context, name, answer.value);
  if (context.format === 'table') {
    context.print(answer.value, () => renderCanary(answer.value, io.clock.now()));
    return EXIT.ok;
  }
  // What is effective: the file with every default and its template filled in. Null when the file is gone.
  const spec = await client.get(`${canaryPath(name)}/spec`, SpecView);
  if (!spec.ok && spec.error.kind !== 'problem') return context.fail(spec.error);
  context.print({ ...answer.value, spec: spec.ok ? spec.value : null }, () => '');
  return EXIT.ok;
}

/** Prints again on every change; on a terminal also as time passes. Goes on while the server is away for a while. */
async function follow(context: Context, name: string, first: CanaryView): Promise<ExitCode> {
  const { client, io, format } = context;
  const redraws = io.isTerminal && format === 'table';
  let shown = '';
  let isLost = false;
  for (let view = first; ; ) {
    const essence = essenceOf(view);
    if (redraws) io.clear();
    if (redraws || essence !== shown) {
      const current = view;
      context.printNext(current, () => renderCanary(current, io.clock.now()));
    }
    shown = essence;
    await sleep(io.clock, POLL_MS);
    const answer = await client.get(canaryPath(name), CanaryView);
    const passing = answer.ok ? null : passingTrouble(answer.error);
    if (answer.ok) view = answer.value;
    else if (passing === null) return context.fail(answer.error);
    else if (!isLost) io.talk(`${passing}; trying again`);
    isLost = !answer.ok;
  }
}

/** What makes a print worth while when nothing is redrawn: everything but the clocks. */
function essenceOf({
  weight: { readAt: _, ...weight },
  bakedSeconds: __,
  nextCheckAt: ___,
  ...rest
}: CanaryView): string {
  const metrics = rest.metrics.map(({ name, verdict, passes }) => [name, verdict, passes]);
  return JSON.stringify({ ...rest, reason: '', weight, metrics });
}
