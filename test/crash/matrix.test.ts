/**
 * The crash matrix: the real daemon beside a real Prometheus, killed at each boundary of each kind of write, and
 * started again.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Version } from '../../infra/dev-nacos/generation.ts';
import type { Rule } from '../../src/core/observation.ts';
import { parseRule } from '../../src/core/rule.ts';
import { startMeasured } from '../faults/measured.ts';
import { aWorld, type Cleanup, type Daemon, readBack, type World } from '../system/world.ts';
import { BOUNDARIES, type Boundary, DEATH_VARIABLE, type Death, DYING } from './boundary.ts';

// Rows wait for their daemons most of the time.
vi.setConfig({ maxConcurrency: 24 });

/** Two dozen daemons on a busy machine of two cores take their time. */
const ROW_MS = 400_000;
/** In the declaration of the world that the rows live in. */
const WINDOW_MS = 1_000;
const PASSES_NEEDED = 3;
const HOOK = join(import.meta.dirname, 'die.ts');
/** Compiled code is kept for the daemons that follow, which halves what a start costs. */
const KEPT_CODE = { NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/crash-matrix') };
/** A runtime read that lags, and a read from the database. */
const VERSIONS: readonly Version[] = ['2.5.1', '3.1'];
const isFull = process.env['CRASH_MATRIX'] === 'full';

interface Row {
  readonly title: string;
  readonly version: Version;
  /** Where one daemon after the other dies. */
  readonly deaths: readonly [Death, ...Death[]];
}

type Write = Pick<Death, 'purpose' | 'to'>;

function rowOf(version: Version, ...deaths: Row['deaths']): Row {
  const places = deaths.map(({ purpose, to, boundary }) => `${purpose} to ${to} ${boundary}`);
  return { title: `${places.join(', then ')} (Nacos ${version})`, version, deaths };
}

/** Every boundary of every write; on one of the servers, so spread that all meet both, or on each of them. */
function rowsOf(writes: readonly Write[]): Row[] {
  return writes.flatMap((write, i) =>
    BOUNDARIES.flatMap((boundary, j) =>
      VERSIONS.filter((_, k) => isFull || (i + j) % 2 === k).map((version) =>
        rowOf(version, { boundary, ...write }),
      ),
    ),
  );
}

/** Dies before `write` is made although it is saved, and again at each of `boundaries` of the `answer` to that. */
function recovering(version: Version, write: Write, answer: Write, ...boundaries: Boundary[]): Row {
  const first: Death = { boundary: 'after the intent is committed', ...write };
  return rowOf(version, first, ...boundaries.map((boundary) => ({ boundary, ...answer })));
}

interface Story {
  readonly events: readonly Event[];
  /** What the server stored for the shop, oldest first. */
  readonly rules: readonly Rule[];
  /** When the canary was measured: evaluation times. */
  readonly looks: readonly number[];
  readonly restartedAt: number;
  readonly canary: unknown;
}

interface Event {
  readonly type: string;
  readonly at: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A rollout in which daemons die at `deaths`, and one more goes on to the end. */
async function live(cleanup: Cleanup, { version, deaths }: Row): Promise<Story> {
  const [first, ...others] = deaths;
  const world = await aWorld(cleanup, { version, measured });
  world.declare('v2');
  await die(world, first, first.purpose === 'rollback');
  // What ails the new version is over: from the intent on, the decision stands all the same.
  if (first.boundary !== 'before the intent is committed') world.setErrors(0);
  for (const death of others) await die(world, death);
  const restartedAt = Date.now();
  const daemon = world.start([], KEPT_CODE);
  const isOver = (await eventsOf(daemon)).some(({ type }) => type === 'RolloutEnded');
  if (!isOver) await daemon.logged({ type: 'RolloutEnded' });
  const events = await eventsOf(daemon);
  const canary = await daemon.get('/api/v1/canaries/shop');
  return { events, canary, restartedAt, rules: rulesIn(world), looks: looksIn(world) };
}

async function die(world: World, death: Death, fails = false): Promise<void> {
  const daemon = world.start([], {
    ...KEPT_CODE,
    NODE_OPTIONS: `--import=${HOOK}`,
    [DEATH_VARIABLE]: JSON.stringify(death),
  });
  if (fails) {
    await daemon.logged(readBack(10));
    world.setErrors(0.5);
  }
  const missed = daemon.logged({ type: 'RolloutEnded' }).then(
    () => 'the rollout ended without passing the boundary',
    () => daemon.ended,
  );
  expect(await Promise.race([daemon.ended, missed])).toBe('SIGKILL');
  await daemon.logged({ msg: DYING, ...death });
}

async function eventsOf(daemon: Daemon): Promise<Event[]> {
  const answer = await daemon.get('/api/v1/events?canary=shop&limit=500&after=0');
  return (answer as { items: Event[] }).items;
}

/** History rows of updates hold the document that was replaced. */
function rulesIn({ nacos }: World): Rule[] {
  const name = ['shop.json', 'CANARY_GROUP'] as const;
  const replaced = nacos.history(...name).filter(({ operation }) => operation === 'U');
  const contents = [...replaced.map(({ document }) => document.content).reverse()];
  return [...contents, nacos.get(...name)?.content ?? ''].map((content) => {
    const rule = parseRule(content);
    if (!rule.ok) throw new Error(rule.error);
    return rule.value;
  });
}

function looksIn({ prometheus }: World): number[] {
  return prometheus.asked
    .filter(({ form }) => /errors\{.*version="v2"/.test(form.get('query') ?? ''))
    .map(({ form }) => Number(form.get('time')) * 1000);
}

const timeOf = ({ at }: Event) => Date.parse(at);
const count = ({ events }: Story, type: string) => events.filter((event) => event.type === type).length;

const isStepReached = ({ type, facts }: Event) => type === 'WeightVerified' && facts['purpose'] === 'step';

function stepsReached({ events }: Story): unknown[] {
  return events.filter(isStepReached).map(({ facts }) => facts['weight']);
}

/** The looks on which a step was left: at its verified weight, and since a raise from it was cancelled. */
function looksBehind({ events, looks }: Story, left: Event): number[] {
  const before = events.slice(0, events.indexOf(left));
  const verified = before.findLast(isStepReached);
  const cancelled = before.findLast(({ type }) => type === 'RaiseCancelled');
  if (verified === undefined) return [];
  const from = Math.max(timeOf(verified) + WINDOW_MS, cancelled === undefined ? 0 : timeOf(cancelled));
  return looks.filter((at) => at >= from && at <= timeOf(left));
}

function expectEvidence(story: Story): void {
  for (const left of story.events.filter(({ type }) => type === 'StepLeft')) {
    const looks = looksBehind(story, left);
    expect(looks.length, `looks before ${left.at}`).toBeGreaterThanOrEqual(PASSES_NEEDED);
    const isAfterRestart = timeOf(left) > story.restartedAt;
    if (isAfterRestart) expect(looks.at(-1)).toBeGreaterThan(story.restartedAt);
  }
}

const measured = await startMeasured();
afterAll(() => measured.stop());

// Only a daemon that ends in peace leaves its compiled code behind.
beforeAll(async () => {
  const cleanups: (() => unknown)[] = [];
  const world = await aWorld((cleanup) => void cleanups.push(() => cleanup({} as never)));
  const daemon = world.start([], KEPT_CODE);
  await daemon.url();
  daemon.kill('SIGTERM');
  await daemon.ended;
  for (const cleanup of cleanups.reverse()) await cleanup();
});

const RAISE: Write = { purpose: 'step', to: 50 };
const WITHDRAWAL: Write = { purpose: 'withdraw', to: 10 };
const MARK: Write = { purpose: 'promoted', to: 100 };
const ROLLBACK: Write = { purpose: 'rollback', to: 0 };

describe.concurrent('killed in a rollout of a good version', () => {
  const rows = [
    ...rowsOf([{ purpose: 'step', to: 10 }, RAISE, { purpose: 'step', to: 100 }, MARK]),
    recovering('2.5.1', RAISE, WITHDRAWAL, 'after the intent is committed'),
    recovering('3.1', RAISE, WITHDRAWAL, 'after the publish'),
    recovering('3.1', MARK, MARK, 'after the publish', 'before what was read back is committed'),
  ];
  for (const row of rows) {
    const name = `${row.title}: it goes on where it was, by evidence, and promotes`;
    test(name, { timeout: ROW_MS }, async ({ onTestFinished }) => {
      const story = await live(onTestFinished, row);
      expect(stepsReached(story)).toEqual([10, 50, 100]);
      expectEvidence(story);
      const weights = story.rules.map(({ canaryWeight }) => canaryWeight);
      expect(weights, 'never backwards').toEqual(weights.toSorted((a, b) => a - b));
      const operations = story.rules.map(({ managedBy }) => managedBy?.operation);
      expect(operations, 'nothing is written twice').toEqual([...new Set(operations)]);
      const [{ boundary, purpose }] = row.deaths;
      const isLost = boundary === 'after the intent is committed' || boundary === 'before the publish';
      expect(count(story, 'RaiseCancelled')).toBe(isLost && purpose === 'step' ? 1 : 0);
      expect([count(story, 'RolloutStarted'), count(story, 'RolloutEnded')]).toEqual([1, 1]);
      expect(story.rules.at(-1)).toMatchObject({ canaryWeight: 100, managedBy: { promoted: true } });
      expect(story.rules.filter(({ managedBy }) => managedBy?.promoted)).toHaveLength(1);
      expect(story.canary).toMatchObject({ phase: 'Succeeded', stableRevision: 'v2' });
    });
  }
});

describe.concurrent('killed in a rollback', () => {
  const rows = [
    ...rowsOf([ROLLBACK]),
    recovering('2.5.1', ROLLBACK, ROLLBACK, 'before the publish', 'before what was read back is committed'),
  ];
  for (const row of rows) {
    const name = `${row.title}: it is not lost, and nothing rises again`;
    test(name, { timeout: ROW_MS }, async ({ onTestFinished }) => {
      const story = await live(onTestFinished, row);
      expect(stepsReached(story)).toEqual([10]);
      const [raised, ...lowered] = story.rules.map(({ canaryWeight }) => canaryWeight);
      expect([raised, new Set(lowered)]).toEqual([10, new Set([0])]);
      expect(count(story, 'StepStarted')).toBe(1);
      expect([count(story, 'RollbackStarted'), count(story, 'RolloutEnded')]).toEqual([1, 1]);
      expect(story.canary).toMatchObject({ phase: 'RolledBack', stableRevision: 'v1' });
    });
  }
});
