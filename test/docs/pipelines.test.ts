/** The pipelines of docs/how-to/ci.md: the shell of each step, run in order against the real daemon. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { newToken, withToken } from '../../src/access/tokens.ts';
import { aWorld, type Cleanup, type Daemon, type World } from '../system/world.ts';
import { find, run, skipped } from '../terraform/tools.ts';
import { type Pipeline, pipelines, type Release } from './pipelines.ts';
import { ROOT } from './reference.ts';
import { type Commands, commandsIn, type Ran, runPipeline } from './run-pipeline.ts';

const missing = (
  await Promise.all(['curl', 'jq'].map(async (name) => ((await find(name)) === null ? name : [])))
).flat();
const cannotRun =
  missing.length > 0 ? skipped('the pipelines of the pages', `not on PATH: ${missing.join(', ')}`) : null;
const shellcheck = await find('shellcheck');
const noShellcheck =
  shellcheck === null ? skipped('shellcheck of the pipelines', 'shellcheck is not on PATH') : null;

const NONE = { deployer: '', approver: '' };
/** Git lets a tag hold a quote. */
const VERSION = 'v2"b';
const NOWHERE: Release = {
  version: VERSION,
  attempt: 1,
  server: 'http://127.0.0.1:1',
  tokens: NONE,
  tokenFiles: NONE,
};
const NAMES = pipelines(NOWHERE).map(({ name }) => name);

/** A service whose version the pipeline names, with a gate after the first step. */
function declare({ dir }: World): void {
  writeFileSync(
    join(dir, 'canaries', 'payment.yaml'),
    `apiVersion: canary/v1
kind: Canary
metadata: { name: payment-service }
spec:
  stableRevision: v1
  traffic: { settle: 0s }
  strategy:
    ready: { query: 'instance_up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: 1s, approval: required }, { setWeight: 100, bake: 1s }]
  analysis:
    interval: 1s
    window: 1s
    metrics:
      - { name: errors, query: 'errors{version="{{version}}"}', maxDelta: 0.01, critical: true }
`,
  );
}

/** A tokens file with one token for each half of a pipeline. */
function withTokens({ dir }: World) {
  const { deployer, approver } = { deployer: newToken(), approver: newToken() };
  const file = join(dir, 'tokens.yaml');
  const first = withToken('', {
    name: 'ci',
    role: 'deployer',
    sha256: deployer.sha256,
    canaries: ['payment-*'],
  });
  writeFileSync(file, withToken(first, { name: 'release', role: 'approver', sha256: approver.sha256 }));
  const tokens = { deployer: deployer.secret, approver: approver.secret };
  const tokenFiles = { deployer: join(dir, 'deployer'), approver: join(dir, 'approver') };
  writeFileSync(tokenFiles.deployer, `${tokens.deployer}\n`);
  writeFileSync(tokenFiles.approver, `${tokens.approver}\n`);
  return { file, tokens, tokenFiles };
}

interface Scene extends Commands {
  readonly world: World;
  readonly daemon: Daemon;
  readonly tokens: Release['tokens'];
  /** As it is run for the nth time, counted from 1. */
  readonly pipeline: (attempt: number) => Pipeline;
}

