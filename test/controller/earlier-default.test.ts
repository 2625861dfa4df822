/** What becomes of a rollout that began before sequential was the default judge, and of the next one. */
import Database from 'better-sqlite3';
import { expect, it } from 'vitest';
import type { Spec } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { canaryView } from '../../src/view/build.ts';
import { aRig, BAD, type Rig } from './rig.ts';

interface Words {
  readonly revision?: string;
  readonly maxDelta?: number;
  /** Default: the file names no judge. */
  readonly judge?: 'threshold' | 'sequential';
}

function specOf({ revision = 'v2', maxDelta = 0.005, judge }: Words = {}): Spec {
  const { specs } = parseFile(
    `apiVersion: canary/v1
kind: Canary
metadata: {name: shop}
spec:
  revision: ${revision}
  stableRevision: v1
  traffic: {settle: 0s, nacos: {dataId: shop.json}}
  strategy:
    steps: [{setWeight: 10, bake: 5m, approval: required}, {setWeight: 50, bake: 5m}, {setWeight: 100, bake: 5m}]
  analysis:
    interval: 10s
    window: 10s
    ${judge === undefined ? '' : `judge: ${judge}`}
    metrics:
      - name: error-rate
        ratio: {bad: 'r{job="shop",code="5"}', total: 'r{job="shop"}'}
        maxDelta: ${maxDelta}
`,
    'shop.yaml',
  );
  return specs[0]!;
}

/**
 * A controller that leads over a store that the version before left: a rollout at its first step, good so far and
 * approved. Its file is as it was then, without a judge.
 */
async function afterTheUpgrade(): Promise<Rig> {
  // A file without a judge was under the hash of one that names threshold.
  const before = await aRig({ specs: [specOf({ judge: 'threshold' })] });
  before.lead();
  await before.run(60_000);
  await before.submit('approve');
  await before.run(10_000);
  before.follow();
  const db = new Database(before.temp.file);
  db.exec("UPDATE canaries SET state = json_remove(state, '$.rollout.defaultJudge')");
  db.close();
  before.files.set('shop', { spec: specOf(), file: 'present' });
  const after = await aRig({ beside: before });
  after.lead();
  await after.settle();
  expect(after.weight()).toBe(10);
  expect(rolloutOf(after)).not.toHaveProperty('defaultJudge');
  return after;
}

function rolloutOf(rig: Rig) {
  return rig.controller.state('shop')!.rollout!;
}

/** The judge of the metric, as anyone is shown it. */
function judgeShown(rig: Rig): string | undefined {
  const state = rig.controller.state('shop');
  const spec = rig.files.get('shop')!.spec;
  return canaryView({ name: 'shop', spec, state, explanation: null, diagnostics: [] }).metrics[0]?.judge;
}

async function edit(rig: Rig, words: Words): Promise<void> {
  rig.files.set('shop', { spec: specOf(words), file: 'present' });
  await rig.controller.rescan();
  await rig.run(20_000);
}

it('goes on by threshold, with its passes and its approval, to its end', async () => {
  const rig = await afterTheUpgrade();
  const { passes, key } = rolloutOf(rig).metrics['error-rate']!;
  await rig.run(30_000);
  expect(rolloutOf(rig).metrics['error-rate']).toMatchObject({ key, passes: expect.any(Number) });
  expect(rolloutOf(rig).metrics['error-rate']?.passes).toBeGreaterThan(passes);
  expect(judgeShown(rig)).toBe('threshold');
  await rig.run(20 * 60_000);
  expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
  expect(rig.events()).not.toContain('SpecChanged');
  expect(rig.store.rollouts('shop', 1)[0]).toMatchObject({ revision: 'v2', judge: 'threshold' });
});

it('is rolled back by threshold', async () => {
  const rig = await afterTheUpgrade();
  rig.answers.canary.set('shop', BAD);
  await rig.run(90_000);
  expect(rolloutOf(rig)).toMatchObject({ outcome: 'RolledBack', judge: 'threshold' });
  expect(rig.weight()).toBe(0);
});

it('keeps the judge when something else of the metric is edited', async () => {
  const rig = await afterTheUpgrade();
  await edit(rig, { maxDelta: 0.01 });
  expect(judgeShown(rig)).toBe('threshold');
  expect(rolloutOf(rig).metrics['error-rate']?.verdict).toMatchObject({ bound: 'maxDelta 0.01' });
  expect(rig.events().filter((type) => type === 'SpecChanged')).toHaveLength(1);
});

it('takes the judge that an edit names', async () => {
  const rig = await afterTheUpgrade();
  await edit(rig, { judge: 'sequential' });
  expect(judgeShown(rig)).toBe('sequential');
  expect(rolloutOf(rig).metrics['error-rate']).toMatchObject({ passes: 0 });
  expect(rig.events()).toContain('SpecChanged');
});

it('is no other declaration once the file names threshold', async () => {
  const rig = await afterTheUpgrade();
  const { key } = rolloutOf(rig).metrics['error-rate']!;
  await edit(rig, { judge: 'threshold' });
  expect(rolloutOf(rig).metrics['error-rate']).toMatchObject({ key });
});

it('is followed by one that sequential judges, over a restart too', async () => {
  const rig = await afterTheUpgrade();
  await edit(rig, { revision: 'v3' });
  expect(rolloutOf(rig)).toMatchObject({ revision: 'v3', judge: 'sequential', defaultJudge: 'sequential' });
  expect(judgeShown(rig)).toBe('sequential');
  rig.follow();
  const next = await aRig({ beside: rig });
  next.lead();
  await next.run(20_000);
  expect(rolloutOf(next)).toMatchObject({ revision: 'v3', defaultJudge: 'sequential' });
  expect(judgeShown(next)).toBe('sequential');
});
