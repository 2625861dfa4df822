import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseRule } from '../../src/core/rule.ts';
import { parseScenario, type Scenario } from '../../src/spec/scenario.ts';
import { aMetric, aSpec, steps } from '../support/a-canary.ts';
import { type ChaosChange, type Fate, runChaos } from './chaos.ts';
import { newTally } from './oracle.ts';

const minutes = (least: number, most: number) =>
  fc.integer({ min: least * 60, max: most * 60 }).map((s) => s * 1000);

const shortMetrics = [aMetric({ forMs: 60_000 }), aMetric({ name: 'watched', bounds: { max: 0.5 } })];

/** Good while the world's alert asks for a promotion. */
const awaited = aMetric({
  name: 'awaited',
  source: { kind: 'external', alert: 'SloBurn' },
  bounds: {},
});

/** Judged by the odds of its counts. */
const odds = aMetric({
  name: 'odds',
  forMs: null,
  judge: 'sequential',
  sequential: { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: null },
});

const change: fc.Arbitrary<ChaosChange> = fc
  .record({
    at: minutes(0, 60),
    what: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom(0.001, 0.02, 0.3, 1).map((error) => ({ canary: { error } })) },
      { weight: 2, arbitrary: fc.constant({ canary: { error: 0 } }) },
      { weight: 2, arbitrary: fc.constantFrom(0, 1, 50).map((rps) => ({ rps })) },
      {
        weight: 2,
        arbitrary: fc.constantFrom('up', 'down', 'empty', 'nan', 'bad').map((prometheus) => ({ prometheus })),
      },
      { weight: 2, arbitrary: fc.constantFrom('up', 'down', 'ignores-writes').map((nacos) => ({ nacos })) },
      { weight: 3, arbitrary: fc.constantFrom(0, 3, 25, 40, 99, 100).map((weight) => ({ weight })) },
      {
        weight: 1,
        arbitrary: fc
          .constantFrom('deleted', 'disabled', 'foreign', 'other-pair')
          .map((document) => ({ document })),
      },
      {
        weight: 4,
        arbitrary: fc
          .constantFrom(
            'pause',
            'resume',
            'resume',
            'approve',
            'promote',
            'promote',
            'abort',
            'retry',
            'undo',
          )
          .chain((command) =>
            fc.record({ command: fc.constant(command), force: fc.boolean(), full: fc.boolean() }),
          ),
      },
      { weight: 2, arbitrary: fc.constantFrom('v1', 'v2', 'v3').map((revision) => ({ revision })) },
      {
        weight: 2,
        arbitrary: fc
          .record({ revision: fc.constantFrom('v1', 'v2', 'v3', 'v4'), restart: fc.boolean() })
          .map((start) => ({ command: 'start' as const, ...start })),
      },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom(
            { steps: steps(10, 30, 100) },
            { steps: steps(50, 100) },
            { metrics: shortMetrics },
            { metrics: [aMetric({ bounds: { max: 0.1 } })] },
            { skip: true },
            { skip: false, metrics: shortMetrics },
          )
          .map((edit) => ({ edit })),
      },
      { weight: 1, arbitrary: fc.constant({ file: 'removed' as const }) },
      { weight: 1, arbitrary: fc.boolean().map((suspend) => ({ suspend })) },
      { weight: 1, arbitrary: fc.constant({ daemon: 'restart' as const }) },
      { weight: 1, arbitrary: fc.constantFrom('10s', '-10s', '2h', '-2h').map((clock) => ({ clock })) },
      {
        weight: 5,
        arbitrary: fc
          .constantFrom('rollback', 'rollback', 'pause', 'promote', 'promote', 'resolved')
          .map((alert) => ({ alert })),
      },
    ),
  })
  .map(({ at, what }) => ({ at, ...what }) as ChaosChange);

