/** `canary simulate FILE`: what the declaration would do, by the real core in virtual time, without a daemon. */
import { readFileSync } from 'node:fs';
import { simulate } from '../../core/simulation/simulate.ts';
import { storyOf } from '../../core/simulation/story.ts';
import { EPOCH_MS } from '../../core/simulation/world.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import type { Spec } from '../../spec/canary.ts';
import { renderDiagnostics } from '../../spec/report.ts';
import { parseScenario, type Scenario } from '../../spec/scenario.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { renderStory } from '../render/story.ts';

/** One run through a scripted world; its story, with the reason of every decision. */
export function simulateScenario(context: Context, file: string, worldFile: string): ExitCode {
  const spec = readOneSpec(context, file);
  if (spec === null) return EXIT.failed;
  const scenario = readScenario(worldFile, spec.canary.stableRevision ?? undefined);
  if (!scenario.ok) {
    for (const fault of scenario.error) context.talk(fault);
    return context.refuse(EXIT.failed, `${worldFile} is no world that can be simulated`);
  }
  const story = storyOf(simulate(liveIn(spec, scenario.value), scenario.value), EPOCH_MS);
  context.print(story, () => renderStory(story, EPOCH_MS));
  return EXIT.ok;
}

/** What the world says is live is what a rule document would say: it wins over the file. */
function liveIn(spec: Spec, { world }: Scenario): Spec {
  return { ...spec, canary: { ...spec.canary, stableRevision: world.stableRevision } };
}

function readScenario(file: string, stableRevision: string | undefined): Result<Scenario, readonly string[]> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return err([`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const scenario = parseScenario(text, stableRevision);
  return scenario.ok ? ok(scenario.value) : err(scenario.error.map((fault) => `${file}:${fault}`));
}

/** The only Canary of a file; null after saying what is wrong. */
export function readOneSpec(context: Context, file: string): Spec | null {
  const read = readSpecs([file]);
  if (!read.ok) {
    context.refuse(EXIT.failed, read.error);
    return null;
  }
  const { specs, diagnostics, sources } = read.value;
  const [spec] = specs;
  if (diagnostics.some(({ severity }) => severity === 'error') || spec === undefined) {
    context.talk(renderDiagnostics(diagnostics, sources).trimEnd());
    context.refuse(EXIT.failed, `${file} has no valid Canary`, 'canary lint says what is wrong');
    return null;
  }
  if (specs.length > 1) {
    const names = specs.map(({ canary }) => canary.name).join(', ');
    context.refuse(
      EXIT.failed,
      `${file} holds several Canaries: ${names}`,
      'simulate takes one of them: give it a file of its own',
    );
    return null;
  }
  return spec;
}