async function aScene(cleanup: Cleanup, name: string): Promise<Scene> {
  const world = await aWorld(cleanup);
  declare(world);
  const { file, tokens, tokenFiles } = withTokens(world);
  const daemon = world.start(['--tokens', file]);
  const release = { version: VERSION, server: await daemon.url(), tokens, tokenFiles };
  await daemon.logged({ type: 'StableAdopted' });
  const pipeline = (attempt: number) => {
    const found = pipelines({ ...release, attempt }).find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  return { world, daemon, tokens, pipeline, ...commandsIn(world.dir) };
}

async function read({ daemon, tokens }: Scene, path: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${tokens.deployer}` };
  return (await fetch(`${await daemon.url()}/api/v1/canaries/payment-service${path}`, { headers })).json();
}

async function phaseOf(scene: Scene): Promise<string> {
  return ((await read(scene, '')) as { phase: string }).phase;
}

async function rolloutsOf(scene: Scene): Promise<readonly { readonly outcome: string | null }[]> {
  return ((await read(scene, '/rollouts')) as { items: { outcome: string | null }[] }).items;
}

function expectAllGood(ran: readonly Ran[]): void {
  const said = ran.map((step) => `${step.job}, ${step.step}: ${step.said}`).join('\n');
  expect(
    ran.map(({ code }) => code),
    said,
  ).toEqual(ran.map(() => 0));
}

describe.skipIf(cannotRun !== null).concurrent.for(NAMES)('the shell of %s', (name) => {
  test('starts a release, waits for its gate, approves it and sees it promoted', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const scene = await aScene(onTestFinished, name);
    const { world, tokens, pipeline, path, terraformCalls } = scene;
    let atTheGate = '';
    const ran = await runPipeline(pipeline(1), world.dir, path, async () => {
      atTheGate = await phaseOf(scene);
    });
    const said = ran.map((step) => step.said).join('\n');
    expectAllGood(ran);
    expect(atTheGate).toBe('Paused');
    expect(said).toContain('"status":"Canary analysis started"');
    expect(said).toContain(`Promoted  ${VERSION}`);
    expect(said).not.toContain(tokens.deployer);
    expect(said).not.toContain(tokens.approver);
    expect(terraformCalls()).toBe(
      '-chdir=infra/terraform/environments/production apply -input=false -auto-approve\n',
    );
    expect(await phaseOf(scene)).toBe('Succeeded');
  });

  test('starts nothing where the deployment did not complete', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const scene = await aScene(onTestFinished, name);
    const { world, pipeline, path, breakTerraform, terraformCalls } = scene;
    breakTerraform();
    const ran = await runPipeline(pipeline(1), world.dir, path, async () => {});
    expect(ran.map(({ code }) => code)).toEqual([1]);
    expect(terraformCalls()).toContain('apply');
    expect(await rolloutsOf(scene)).toEqual([]);
    expect(await phaseOf(scene)).toBe('Stable');
  });

  test('may run again at its gate and after the promotion: nothing is released twice, and no job fails', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const scene = await aScene(onTestFinished, name);
    const { world, pipeline, path } = scene;
    const agree = async () => {};
    const first = await runPipeline(pipeline(1), world.dir, path, async () => {
      const { jobs, ...others } = pipeline(2);
      expectAllGood(await runPipeline({ ...others, jobs: jobs.slice(0, -1) }, world.dir, path, agree));
      expect(await phaseOf(scene)).toBe('Paused');
    });
    expectAllGood(first);
    const again = await runPipeline(pipeline(3), world.dir, path, agree);
    expectAllGood(again);
    expect(again.map(({ job, step }) => [job, step])).toEqual(first.map(({ job, step }) => [job, step]));
    expect(await rolloutsOf(scene)).toMatchObject([{ outcome: 'Promoted' }]);
    expect(await phaseOf(scene)).toBe('Succeeded');
  });

  test('fails when the release is rolled back, says why, and never comes to the gate', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const scene = await aScene(onTestFinished, name);
    const { world, pipeline, path } = scene;
    world.setErrors(0.5);
    let isAsked = false;
    const ran = await runPipeline(pipeline(1), world.dir, path, async () => {
      isAsked = true;
    });
    const codes = ran.map(({ code }) => code);
    expect(isAsked).toBe(false);
    expect(codes.slice(-2), ran.map(({ said }) => said).join('\n')).toEqual([3, 0]);
    expect(ran.at(-2)?.said).toContain(`the rollout of ${VERSION} ended RolledBack, not Paused`);
    expect(ran.at(-1)?.said).toContain('because');
    expect(await phaseOf(scene)).toBe('RolledBack');
  });
});

test.skipIf(cannotRun !== null)(
  'the commands of the page release a version, and the start may be asked for again',
  { timeout: 180_000 },
  async ({ onTestFinished }) => {
    const { world, daemon, path } = await aScene(onTestFinished, NAMES[0] ?? '');
    const page = readFileSync(join(ROOT, 'docs/how-to/ci.md'), 'utf8');
    const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
    const [start = '', , approve = ''] = blocks;
    const env = {
      PATH: path,
      CANARY_SERVER: await daemon.url(),
      CANARY_TOKEN_FILE: join(world.dir, 'approver'),
      VERSION,
      BUILD: '118',
    };
    const ran = await run('bash', ['-ec', start + start + approve], {
      cwd: world.dir,
      env,
      timeoutMs: 120_000,
    });
    expect(ran.code, ran.said).toBe(0);
    const answers = [...ran.stdout.matchAll(/\{"status":"[^}]*\}/g)].map(([answer]) => answer);
    expect(answers).toHaveLength(2);
    expect(answers[1]).toBe(answers[0]);
    expect(ran.said).toContain(`Promoted  ${VERSION}`);
  },
);

describe('the shell', () => {
  const steps = pipelines(NOWHERE).flatMap(({ name, jobs }) =>
    jobs.flatMap((job) =>
      job.steps.map((step) => ({ ...step, where: `${name}, ${job.name}, ${step.name}` })),
    ),
  );

  test('is found in every file', () => {
    expect(steps.length).toBeGreaterThan(12);
    for (const name of NAMES)
      expect(steps.filter(({ where }) => where.startsWith(name)).length).toBeGreaterThan(4);
  });

  test.skipIf(noShellcheck !== null)('is clean under shellcheck', async ({ onTestFinished }) => {
    const dir = mkdtempSync(join(tmpdir(), 'pipelines-'));
    onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
    const files = steps.map(({ shell: [program], script }, index) => {
      const file = join(dir, `${index}.sh`);
      writeFileSync(file, `#!/bin/${program}\n${script}\n`);
      return file;
    });
    expect((await run(shellcheck ?? 'shellcheck', files)).said).toBe('');
  });
});