const fate: fc.Arbitrary<Fate> = fc.record({
  crash: fc.oneof(
    { weight: 12, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constantFrom('beforeSave', 'afterSave', 'afterPublish', 'afterReadBack') },
  ),
  publish: fc.oneof(
    { weight: 6, arbitrary: fc.constant('good' as const) },
    { weight: 1, arbitrary: fc.constantFrom('lost', 'lostAnswer', 'delayed', 'delayed', 'liar') },
  ),
  delayMs: fc.oneof(fc.integer({ min: 10, max: 5_000 }), fc.integer({ min: 25_000, max: 90_000 })),
  staleRead: fc.boolean(),
  unreadable: fc.oneof(
    { weight: 8, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

const spec = fc
  .record({
    weights: fc.constantFrom([5, 25, 50, 100], [1, 100], [10, 20, 30, 40, 100], [100]),
    approvalAt: fc.constantFrom(-1, 0, 1),
    bakeMs: fc.constantFrom(60_000, 180_000, 300_000),
    settleMs: fc.constantFrom(0, 30_000, 60_000),
    critical: fc.boolean(),
    failureLimit: fc.constantFrom(null, 0, 2),
    onFailure: fc.constantFrom('rollback', 'pause'),
    onDrift: fc.constantFrom('correct', 'pause', 'adopt'),
    onNoData: fc.constantFrom('hold', 'pause', 'rollback'),
    onError: fc.constantFrom('hold', 'pause', 'rollback'),
    onRevisionChange: fc.constantFrom('restart', 'queue', 'reject'),
    dryRun: fc.boolean(),
    deadlineMs: fc.constantFrom(0, 600_000),
    onDelete: fc.constantFrom('rollback', 'retain'),
    owned: fc.constantFrom(true, true, true, false),
    resumeOnResolved: fc.boolean(),
    waitsForAlert: fc.constantFrom(true, false, false, false),
    isSequential: fc.boolean(),
  })
  .map((parts) => {
    const { weights, approvalAt, bakeMs } = parts;
    return aSpec({
      settleMs: parts.settleMs,
      revision: parts.owned ? 'v2' : null,
      onDrift: parts.onDrift as 'correct',
      strategy: {
        steps: steps(...weights).map((step, index) => ({
          ...step,
          bakeMs,
          ...(parts.isSequential ? { maxHoldMs: 600_000 } : {}),
          approval: index === approvalAt && index < weights.length - 1,
        })),
        onFailure: parts.onFailure as 'rollback',
        onRevisionChange: parts.onRevisionChange as 'restart',
        progressDeadlineMs: parts.deadlineMs,
        onDelete: parts.onDelete as 'rollback',
      },
      analysis: {
        onNoData: parts.onNoData as 'hold',
        onError: parts.onError as 'hold',
        noDataGraceMs: 300_000,
        resumeOnResolved: parts.resumeOnResolved,
        metrics: [
          ...(parts.waitsForAlert ? [awaited] : []),
          ...(parts.isSequential ? [odds] : []),
          aMetric({
            critical: parts.critical,
            failureLimit: parts.failureLimit,
            forMs: parts.failureLimit === null ? 90_000 : null,
          }),
          aMetric({ name: 'watched', dryRun: parts.dryRun, bounds: { max: 0.9 } }),
        ],
      },
    });
  });

function scenario(until: string): Scenario {
  const parsed = parseScenario(`world: {rps: 50, until: ${until}}`);
  if (!parsed.ok) throw new Error(parsed.error.join());
  return parsed.value;
}

/** A metric that waits for an alert is told early, as steps would be left on one too rarely by chance. */
const told: ChaosChange = { at: 60_000, alert: 'promote' };

/** After the storm everything works again, someone resumes what waits for a person, and the run must come to rest. */
const calm: ChaosChange[] = [
  {
    at: 61 * 60_000,
    canary: { error: 0 },
    rps: 50,
    prometheus: 'up',
    nacos: 'up',
    alert: 'resolved',
    suspend: false,
  },
  { at: 75 * 60_000, command: 'abort' },
];

/** A rollback always ends, and an aborted revision has no traffic while the document is ours. */
function checkEnd({ state, weight }: ReturnType<typeof runChaos>): void {
  const isForeign = [...state.pauses, ...(state.rollout?.pauses ?? [])].some(
    ({ reason }) => reason === 'ForeignController',
  );
  if (isForeign) return;
  expect(state.ending, 'no rollback is left unfinished').toBeNull();
  if (state.rollout?.outcome !== 'Aborted' || state.phase !== 'RolledBack' || state.known === null) return;
  const known = parseRule(state.known.content);
  if (known.ok && known.value.canaryVersion === state.rollout.revision) expect(weight).toBe(0);
}

describe('the core under hostile worlds', () => {
  const tally = newTally();
  const numRuns = Number(process.env['CHAOS_RUNS'] ?? 100);
  const seed = process.env['CHAOS_SEED'];
  afterAll(() => {
    console.info(`chaos: ${JSON.stringify(tally)}`);
    expect(tally.rollingBack, 'runs reached RollingBack').toBeGreaterThan(tally.runs / 10);
    expect(tally.hundred, 'runs reached weight 100').toBeGreaterThan(0);
    expect(tally.alerts, 'alerts took a canary back').toBeGreaterThan(0);
    expect(tally.told, 'steps were left on an alert').toBeGreaterThan(0);
    expect(tally.drift, 'runs saw drift').toBeGreaterThan(0);
    expect(tally.openIntents, 'daemons died with an open intent').toBeGreaterThan(0);
  });

  it.each([
    { authoritative: true, compares: true },
    { authoritative: false, compares: true },
    { authoritative: false, compares: false },
  ])(
    'keeps every invariant with %o',
    ({ authoritative, compares }) => {
      fc.assert(
        fc.property(
          spec,
          fc.array(change, { maxLength: 12, size: 'max' }),
          fc.array(fate, { maxLength: 120, size: 'max' }),
          (aSpec, changes, fates) => {
            const trace: string[] = [];
            const waits = aSpec.canary.analysis.metrics.includes(awaited);
            try {
              const run = runChaos({
                spec: aSpec,
                scenario: scenario('100m'),
                changes: [...(waits ? [told] : []), ...changes, ...calm],
                fates,
                authoritative,
                compares,
                tally,
                trace,
              });
              checkEnd(run);
            } catch (error) {
              const { strategy, settleMs, onDrift, analysis } = aSpec.canary;
              const story = [...changes.map((change) => JSON.stringify(change)), ...trace.slice(-40)].join(
                '\n',
              );
              throw new Error(
                `${error}\n${JSON.stringify({ settleMs, onDrift, strategy, analysis })}\n${story}`,
                {
                  cause: error,
                },
              );
            }
          },
        ),
        { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) },
      );
    },
    600_000,
  );
});
