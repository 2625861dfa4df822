/**
 * One run for one Canary: look, decide, save, apply, read back. Level-triggered: it does not know why it was
 * called. Every decision is committed before anything outside changes.
 */
import { decide } from '../core/decide.ts';
import type { Decision } from '../core/decision.ts';
import { NOTHING_SEEN, type Observation, type PublishReport, ROUTE_LATE } from '../core/observation.ts';
import type { CanaryState, Intent } from '../core/rollout.ts';
import { initialState, sameTarget } from '../core/state.ts';
import type { Spec } from '../spec/canary.ts';
import { type Applied, apply } from './apply.ts';
import { type CommitDeps, commit } from './commit.ts';
import type { Entry } from './memory.ts';
import { firstSight, look, type ObserveDeps } from './observe.ts';

export interface ReconcileDeps extends ObserveDeps, CommitDeps {
  /** "canary-controller/STORE-ID". */
  readonly controller: string;
  /** Identifies this process run. */
  readonly bootId: string;
  readonly epoch: () => number;
  /** Whether this process may write outside now; asked before each write. */
  readonly confirmLeader: () => boolean;
  /** Whether `entry` is still what memory holds: it is not once leadership was lost and won again. */
  readonly isCurrent: (entry: Entry) => boolean;
  /** A decision came into force. */
  readonly onDecided: (entry: Entry, decision: Decision) => void;
  /** A write was tried. */
  readonly onWritten: (canary: string, result: PublishReport['result']) => void;
  /** Aborts at shutdown. */
  readonly signal: AbortSignal;
  /** Ends of the looks and writes in hand, for the shutdown: thousands of listeners on its signal would be searched one by one. */
  readonly ends: Set<AbortController>;
}

/** What a decision is made on besides what was seen, so that it can be made again on the same. */
interface Basis {
  readonly spec: Spec;
  readonly wall: number;
  readonly monotonic: number;
}

/** What is asked of Nacos gets this much longer than the measurements before a decision is made without it. */
const GRACE_MS = 100;
/** Writes that may follow each other in one run, e.g. 0 of the old revision, then the first step of the new one. */
const WRITES_PER_RUN = 4;
/** What a raise that is being written still gets when there is news. Nacos answers a write in 5 to 50 ms. */
const LAST_WORD_MS = 500;
/** Made once: the reason that `abort` makes up by itself costs as much as all the rest of it. */
const POINTLESS = new Error('nobody waits for this look any more');

/** Runs once for `entry`. Throws what the queue should back off for; a fenced store throws STORE_FENCED. */
export async function reconcile(deps: ReconcileDeps, entry: Entry): Promise<void> {
  if (isOver(deps, entry)) return;
  if ((entry.commands.length > 0 || hasNews(entry)) && entry.state !== null) {
    await act(deps, entry, NOTHING_SEEN);
  }
  if (isOver(deps, entry)) return;

  const end = new AbortController();
  deps.ends.add(end);
  try {
    await lookAndAct(deps, entry, end.signal);
  } finally {
    entry.interrupt = () => {};
    deps.ends.delete(end);
    end.abort(POINTLESS);
  }
}

async function lookAndAct(deps: ReconcileDeps, entry: Entry, signal: AbortSignal): Promise<void> {
  const asked = { spec: entry.spec, state: stateOf(deps, entry, deps.clock.now()) };
  const looking = look(deps, asked.spec, asked.state, entry.commands, signal);
  const sight = await attend(deps, entry, asked, firstSight(deps.clock, looking, GRACE_MS));
  if (sight === null) return;
  const { measurements, route, beta } = sight;
  if (route !== null) {
    await act(deps, entry, { ...NOTHING_SEEN, measurements, beta, route });
    return;
  }
  const hasWritten = await act(deps, entry, { ...NOTHING_SEEN, measurements, route: ROUTE_LATE });
  if (hasWritten) return;
  const late = await attend(deps, entry, asked, Promise.all([looking.route, looking.beta]));
  if (late !== null) await act(deps, entry, { ...NOTHING_SEEN, route: late[0], beta: late[1] });
}

/** What a look was made for. */
interface Question {
  readonly spec: Spec;
  readonly state: CanaryState;
}

/**
 * Waits for what is being looked at, and takes the commands and alerts that arrive meanwhile at once: they never wait
 * for a look, and however many come, the look is not lost. Null when they, or an edit of the file, made it pointless:
 * it was asked for another weight, or in other words.
 */
async function attend<T>(
  deps: ReconcileDeps,
  entry: Entry,
  asked: Question,
  sight: Promise<T>,
): Promise<T | null> {
  const seen = sight.then((value) => ({ value }));
  let taken = newestCommand(entry);
  for (;;) {
    if (newestCommand(entry) > taken || hasNews(entry)) {
      taken = newestCommand(entry);
      await act(deps, entry, NOTHING_SEEN);
      if (isOver(deps, entry) || !isSameQuestion(asked, entry)) return null;
      continue;
    }
    const arrival = new Promise<null>((resolve) => {
      entry.interrupt = () => resolve(null);
    });
    const first = await Promise.race([seen, arrival]);
    if (first !== null) return isSameQuestion(asked, entry) ? first.value : null;
  }
}

/** Something was told of its alerts that no decision knew yet. */
function hasNews({ heard, heeded }: Entry): boolean {
  return heard > heeded;
}

