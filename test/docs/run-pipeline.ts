/** Runs the shell of a pipeline step by step, as a CI system would: stops at the first failure, then says why. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../terraform/tools.ts';
import type { Job, Pipeline, Step } from './pipelines.ts';
import { ROOT } from './reference.ts';

export interface Ran {
  readonly job: string;
  readonly step: string;
  readonly code: number;
  readonly said: string;
}

export interface Commands {
  /** PATH with both. */
  readonly path: string;
  readonly terraformCalls: () => string;
  /** From now on it ends with 1. */
  readonly breakTerraform: () => void;
}

/** A folder with `canary`, and a `terraform` that only notes how it was called. */
export function commandsIn(dir: string): Commands {
  const bin = join(dir, 'bin');
  const calls = join(dir, 'terraform.log');
  const broken = join(dir, 'terraform-is-broken');
  mkdirSync(bin);
  const script = (name: string, text: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  script('canary', `exec '${process.execPath}' '${join(ROOT, 'src/main.ts')}' "$@"`);
  script('terraform', `echo "$@" >> '${calls}'\ntest ! -e '${broken}'`);
  return {
    path: `${bin}:${process.env['PATH']}`,
    terraformCalls: () => (existsSync(calls) ? readFileSync(calls, 'utf8') : ''),
    breakTerraform: () => writeFileSync(broken, ''),
  };
}

/** Every step that ran, to the first that failed and what is said about it. `approve` stands between the last two jobs. */
export async function runPipeline(
  { jobs }: Pipeline,
  dir: string,
  path: string,
  approve: () => Promise<void>,
): Promise<Ran[]> {
  const ran: Ran[] = [];
  for (const [index, job] of jobs.entries()) {
    if (index === jobs.length - 1) await approve();
    const steps = await runJob(job, dir, path);
    ran.push(...steps);
    if (steps.some(({ code }) => code !== 0)) break;
  }
  return ran;
}

async function runJob(job: Job, dir: string, path: string): Promise<Ran[]> {
  const workspace = mkdtempSync(join(dir, 'job-'));
  const temporary = join(workspace, 'temp');
  mkdirSync(temporary);
  const exported = join(temporary, 'github-env');
  writeFileSync(exported, '');
  const surroundings = { PATH: path, HOME: workspace, RUNNER_TEMP: temporary, GITHUB_ENV: exported };
  const ran: Ran[] = [];
  const hasFailed = () => ran.some(({ code }) => code !== 0);
  for (const step of job.steps) {
    if (step.onFailure !== hasFailed()) continue;
    const env = { ...surroundings, ...exportedBy(exported), ...step.env };
    ran.push({ job: job.name, step: step.name, ...(await runStep(step, workspace, env)) });
  }
  return ran;
}

/** What steps before this one wrote for those after them. */
function exportedBy(file: string): Record<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

async function runStep({ shell, script }: Step, cwd: string, env: Record<string, string>) {
  const file = join(cwd, 'step.sh');
  writeFileSync(file, script);
  const [program, ...flags] = shell;
  const { code, said } = await run(program, [...flags, file], { cwd, env, timeoutMs: 120_000 });
  return { code, said };
}
