/** `canary wait NAME --for OUTCOME|PHASE` and `start --wait`: a pipeline stands still until a rollout is where it should be. */
import { OUTCOMES } from '../../core/outcome.ts';
import { PHASES } from '../../core/rollout.ts';
import { err, ok } from '../../lib/result.ts';
import { roughDuration } from '../../lib/text.ts';
import { CanaryView, RolloutListView, RolloutView } from '../../view/schemas.ts';
import { type Answered, passingTrouble } from '../client.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { openNews } from '../news.ts';
import { OUTCOME_GLYPHS } from '../render/glyphs.ts';
import { canaryPath } from './get.ts';

/** Between two looks while events tell of most changes; without them, see `openNews`. */
const LOOK_MS = 5000;

type Outcome = (typeof OUTCOMES)[number];
type Phase = (typeof PHASES)[number];

/** RolledBack names an outcome and a phase: the outcome is meant. */
export const WAIT_TARGETS: readonly string[] = [...new Set<string>([...OUTCOMES, ...PHASES])];

/** The phase that follows each outcome: a rollout that ended so reached it, even if the Canary went on since. */
const ENDS_IN: Readonly<Record<Outcome, Phase>> = {
  Promoted: 'Succeeded',
  RolledBack: 'RolledBack',
  Aborted: 'RolledBack',
  Reverted: 'Stable',
  Superseded: 'Waiting',
  Cancelled: 'Terminating',
};

export interface WaitOptions {
  /** Of WAIT_TARGETS: whichever comes first. */
  readonly targets: readonly string[];
  readonly revision: string | null;
  readonly timeoutMs: number;
}

/** What one look shows: the Canary, and the rollout that is waited for where there is one. */
export interface Look {
  readonly canary: CanaryView;
  readonly rollout: RolloutView | null;
  /** The newest of the revision, where it is history and another one is waited for. */
  readonly past?: RolloutView;
}

/**
 * With a revision its newest rollout counts, and none means wait. One that has ended counts as long as it tells of
 * now, see `isHistory`: a revision that is released again must not pass by its end of yesterday. Without a revision it is the rollout that runs now; where
 * none does, the phase that the Canary is in now counts, but Succeeded does not, and all else is an error: an old
 * promotion must never pass for the new one's.
 */
export async function wait(context: Context, name: string, options: WaitOptions): Promise<ExitCode> {
  const first = await look(context, name, options.revision, null);
  if (!first.ok) return context.fail(first.error);
  if (first.value.rollout === null && options.revision === null) {
    const { canary } = first.value;
    const { phase } = canary;
    if (phase !== ENDS_IN.Promoted && options.targets.some((target) => target === phase)) {
      context.print(canary, () => `${phase}  ${name}  ${canary.reason}`);
      return EXIT.ok;
    }
    return context.refuse(
      EXIT.failed,
      `no rollout of ${name} is under way (${phase})`,
      'name the revision to wait for one that has not begun: --revision V',
    );
  }
  return standStill(context, name, options, first.value.rollout?.id ?? null);
}

/** Waits until this very rollout is Promoted: an earlier or a later one of the same revision does not count. */
export function waitForPromotion(
  context: Context,
  name: string,
  rolloutId: string,
  timeoutMs: number,
): Promise<ExitCode> {
  return standStill(context, name, { targets: ['Promoted'], revision: null, timeoutMs }, rolloutId);
}

/** For a rollout that has ended: good when it was promoted. */
export function promotedOrNot(context: Context, ended: Look): ExitCode {
  return finish(context, ended, verdictOn(ended, ['Promoted']) ?? EXIT.endedBadly, ['Promoted']);
}

/**
 * Looks at each event until it is decided, or the time is over. `followed`: the one rollout that counts; with a
 * revision that which was seen last, which counts also when others came after it.
 */
async function standStill(
  context: Context,
  name: string,
  options: WaitOptions,
  followed: string | null,
): Promise<ExitCode> {
  const { clock } = context.io;
  const startedAt = clock.monotonic();
  const talk = onlyNews(context);
  // Before the first look: what happens after it is heard.
  const news = await openNews(context, name);
  let seen = followed;
  for (;;) {
    const answer = await look(context, name, options.revision, seen);
    let standing: string;
    if (answer.ok) {
      seen = answer.value.rollout?.id ?? seen;
      const code = verdictOn(answer.value, options.targets);
      if (code !== null) return finish(context, answer.value, code, options.targets);
      sayNews(talk, name, answer.value, options);
      standing = standingOf(answer.value, options);
    } else {
      const passing = passingTrouble(answer.error);
      if (passing === null) return context.fail(answer.error);
      talk(`${passing}; trying again`);
      standing = passing;
    }
    const leftMs = options.timeoutMs - (clock.monotonic() - startedAt);
    if (leftMs <= 0) return timedOut(context, name, options, standing);
    await news.next(Math.min(LOOK_MS, leftMs));
  }
}

function timedOut(
  context: Context,
  name: string,
  { targets, timeoutMs }: WaitOptions,
  standing: string,
): ExitCode {
  const waited = roughDuration(timeoutMs);
  return context.refuse(
    EXIT.timedOut,
    `${name} is not ${targets.join(' or ')} after ${waited}; ${standing}`,
    `raise --timeout; \`canary explain ${name}\` says more`,
  );
}

