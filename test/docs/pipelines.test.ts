/** The pipelines of docs/how-to/ci.md: the shell of each step, run in order against the real daemon. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { aWorld, type Cleanup, type Daemon, type World } from '../system/world.ts';
import { find, run, skipped } from '../terraform/tools.ts';
import { type Pipeline, pipelines, type Release } from './pipelines.ts';
import { commandsIn, runPipeline } from './run-pipeline.ts';

const curl = await find('curl');
const noCurl = curl === null ? skipped('the pipelines of the pages', 'curl is not on PATH') : null;
const shellcheck = await find('shellcheck');
const noShellcheck =
  shellcheck === null ? skipped('shellcheck of the pipelines', 'shellcheck is not on PATH') : null;

const TOKENS = { deployer: 'a-token-that-deploys', approver: 'a-token-that-approves' };
const NOWHERE: Release = { version: 'v2', server: 'http://127.0.0.1:1', tokens: TOKENS, tokenFiles: TOKENS };
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
    ready: { query: 'up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: 1s, approval: required }, { setWeight: 100, bake: 1s }]
  analysis:
    interval: 1s
    window: 1s
    metrics:
      - { name: errors, query: 'errors{version="{{version}}"}', maxDelta: 0.01, critical: true }
`,
  );
}

interface Scene {
  readonly world: World;
  readonly daemon: Daemon;
  readonly pipeline: Pipeline;
  readonly path: string;
  readonly terraformCalls: () => string;
}

async function aScene(cleanup: Cleanup, name: string): Promise<Scene> {
  const world = await aWorld(cleanup);
  declare(world);
  const daemon = world.start();
  const tokenFiles = { deployer: join(world.dir, 'deployer'), approver: join(world.dir, 'approver') };
  writeFileSync(tokenFiles.deployer, `${TOKENS.deployer}\n`);
  writeFileSync(tokenFiles.approver, `${TOKENS.approver}\n`);
  const release = { version: 'v2', server: await daemon.url(), tokens: TOKENS, tokenFiles };
  await daemon.logged({ type: 'StableAdopted' });
  const pipeline = pipelines(release).find((candidate) => candidate.name === name);
  if (pipeline === undefined) throw new Error(`there is no ${name}`);
  return { world, daemon, pipeline, ...commandsIn(world.dir) };
}

async function phaseOf(daemon: Daemon): Promise<string> {
  return ((await daemon.get('/api/v1/canaries/payment-service')) as { phase: string }).phase;
}

describe.skipIf(noCurl !== null).concurrent.for(NAMES)('the shell of %s', (name) => {
  test('starts a release, waits for its gate, approves it and sees it promoted', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const { world, daemon, pipeline, path, terraformCalls } = await aScene(onTestFinished, name);
    let atTheGate = '';
    const ran = await runPipeline(pipeline, world.dir, path, async () => {
      atTheGate = await phaseOf(daemon);
    });
    const said = ran.map((step) => step.said).join('\n');
    expect(
      ran.map(({ code }) => code),
      said,
    ).toEqual(ran.map(() => 0));
    expect(atTheGate).toBe('Paused');
    expect(said).toContain('"status":"Canary analysis started"');
    expect(said).toMatch(/Promoted {2}v2/);
    expect(said).not.toContain(TOKENS.deployer);
    expect(said).not.toContain(TOKENS.approver);
    expect(terraformCalls()).toBe(
      '-chdir=infra/terraform/environments/production apply -input=false -auto-approve\n',
    );
    expect(await phaseOf(daemon)).toBe('Succeeded');
  });

  test('fails when the release is rolled back, says why, and never comes to the gate', {
    timeout: 180_000,
  }, async ({ onTestFinished }) => {
    const { world, daemon, pipeline, path } = await aScene(onTestFinished, name);
    world.setErrors(0.5);
    let isAsked = false;
    const ran = await runPipeline(pipeline, world.dir, path, async () => {
      isAsked = true;
    });
    const codes = ran.map(({ code }) => code);
    expect(isAsked).toBe(false);
    expect(codes.slice(-2), ran.map(({ said }) => said).join('\n')).toEqual([3, 0]);
    expect(ran.at(-2)?.said).toContain('the rollout of v2 ended RolledBack, not Paused');
    expect(ran.at(-1)?.said).toContain('because');
    expect(await phaseOf(daemon)).toBe('RolledBack');
  });
});

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
