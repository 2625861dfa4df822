/**
 * The whole loop for real, at a quickened pace: `npm run -s demo` starts a Nacos-compatible server, a Prometheus, a
 * small fleet behind a gateway, load, and `canary serve`; changes the revision of three services; shows what the
 * controller decides and why; and counts at the instances that the traffic went where it said.
 * Exits 0 only if all three releases ended as they should. `--keep` (or KEEP=1) stays up afterwards.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { EventView } from '../../src/view/schemas.ts';
import { type Api, createApi } from './api.ts';
import {
  say,
  sayAddresses,
  sayFailures,
  sayHeadline,
  sayNextSteps,
  sayOutcomes,
  sayProblems,
  sayReleases,
  sayResult,
  sayRow,
  saySplits,
  sayTimelineHead,
  styleOf,
} from './print.ts';
import { commit, RELEASES } from './releases.ts';
import { countSplits } from './splits.ts';
import { decisionText, differences, type Ending } from './verdicts.ts';
import { nothingSeen, type Seen, verifications, watch } from './watch.ts';
import { openStage, type Stage, type World } from './world.ts';

/** From the first revision change: everything must be decided by then. */
const STORY_MS = 150_000;
const START_MS = 30_000;
const POLL_MS = 100;
/** A process that just died shows first as a failed call; its death notice, the better reason, follows this soon. */
const DEATH_NOTICE_MS = 500;

/** Why the demo ends before its time. */
class Interrupted extends Error {
  override name = 'Interrupted';
}

const { values: flags } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const keep = flags.keep || !['', '0', undefined].includes(process.env['KEEP']);

