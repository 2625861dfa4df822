/** The shell of the pipelines in docs/pipelines, taken out of their files as each CI system would run it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { ROOT } from './reference.ts';

type Variables = Readonly<Record<string, string>>;

export interface Step {
  readonly name: string;
  /** What runs the file that holds the script. */
  readonly shell: readonly [string, ...string[]];
  readonly script: string;
  readonly env: Variables;
  /** Runs only when a step before it failed. */
  readonly onFailure: boolean;
}

export interface Job {
  readonly name: string;
  readonly steps: readonly Step[];
}

export interface Pipeline {
  readonly name: string;
  /** In their order; the second job begins only after a person let it. */
  readonly jobs: readonly Job[];
}

/** What the CI system knows when a person releases a version. */
export interface Release {
  readonly version: string;
  /** Counts from 1: a person may let each job run again. */
  readonly attempt: number;
  /** Where the controller is, instead of the address in the file. */
  readonly server: string;
  /** Tokens by role. */
  readonly tokens: { readonly deployer: string; readonly approver: string };
  /** The same as files. */
  readonly tokenFiles: { readonly deployer: string; readonly approver: string };
}

const SERVER = 'https://canary.example.com';

function text(name: string): string {
  const found = readFileSync(join(ROOT, 'docs/pipelines', name), 'utf8');
  if (!found.includes(SERVER)) throw new Error(`${name} does not name ${SERVER}`);
  return found;
}

export function pipelines(release: Release): readonly Pipeline[] {
  return [githubActions(release), gitlabCi(release), jenkins(release)];
}

const Strings = z.record(z.string(), z.string());

const GithubWorkflow = z.looseObject({
  env: Strings,
  jobs: z.record(
    z.string(),
    z.looseObject({
      steps: z.array(
        z.looseObject({
          name: z.string().optional(),
          run: z.string().optional(),
          uses: z.string().optional(),
          if: z.enum(['failure()']).optional(),
          env: Strings.default({}),
        }),
      ),
    }),
  ),
});

function githubActions({ version, attempt, server, tokens }: Release): Pipeline {
  const { env, jobs } = GithubWorkflow.parse(parse(text('github-actions.yml')));
  const known: Variables = {
    'github.ref_name': version,
    'github.run_id': '7001',
    'github.run_attempt': String(attempt),
    'secrets.CANARY_DEPLOYER_TOKEN': tokens.deployer,
    'secrets.CANARY_APPROVER_TOKEN': tokens.approver,
  };
  const evaluated = (variables: Variables): Variables =>
    mapped(variables, (value) =>
      value.replaceAll(/\$\{\{ (.+?) \}\}/g, (_, name: string) => look(known, name)),
    );
  return {
    name: 'github-actions.yml',
    jobs: Object.entries(jobs).map(([name, { steps }]) => ({
      name,
      steps: steps.flatMap((step): Step[] => {
        if (step.run === undefined) return [];
        // An expression inside of a script would be replaced before the shell reads it: a way in for whoever names a tag.
        if (step.run.includes('${{')) throw new Error(`an expression in the shell of ${step.name}`);
        return [
          {
            name: step.name ?? step.run,
            shell: ['bash', '-e'],
            script: step.run,
            env: { ...evaluated(env), CANARY_SERVER: server, ...evaluated(step.env) },
            onFailure: step.if !== undefined,
          },
        ];
      }),
    })),
  };
}

const GitlabJob = z.looseObject({
  stage: z.string(),
  variables: Strings.default({}),
  script: z.array(z.string()),
  after_script: z.array(z.string()).default([]),
});

function gitlabCi({ version, attempt, server, tokenFiles }: Release): Pipeline {
  const {
    stages,
    variables,
    workflow: _,
    ...jobs
  } = z.looseObject({ stages: z.array(z.string()), variables: Strings }).parse(parse(text('gitlab-ci.yml')));
  const known: Variables = {
    CI_COMMIT_TAG: version,
    CI_JOB_ID: String(8000 + attempt),
    GITLAB_USER_LOGIN: 'ann',
    CANARY_DEPLOYER_TOKEN: tokenFiles.deployer,
    CANARY_APPROVER_TOKEN: tokenFiles.approver,
  };
  const evaluated = (own: Variables): Variables =>
    mapped(own, (value) => value.replaceAll(/\$(\w+)/g, (_, name: string) => look(known, name)));
  const parsed = Object.entries(jobs).map(([name, job]) => ({ name, ...GitlabJob.parse(job) }));
  return {
    name: 'gitlab-ci.yml',
    jobs: stages.flatMap((stage) =>
      parsed
        .filter((job) => job.stage === stage)
        .map(({ name, script, after_script: after, variables: own }) => {
          const env = { ...known, ...evaluated(variables), CANARY_SERVER: server, ...evaluated(own) };
          const step = (lines: readonly string[], onFailure: boolean): Step => ({
            name: onFailure ? 'after_script' : 'script',
            shell: ['bash', '-eo', 'pipefail'],
            script: lines.join('\n'),
            env: { ...env, CI_JOB_STATUS: onFailure ? 'failed' : 'running' },
            onFailure,
          });
          return { name, steps: [step(script, false), ...(after.length > 0 ? [step(after, true)] : [])] };
        }),
    ),
  };
}

/** Stages with their `sh` steps, each within the nearest credentials before it; those below `post` are for failures. */
function jenkins({ version, attempt, server, tokenFiles }: Release): Pipeline {
  const files: Variables = {
    'canary-deployer-token': tokenFiles.deployer,
    'canary-approver-token': tokenFiles.approver,
  };
  const stages = text('Jenkinsfile')
    .split(/\bstage\('/)
    .slice(1);
  return {
    name: 'Jenkinsfile',
    jobs: stages.map((stage) => {
      const name = stage.slice(0, stage.indexOf("'"));
      const post = stage.indexOf('post {');
      const steps = [...stage.matchAll(/\bsh (?:'''([\s\S]*?)'''|'([^'\n]*)')/g)].map(
        (found, index): Step => {
          const before = stage.slice(0, found.index);
          const id = [...before.matchAll(/credentialsId: '([^']+)', variable: 'CANARY_TOKEN_FILE'/g)].at(
            -1,
          )?.[1];
          return {
            name: `step ${index + 1}`,
            shell: ['sh', '-xe'],
            // Groovy joins a line that ends in a backslash with the next one before the shell sees it.
            script: (found[1] ?? found[2] ?? '').replaceAll('\\\n', ''),
            env: {
              VERSION: version,
              BUILD_TAG: `jenkins-release-${attempt}`,
              APPROVER: 'ann',
              CANARY_SERVER: server,
              ...(id === undefined ? {} : { CANARY_TOKEN_FILE: look(files, id) }),
            },
            onFailure: post >= 0 && found.index > post,
          };
        },
      );
      return { name, steps };
    }),
  };
}

function mapped(variables: Variables, change: (value: string) => string): Variables {
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, change(value)]));
}

function look(known: Variables, name: string): string {
  const value = known[name];
  if (value === undefined) throw new Error(`nobody gives ${name} a value`);
  return value;
}