/** Commands are numbered in the order of their arrival; 0: none waits. */
function newestCommand({ commands }: Entry): number {
  return Math.max(0, ...commands.map(({ id }) => id));
}

/** What was asked for still tells about the declaration, the document, the rollout and the weight that count now. */
function isSameQuestion(asked: Question, { spec, state }: Entry): boolean {
  if (asked.spec.hash !== spec.hash) return false;
  if (state === null) return true;
  const then = asked.state;
  return (
    sameTarget(then.route, state.route) &&
    then.rollout?.id === state.rollout?.id &&
    then.rollout?.outcome === state.rollout?.outcome &&
    then.rollout?.held.verifiedAt === state.rollout?.held.verifiedAt &&
    then.rollout?.held.weight === state.rollout?.held.weight &&
    (then.ending === null) === (state.ending === null)
  );
}

/** Shutting down, forgotten, or no longer the leader. */
function isOver(deps: ReconcileDeps, entry: Entry): boolean {
  return !mayAct(deps, entry) || (entry.state === null && entry.file === 'gone');
}

function mayAct(deps: ReconcileDeps, entry: Entry): boolean {
  // In this order: asking whether we lead may find that all of the memory has to be read afresh.
  return !deps.signal.aborted && deps.confirmLeader() && deps.isCurrent(entry);
}

/** Decides, commits and carries out, until nothing is left to be written. Returns whether anything was written. */
async function act(deps: ReconcileDeps, entry: Entry, seen: Observation): Promise<boolean> {
  let observation = seen;
  for (let writes = 0; writes < WRITES_PER_RUN; writes += 1) {
    // What was seen may have taken a while: a shutdown makes it worthless, a lost leadership forbids to use it.
    if (isOver(deps, entry)) return writes > 0;
    // Taken before the commit, which may take a while: the bake clock must not lose that time.
    const basis = { spec: entry.spec, wall: deps.clock.now(), monotonic: deps.clock.monotonic() };
    const wanted = think(deps, entry, observation, basis);
    if (observation === NOTHING_SEEN && !isWorthSaving(wanted)) return false;
    const decision = await commit(deps, entry, wanted, basis.monotonic, (trouble) =>
      think(deps, entry, observation, basis, trouble.message),
    );
    say(deps, decision);
    deps.onDecided(entry, decision);
    const { intent } = decision.state;
    if (!decision.publish || intent === null) return writes > 0;
    const applied = await carryOut(deps, entry, decision.state, intent);
    deps.onWritten(entry.name, applied.publish.result);
    observation = { ...NOTHING_SEEN, route: applied.route, publish: applied.publish };
  }
  // What was written last is read back by the next run.
  return true;
}

/**
 * Carries out what was decided. What does not lower to 0 gives way to news: a command or an alert may ask for 0, and
 * that waits for nothing but a request that is just being answered, so that one broken off does not land after it.
 */
async function carryOut(
  deps: ReconcileDeps,
  entry: Entry,
  state: CanaryState,
  intent: Intent,
): Promise<Applied> {
  const [write, reading] = [new AbortController(), new AbortController()];
  let cancel = () => {};
  if (intent.direction !== 'lower' || intent.to > 0) {
    entry.interrupt = () => {
      if (reading.signal.aborted) return;
      reading.abort(POINTLESS);
      cancel = deps.clock.after(LAST_WORD_MS, () => write.abort(POINTLESS));
    };
  }
  for (const end of [write, reading]) deps.ends.add(end);
  try {
    const ends = { write: write.signal, reading: reading.signal };
    return await apply(deps, state, intent, ends, () => mayAct(deps, entry));
  } finally {
    entry.interrupt = () => {};
    cancel();
    for (const end of [write, reading]) deps.ends.delete(end);
  }
}

/** A command that has to wait for what this run reads next changes nothing yet. */
function isWorthSaving(decision: Decision): boolean {
  return decision.urgent || decision.consumed.length > 0;
}

/** A Canary that was forgotten and came back goes on counting where its history ends. */
function stateOf({ store, bootId }: ReconcileDeps, { name, spec, state }: Entry, now: number): CanaryState {
  return state ?? initialState(spec, now, bootId, store.rollouts(name, 1)[0]?.id ?? null);
}

/** `unsavable`: why nothing can be saved, so that nothing but a lowering may be written. */
function think(
  deps: ReconcileDeps,
  entry: Entry,
  seen: Observation,
  { spec, wall: now, monotonic }: Basis,
  unsavable?: string,
): Decision {
  entry.heeded = entry.heard;
  return decide({
    spec,
    file: entry.file,
    state: stateOf(deps, entry, now),
    seen: { ...seen, commands: entry.commands, signals: [...entry.signals.values()] },
    now,
    elapsedMs: entry.decidedAt === null ? null : monotonic - entry.decidedAt,
    controller: deps.controller,
    epoch: deps.epoch(),
    bootId: deps.bootId,
    ...(unsavable === undefined ? {} : { unsavable }),
  });
}

function say({ log }: ReconcileDeps, decision: Decision): void {
  const { canary, rolloutId } = decision.explanation;
  for (const { type, message, data } of decision.events) {
    log.info(
      { canary, rolloutId, type, message, ...(data === undefined ? {} : { facts: data }) },
      'decision',
    );
  }
}
