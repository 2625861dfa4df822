import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type PlanEntry, planOf } from '../../src/cli/planning.ts';
import { err } from '../../src/lib/result.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { canaryView } from '../../src/view/build.ts';
import { type CanaryParts, steps } from '../support/a-canary.ts';
import {
  paymentSpec,
  progressingState,
  rolledBackState,
  stableState,
  succeededState,
} from '../view/states.ts';
import { begin, run, scene } from './run.ts';

type State = ReturnType<typeof stableState>;

/** The plan for one file, where `running` runs in `state`. */
function planFor(file: Spec, running: Spec | null, state: State): PlanEntry | undefined {
  const { name } = file.canary;
  const view = canaryView({ name, spec: running, state, explanation: null, diagnostics: [] });
  return planOf([file], [], new Map([[name, { view, canary: running?.canary ?? null }]]))[0];
}

const stable = () => stableState();

test.each<[string, CanaryParts, State, PlanEntry['kind'], string]>([
  [
    'a new revision starts',
    { revision: 'v2' },
    stable(),
    'start',
    'would start v2 (v1.5.0 is live), first weight 5 %',
  ],
  [
    'a new revision after a promotion starts',
    { revision: 'v2' },
    succeededState(),
    'start',
    'would start v2 (v1.5.1',
  ],
  ['the live revision changes nothing', { revision: 'v1.5.0' }, stable(), 'unchanged', ''],
  ['the revision under way changes nothing', {}, progressingState(), 'unchanged', ''],
  ['no revision changes nothing', { revision: null }, progressingState(), 'unchanged', ''],
  [
    'stable reverts',
    { revision: 'v1.5.0' },
    progressingState(),
    'change',
    'v1.5.1 is reverted: weight 0 at once',
  ],
  [
    'a third one restarts',
    { revision: 'v2' },
    progressingState(),
    'start',
    'would start v2: v1.5.1 (Progressing) goes',
  ],
  [
    'a third one is queued',
    { revision: 'v2', strategy: { onRevisionChange: 'queue' } },
    progressingState(),
    'change',
    'v2 is queued until the rollout of v1.5.1 (Progressing) ended',
  ],
  [
    'a third one is rejected',
    { revision: 'v2', strategy: { onRevisionChange: 'reject' } },
    progressingState(),
    'blocked',
    'onRevisionChange: reject refuses v2',
  ],
  [
    'a failed one is blocked',
    {},
    rolledBackState(),
    'blocked',
    'v1.5.1 failed before: `canary retry payment-service`',
  ],
  ['another one after a failure starts', { revision: 'v2' }, rolledBackState(), 'start', 'would start v2'],
  [
    'without a known stable nothing starts',
    { revision: 'v2' },
    { ...stable(), stable: null, phase: 'Initializing' },
    'blocked',
    'set spec.stableRevision',
  ],
])('%s', (_, file, state, kind, note) => {
  const running = paymentSpec(file);
  const entry = planFor(paymentSpec(file), running, state);
  expect(entry).toMatchObject({ kind, changes: [] });
  expect(entry?.notes.join(' ')).toContain(note);
});

test('a suspended Canary starts but waits', () => {
  const file = paymentSpec({ revision: 'v2', suspend: true });
  expect(planFor(file, file, stable())?.notes).toContain('suspend: true holds it in Waiting');
});

test('an edit is a change with every field that differs', () => {
  const file = paymentSpec({ settleMs: 30_000, strategy: { steps: steps(5, 100) } });
  expect(planFor(file, paymentSpec(), progressingState())).toMatchObject({
    kind: 'change',
    changes: expect.arrayContaining([{ field: 'traffic.settle', before: '1m', after: '30s' }]),
  });
});

test('another traffic document is blocked only while a rollout is under way', () => {
  const file = paymentSpec({ target: { kind: 'file', path: 'w.json' } });
  expect(planFor(file, paymentSpec(), progressingState())?.kind).toBe('blocked');
  expect(planFor(file, paymentSpec(), rolledBackState())?.kind).toBe('blocked');
  const idle = paymentSpec({ revision: 'v1.5.0', target: { kind: 'file', path: 'w.json' } });
  expect(planFor(idle, paymentSpec({ revision: 'v1.5.0' }), stable())?.kind).toBe('change');
});

test.each<[CanaryParts, PlanEntry['kind'], string]>([
  [{ revision: 'v2' }, 'start', 'new; would start v2 unless the live rule says that it is stable already'],
  [{ revision: 'v2', stableRevision: 'v2' }, 'change', 'new; v2 is declared live'],
  [{ revision: null }, 'change', 'new; only `canary start` gives it a revision'],
])('a new Canary with %j', (parts, kind, note) => {
  expect(planOf([paymentSpec(parts)], [], new Map())).toMatchObject([{ kind, notes: [note] }]);
});

