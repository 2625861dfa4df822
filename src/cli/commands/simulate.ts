/** `canary simulate FILE`: what the declaration would do, by the real core in virtual time, without a daemon. */
import { readFileSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import type { ChanceTraffic } from '../../core/simulation/chance-world.ts';
import { type Ending, oddsOf, playOnce } from '../../core/simulation/many-runs.ts';
import { simulate as runScenario } from '../../core/simulation/simulate.ts';
import { storyOf } from '../../core/simulation/story.ts';
import { unattended } from '../../core/simulation/unattended.ts';
import { EPOCH_MS } from '../../core/simulation/world.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import type { Metric, Spec } from '../../spec/canary.ts';
import { renderDiagnostics } from '../../spec/report.ts';
import { parseScenario, type Scenario } from '../../spec/scenario.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { createProgress } from '../progress.ts';
import { renderOdds } from '../render/odds.ts';
import { renderStory } from '../render/story.ts';

export interface SimulateFlags {
  readonly scenario?: string;
  readonly rps?: number;
  readonly stableError?: number;
  readonly canaryError?: number;
  readonly stableP99?: number;
  readonly canaryP99?: number;
  readonly burst?: number;
  /** From 1. */
  readonly fromStep?: number;
  readonly runs?: number;
  readonly seed?: number;
}

const RUNS = 400;
const SEED = 7;
/** Of a service that nothing was said about, in the histogram's unit. */
const P99 = 0.1;

export function addSimulateFlags(command: Command): void {
  const share = numberFrom(0, 1);
  const latency = numberFrom(0.000001, 1e6);
  command
    .option('--scenario <world>', 'YAML file: one run through that world')
    .option('--rps <count>', 'requests a second, all of the service', numberFrom(0, 1e6))
    .option('--stable-error <share>', 'of its requests that fail (default: 0)', share)
    .option('--canary-error <share>', "the same (default: stable's)", share)
    .option(
      '--burst <factor>',
      'variance of failures against independent ones (default: 1)',
      numberFrom(1, 1000),
    )
    .option('--stable-p99 <latency>', `in the histogram's unit (default: ${P99})`, latency)
    .option('--canary-p99 <latency>', "the same (default: stable's)", latency)
    .option('--from-step <step>', 'the canary is as good as stable before it (default: 1, the first)', count)
    .option('--runs <count>', `how many (default: ${RUNS})`, count)
    .option('--seed <number>', `equal seeds give equal runs (default: ${SEED})`, numberFrom(0, 2 ** 53));
}

function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
  };
}

function count(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number from 1.');
}

export function simulate(context: Context, file: string, flags: SimulateFlags): ExitCode {
  const { scenario, ...chance } = flags;
  const names = Object.keys(chance);
  if (scenario !== undefined && names.length > 0) {
    return context.refuse(
      EXIT.usage,
      'a scripted world has no chance in it',
      'leave --scenario out, or everything else',
    );
  }
  if (scenario !== undefined) return simulateScenario(context, file, scenario);
  if (flags.rps === undefined) {
    return context.refuse(
      EXIT.usage,
      'nothing says what traffic there is',
      'add --scenario WORLD.yaml, or --rps and the error rates',
    );
  }
  return simulateChance(context, file, { ...flags, rps: flags.rps });
}

/** Many runs with random traffic; how they ended. */
function simulateChance(
  context: Context,
  file: string,
  flags: SimulateFlags & { readonly rps: number },
): ExitCode {
  const declared = readOneSpec(context, file);
  if (declared === null) return EXIT.failed;
  const { revision, stableRevision, strategy } = declared.canary;
  const { fromStep = 1, runs = RUNS, seed = SEED } = flags;
  if (fromStep > strategy.steps.length) {
    return context.refuse(EXIT.usage, `--from-step ${fromStep}: there are ${strategy.steps.length} steps`);
  }
  const stable = stableRevision === null || stableRevision === revision ? 'stable' : stableRevision;
  const { spec, leftOut } = unattended(declared, revision ?? 'canary', stable, isCounted);
  for (const { name } of leftOut)
    context.talk(`${name} is left out: only ratio and latency metrics have random traffic`);
  if (leftOut.length > 0 && spec.canary.analysis.metrics.length === 0) {
    return context.refuse(
      EXIT.failed,
      `${file} has no metric that could be judged`,
      'simulate it with --scenario',
    );
  }
  const traffic = trafficOf(flags, fromStep - 1);
  const progress = createProgress(context.io, 'runs', runs);
  const endings: Ending[] = [];
  for (let number = 0; number < runs; number += 1) {
    endings.push(playOnce(spec, traffic, seed, number));
    progress(endings.length);
  }
  const odds = oddsOf(endings);
  context.print(odds, () => renderOdds(spec.canary.name, traffic, odds));
  return EXIT.ok;
}

/** What is not said of the canary is as on stable. */
function trafficOf(flags: SimulateFlags & { readonly rps: number }, fromStep: number): ChanceTraffic {
  const { rps, burst = 1, stableError = 0, stableP99 = P99 } = flags;
  const { canaryError = stableError, canaryP99 = stableP99 } = flags;
  return {
    rps,
    burst,
    fromStep,
    stable: { error: stableError, p99: stableP99 },
    canary: { error: canaryError, p99: canaryP99 },
  };
}

function isCounted({ source }: Metric): boolean {
  return source.kind === 'ratio' || source.kind === 'latency';
}

/** One run through a scripted world; its story, with the reason of every decision. */
function simulateScenario(context: Context, file: string, worldFile: string): ExitCode {
  const spec = readOneSpec(context, file);
  if (spec === null) return EXIT.failed;
  const scenario = readScenario(worldFile, spec.canary.stableRevision ?? undefined);
  if (!scenario.ok) {
    for (const fault of scenario.error) context.talk(fault);
    return context.refuse(EXIT.failed, `${worldFile} is no world that can be simulated`);
  }
  const story = storyOf(runScenario(liveIn(spec, scenario.value), scenario.value), EPOCH_MS);
  context.print(story, () => renderStory(story, EPOCH_MS));
  return EXIT.ok;
}

/** What the world says is live is what a rule document would say: it wins over the file. */
function liveIn(spec: Spec, { world, stableToldBy }: Scenario): Spec {
  const canary = { ...spec.canary, stableRevision: world.stableRevision };
  return { ...spec, canary, ...(stableToldBy === undefined ? {} : { stableToldBy }) };
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
function readOneSpec(context: Context, file: string): Spec | null {
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