/**
 * `followed`: the one rollout that counts, and without one what runs now. With a revision the newest of that, unless it
 * is history; the one that is followed is none.
 */
export async function look(
  { client }: Context,
  name: string,
  revision: string | null,
  followed: string | null,
): Promise<Answered<Look>> {
  const canary = await client.get(canaryPath(name), CanaryView);
  if (!canary.ok) return canary;
  const id = followed ?? canary.value.rolloutId;
  if (revision === null) {
    if (id === null) return ok({ canary: canary.value, rollout: null });
    const rollout = await client.get(`/api/v1/rollouts/${encodeURIComponent(id)}`, RolloutView);
    if (!rollout.ok) return err(rollout.error);
    const isOver = followed === null && rollout.value.outcome !== null;
    return ok({ canary: canary.value, rollout: isOver ? null : rollout.value });
  }
  const rollouts = await client.get(`${canaryPath(name)}/rollouts`, RolloutListView);
  if (!rollouts.ok) return err(rollouts.error);
  const { items } = rollouts.value;
  const newest = items.find((rollout) => rollout.revision === revision);
  if (newest === undefined) return ok({ canary: canary.value, rollout: null });
  const isFollowed = newest.id === followed;
  return isFollowed || !isHistory(newest, items[0], canary.value)
    ? ok({ canary: canary.value, rollout: newest })
    : ok({ canary: canary.value, rollout: null, past: newest });
}

/** It has ended, others came after it, and it is not the promotion of what is live. */
function isHistory(
  { id, outcome, revision }: RolloutView,
  newest: RolloutView | undefined,
  canary: CanaryView,
): boolean {
  const isLive = outcome === 'Promoted' && canary.stableRevision === revision;
  return outcome !== null && newest?.id !== id && !isLive;
}

/** Null: not decided yet. */
function verdictOn({ canary, rollout }: Look, targets: readonly string[]): ExitCode | null {
  if (rollout === null) return null;
  const { outcome } = rollout;
  if (outcome !== null) {
    const isWanted = targets.some((target) => target === (isOutcome(target) ? outcome : ENDS_IN[outcome]));
    return isWanted ? EXIT.ok : EXIT.endedBadly;
  }
  const isThere = targets.some((target) => target === canary.phase && !isOutcome(target));
  return isThere && canary.rolloutId === rollout.id ? EXIT.ok : null;
}

function isOutcome(target: string): target is Outcome {
  return OUTCOMES.some((outcome) => outcome === target);
}

/** Prints the rollout as it stands or ended, and says what was wanted instead. */
function finish(
  context: Context,
  { rollout, canary }: Look,
  code: ExitCode,
  targets: readonly string[],
): ExitCode {
  if (rollout === null) return code;
  const { id, revision, outcome, reason } = rollout;
  const state = outcome === null ? canary.phase : `${OUTCOME_GLYPHS[outcome]} ${outcome}`;
  context.print(rollout, () => `${state}  ${revision}  ${id}  ${outcome === null ? canary.reason : reason}`);
  if (code === EXIT.endedBadly) {
    const hint = `\`canary history ${rollout.canary}\` and \`canary explain ${rollout.canary}\` say why`;
    return context.refuse(
      code,
      `the rollout of ${revision} ended ${outcome}, not ${targets.join(' or ')}`,
      hint,
    );
  }
  return code;
}

/** Most wait for their first step for a moment only; who waits for longer wants to know for what. */
function sayNews(talk: Talk, name: string, look: Look, options: WaitOptions): void {
  const { phase, reason } = look.canary;
  const news = newsOf(name, look, options);
  talk(news, phase === 'Waiting' && look.rollout !== null ? `${news} (${reason})` : news);
}

function newsOf(name: string, { canary, rollout, past }: Look, { revision }: WaitOptions): string {
  if (rollout === null) {
    const before = past === undefined ? '' : `; ${past.id} ended ${past.outcome}, and others came after it`;
    return `${name}: waiting for a rollout of ${revision} to begin${before}`;
  }
  if (canary.rolloutId !== rollout.id) return `${name}: rollout ${rollout.id} is no longer the current one`;
  const { phase, step, weight } = canary;
  const place = step === null || step.index < 0 ? '' : ` at step ${step.index + 1} of ${step.count}`;
  if (phase === 'Paused') {
    const why = canary.pauses.map((pause) => `${pause.reason}: ${pause.detail}`).join('; ');
    return `${name}: Paused${place}, still waiting (${why})`;
  }
  return `${name}: ${phase}${place}, weight ${weight.observed ?? '?'} %`;
}

/** Where it stands and why, for a wait that ends without having seen what it waits for. */
function standingOf({ canary, rollout }: Look, { revision }: WaitOptions): string {
  const { phase, reason, canaryRevision } = canary;
  if (rollout !== null) return `it is ${phase}: ${reason}`;
  const other = canaryRevision === null ? '' : ` with ${canaryRevision}`;
  return `no rollout of ${revision} has begun, it is ${phase}${other}: ${reason}`;
}

/** Says a sentence only when it was not the last one. `still` takes its place from the second time on. */
type Talk = (sentence: string, still?: string) => void;

function onlyNews(context: Context): Talk {
  let heard = '';
  let said = '';
  return (sentence, still = sentence) => {
    const next = sentence === heard ? still : sentence;
    heard = sentence;
    if (next !== said) context.talk(next);
    said = next;
  };
}