test('a second claimant of a name is blocked beside the first, which goes on', () => {
  const spec = paymentSpec();
  const { name } = spec.canary;
  const place = { severity: 'error', line: 3, column: 9, code: 'SPEC_DUPLICATE_NAME' } as const;
  const fault = { ...place, file: 'copy.yaml', detail: 'the name is taken', canary: name };
  expect(planOf([spec], [fault], new Map()).map(({ canary, kind }) => `${canary} ${kind}`)).toEqual([
    `${name} start`,
    `${name} (copy.yaml) blocked`,
  ]);
});

const YAML = (name: string, revision: string, more = '') => `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: ${revision}
  strategy:
    ready: {query: 'count(up{version="{{canary}}"} == 1)'}
    steps: [{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}]
  analysis: {skip: true${more}}
`;

function directory(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'canary-plan-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

/** checkout and search run as written here; payment-service runs and has no file in these directories. */
async function running() {
  const at = await scene();
  const specs = ['checkout', 'search'].flatMap((name) => parseFile(YAML(name, 'v1'), `${name}.yaml`).specs);
  at.behind.specs = [...specs, paymentSpec()];
  at.behind.states = [
    ...specs.map((spec) => ({ ...stableState(spec), name: spec.canary.name, stable: 'v1' })),
    progressingState(),
  ];
  return at;
}

test('a directory is compared with what runs', async () => {
  const at = await running();
  const dir = directory({
    'checkout.yaml': YAML('checkout', 'v1', ', interval: 15s'),
    'search.yaml': YAML('search', 'v2'),
    'new.yaml': YAML('new', 'v1'),
    'broken.yaml': YAML('broken', 'v1').replace('setWeight: 5,', 'setWeight: 500,'),
    '.hidden.yaml': YAML('hidden', 'v1'),
  });
  const { code, out, talk } = await run(at, 'plan', dir);
  expect(code).toBe(1);
  expect(talk).toBe('');
  expect(out.replaceAll(dir, 'DIR')).toMatchInlineSnapshot(`
    "  + start   ~ change   ! blocked   = unchanged
    ! broken           DIR/broken.yaml:8:25 SPEC_RANGE spec.strategy.steps[0].setWeight must be at most 100, found 500.
    ~ checkout         the declaration changes
        analysis.interval  30s → 15s
    + new              new; would start v1 unless the live rule says that it is stable already
    ~ payment-service  its file is gone: the rollout under way is cancelled as onDelete says, then it is forgotten
    + search           would start v2 (v1 is live), first weight 5 %
        revision  v1 → v2
    2 to start, 2 to change, 1 blocked, 0 unchanged"
  `);
});

test('without changes it ends with 0, also with --exit-code', async () => {
  const at = await running();
  at.behind.states = at.behind.states.filter(({ name }) => name !== 'payment-service');
  at.behind.specs = at.behind.specs.filter(({ canary }) => canary.name !== 'payment-service');
  const dir = directory({ 'checkout.yaml': YAML('checkout', 'v1'), 'search.yaml': YAML('search', 'v1') });
  const { code, out } = await run(at, 'plan', dir, '--exit-code');
  expect(code).toBe(0);
  expect(out).toContain('0 to start, 0 to change, 0 blocked, 2 unchanged');
});

test('with changes --exit-code ends with 5, and 0 without it', async () => {
  const at = await running();
  const dir = directory({ 'checkout.yaml': YAML('checkout', 'v2'), 'search.yaml': YAML('search', 'v1') });
  expect((await run(at, 'plan', dir)).code).toBe(0);
  const { code, out } = await run(at, 'plan', dir, '--exit-code', '-o', 'json');
  expect(code).toBe(5);
  expect(JSON.parse(out)).toMatchObject({
    entries: [
      { canary: 'checkout', kind: 'start' },
      { canary: 'payment-service', kind: 'change' },
      { canary: 'search', kind: 'unchanged' },
    ],
    counts: { start: 1, change: 1, blocked: 0, unchanged: 1 },
  });
});

test('a directory that cannot be read, or holds nothing, is 1', async () => {
  const at = await running();
  expect(await run(at, 'plan', '/nowhere/at/all')).toMatchObject({ code: 1, out: '' });
  expect((await run(at, 'plan', directory({}))).talk).toContain('there is no .yaml file in');
});

test('a file is refused: what else runs would look as if its file were gone', async () => {
  const at = await running();
  const dir = directory({ 'checkout.yaml': YAML('checkout', 'v2') });
  const file = join(dir, 'checkout.yaml');
  expect(await run(at, 'plan', file)).toEqual({
    code: 1,
    out: '',
    talk: `error: ${file} is a file; a plan compares a whole directory with what runs\nhint: canary plan ${dir}`,
  });
});

test('lint and plan name who uses a template, and a file that is named finds the templates beside it', async () => {
  const at = await scene();
  const directory = mkdtempSync(join(tmpdir(), 'canaries-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const head = (kind: string, name: string) =>
    `apiVersion: canary/v1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
  const template = `${head('AnalysisTemplate', 'slo')}spec: {metrics: [{name: a, query: 'x{v="{{version}}"}', max: 1}]}\n`;
  const strategy = `{ready: {query: 'up{v="{{canary}}"}'}, steps: [{setWeight: 100, bake: 10m}]}`;
  const user = (name: string) =>
    `${head('Canary', name)}spec: {strategy: ${strategy}, analysis: {template: slo}}\n`;
  writeFileSync(join(directory, 'slo.yaml'), template);
  writeFileSync(join(directory, 'users.yaml'), `${user('shop')}---\n${user('cart')}`);
  const line = `template slo (${join(directory, 'slo.yaml')}:3): used by cart, shop`;
  const whole = await run(at, 'lint', directory);
  const counts = '0 errors, 0 warnings';
  expect(whole).toMatchObject({ code: 0, out: `${line}\n2 Canaries and 1 template in 2 files: ${counts}` });
  const one = await run(at, 'lint', join(directory, 'users.yaml'));
  expect(one).toMatchObject({ code: 0, out: `${line}\n2 Canaries in 1 file: ${counts}` });
  const plan = await run(at, 'plan', directory);
  expect(plan.out.split('\n')[0]).toBe(line);
  const { templates } = JSON.parse((await run(at, '-o', 'json', 'plan', directory)).out);
  expect(templates).toEqual([
    { name: 'slo', file: join(directory, 'slo.yaml'), line: 3, users: ['cart', 'shop'] },
  ]);
});

test('a plan names the judge of each metric that would begin with the file', async () => {
  const at = await scene();
  const dir = mkdtempSync(join(tmpdir(), 'canary-plan-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const ratio = `ratio: {bad: 'r{code="5"}', total: r}`;
  writeFileSync(
    join(dir, 'a.yaml'),
    `apiVersion: canary/v1
kind: Canary
metadata: {name: fresh}
spec:
  revision: v2
  strategy: {steps: [{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}]}
  analysis:
    metrics:
      - {name: errors, ${ratio}, maxDelta: 0.005}
      - {name: most, ${ratio}, max: 0.05}
      - {name: p99, latency: {histogram: l_bucket, quantile: 0.99}, maxDelta: 0.05}
      - {name: sales, external: {alert: Sales}}
`,
  );
  const planned = (...more: string[]) => begin(at, ['plan', dir, ...more], {}, () => err('not asked')).ended;
  const { out } = await planned();
  const lines = out.split('\n').map((line) => line.trim());
  expect(lines).toContain('judged by sequential: errors, p99');
  expect(lines).toContain('judged by threshold: most');
  const { out: json } = await planned('-o', 'json');
  expect(JSON.parse(json).entries[0].judges).toEqual([
    { metric: 'errors', judge: 'sequential' },
    { metric: 'most', judge: 'threshold' },
    { metric: 'p99', judge: 'sequential' },
  ]);
});

test('a plan says what a rollout may spend of the error budget, and by which metrics', async () => {
  const at = await scene();
  const dir = mkdtempSync(join(tmpdir(), 'canary-plan-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  const metric = `ratio: {bad: 'r{code="5"}', total: r}, maxDelta: 0.005`;
  const file = (budget: string) => `apiVersion: canary/v1
kind: Canary
metadata: {name: fresh}
spec:
  revision: v2
  strategy: {steps: [{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 5m}]}
  analysis:
${budget}
    metrics:
      - {name: errors, ${metric}, objective: 0.999}
      - {name: watched, ${metric}, objective: 0.99, dryRun: true}
      - {name: patient, ${metric}, objective: 0.99, for: 5m}
      - {name: p99, latency: {histogram: l_bucket, quantile: 0.99}, maxDelta: 0.05, objective: 0.99}
`;
  const planned = async (budget: string) => {
    writeFileSync(join(dir, 'a.yaml'), file(budget));
    const { out } = await begin(at, ['plan', dir, '-o', 'json'], {}, () => err('not asked')).ended;
    const text = await begin(at, ['plan', dir], {}, () => err('not asked')).ended;
    return {
      budget: JSON.parse(out).entries[0].budget,
      lines: text.out.split('\n').map((line) => line.trim()),
    };
  };
  const with2 = await planned('    rolloutBudget: {share: 0.02, window: 30d}');
  expect(with2.lines).toContain(
    'may spend 2 % of the error budget of 30d: errors (objective 0.999), p99 (objective 0.99)',
  );
  expect(with2.budget).toEqual({
    share: 0.02,
    window: '30d',
    metrics: [
      { metric: 'errors', objective: 0.999 },
      { metric: 'p99', objective: 0.99 },
    ],
  });
  const without = await planned('    incident: {burnRate: 14.4, window: 1h}');
  expect(without.budget).toBeNull();
  expect(without.lines.join()).not.toContain('may spend');
});