async function until(
  isTrue: () => boolean | Promise<boolean>,
  what: string,
  ms: number,
  signal: AbortSignal,
) {
  const deadline = performance.now() + ms;
  while (!(await isTrue())) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${ms / 1_000} s`);
    await wait(POLL_MS, undefined, { signal });
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

/** Deploys, as a merged change would: stable is declared already, now the files name the new revisions. */
function release(world: World, startedAt: number): void {
  for (const one of RELEASES) {
    commit(world.canaries, one, one.canary);
    sayRow({
      elapsedMs: Date.now() - startedAt,
      canary: one.service,
      from: null,
      to: null,
      phase: 'git',
      style: 'bold',
      reason: `${one.service}.yaml names ${one.canary} now, ${one.stable} before`,
    });
  }
}

/** A row of the timeline: the event, with the phase and weights of the decision that made it. */
async function sayEvent(event: EventView, api: Api, startedAt: number): Promise<void> {
  if (event.canary === null || isEcho(event)) return;
  const decision = event.explained ? await api.explanation(event) : null;
  sayRow({
    elapsedMs: Date.parse(event.at) - startedAt,
    canary: event.canary,
    from: decision?.from ?? null,
    to: decision?.to ?? null,
    phase: decision?.phase ?? '',
    reason: event.message,
    style: styleOf(event),
  });
}

/** Says again what another row of the same moment says: the edit of a file, the step that follows a good one. */
function isEcho({ type, facts }: EventView): boolean {
  return type === 'SpecChanged' || (type === 'StepStarted' && facts['step'] !== 0);
}

/** Every release has come to where it should end; those that never will are found out by the deadline. */
function isOver(seen: Seen): boolean {
  return RELEASES.every(({ service, expected }) => {
    const canary = seen.canaries.get(service);
    if (canary === undefined) return false;
    return expected.outcome === null ? canary.phase === 'Paused' : expected.phases.includes(canary.phase);
  });
}

async function play(stage: Stage, world: World, api: Api): Promise<Ending[]> {
  const startedAt = Date.now();
  const seen = nothingSeen(RELEASES);
  const watching = new AbortController();
  const signal = AbortSignal.any([stage.signal, watching.signal]);
  sayTimelineHead();
  const watched = watch(world, api, seen, signal, (event) => sayEvent(event, api, startedAt));
  const isSteady = () =>
    RELEASES.every(({ service }) =>
      seen.events.some((event) => event.canary === service && event.type === 'StableAdopted'),
    );
  const story = async () => {
    await until(isSteady, 'the adoption of what is live', START_MS, signal);
    release(world, startedAt);
    await until(() => isOver(seen), 'the last decision', STORY_MS, signal).catch((error) => {
      if (!(error instanceof Error) || signal.aborted) throw error;
      say(`  ${error.message}`);
    });
  };
  try {
    await Promise.race([story(), watched]);
  } finally {
    watching.abort();
    await watched;
  }
  return endings(seen, api);
}

async function endings(seen: Seen, api: Api): Promise<Ending[]> {
  return Promise.all(
    RELEASES.map(async (one): Promise<Ending> => {
      const samples = seen.samples.get(one.service) ?? [];
      return {
        release: one,
        canary: seen.canaries.get(one.service),
        rollout: (await api.rollouts(one.service))[0],
        splits: countSplits(samples, one.canary, verifications(seen, one.service)),
        last: samples.at(-1),
      };
    }),
  );
}

/** Prints the tables; true when nothing differs. */
function conclude(all: readonly Ending[], tookMs: number): boolean {
  sayHeadline('Where the requests went, counted at the instances');
  saySplits(all);
  sayHeadline('What the users got');
  sayFailures(all);
  sayHeadline('How the releases ended');
  sayOutcomes(all);
  const decision = decisionText(all);
  if (decision !== null) say(`  ${decision}`);
  const problems = all.flatMap(differences);
  sayProblems(problems);
  const isGood = problems.length === 0;
  const took = `(${Math.round(tookMs / 1_000)} s, set-up included)`;
  sayResult(
    isGood,
    `${isGood ? 'All three releases ended as they should' : 'Not all went as it should'} ${took}.`,
  );
  return isGood;
}

async function run(stage: Stage): Promise<boolean> {
  const startedAt = performance.now();
  sayHeadline('Three releases, each decided by what its metrics say');
  sayReleases();
  say('\nStarting Nacos, Prometheus, six service instances, the gateway, load and the controller ...');
  const world = await Promise.race([stage.build(), aborted(stage.signal)]);
  const api = createApi(world.controller);
  await until(api.isReady, 'readiness of the controller', START_MS, stage.signal);
  sayAddresses(world);
  sayHeadline('What the controller does');
  const isGood = conclude(await play(stage, world, api), performance.now() - startedAt);
  if (keep && !stage.signal.aborted) {
    sayHeadline('Everything stays up. Try:');
    sayNextSteps(world);
    say('\nCtrl-C ends it.');
    await once(stage.signal, 'abort');
    if (!(stage.signal.reason instanceof Interrupted)) throw stage.signal.reason;
  }
  return isGood;
}

/** A signal to `make` or `npm` ends them and the shell between, but does not reach this process: it sees them gone. */
function endWithParent(abort: (reason: Error) => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) abort(new Interrupted('whoever started it is gone'));
  }, POLL_MS).unref();
}

async function main(): Promise<number> {
  const ending = new AbortController();
  const abort = (reason: Error) => ending.abort(reason);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => abort(new Interrupted(`stopped by ${signal}`)));
  }
  endWithParent(abort);
  process.stdout.on('error', () => abort(new Interrupted('nobody reads the output any more')));
  const stage = openStage(ending.signal, (reason) => abort(new Error(reason)));
  let isGood = false;
  try {
    isGood = await run(stage);
  } catch (error) {
    await Promise.race([once(ending.signal, 'abort'), wait(DEATH_NOTICE_MS)]);
    const cause: unknown = ending.signal.aborted ? ending.signal.reason : error;
    sayResult(false, `The demo ended early: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  await stage.clear();
  if (isGood || ending.signal.reason instanceof Interrupted) stage.remove();
  else say(`\nLogs are in ${stage.logs}. Their last lines:\n${stage.tails(15)}`);
  return isGood ? 0 : 1;
}

process.exitCode = await main();
