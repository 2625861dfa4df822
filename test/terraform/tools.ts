/** What the tests of the Terraform code run: found on this machine, or missing for a reason that is printed. */
import { execFile } from 'node:child_process';
import { constants, existsSync, readdirSync } from 'node:fs';
import { access, cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, delimiter, join, resolve } from 'node:path';

const PROJECT = resolve(import.meta.dirname, '../..');
export const FOLDER = join(PROJECT, 'infra/terraform');

export interface Ended {
  readonly code: number;
  /** Both streams, as a person would see them. */
  readonly said: string;
  readonly stdout: string;
}

/** Runs a program to its end. Never throws for how it ended; one that cannot be started has code 127. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly timeoutMs?: number } = {},
): Promise<Ended> {
  const { cwd = PROJECT, env = process.env, timeoutMs = 300_000 } = options;
  return new Promise((done) => {
    const settings = { cwd, env, timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, args, settings, (error, stdout, stderr) => {
      const failed = error === null ? 0 : typeof error.code === 'number' ? error.code : 127;
      const late = error?.killed === true ? `\nstopped after ${timeoutMs} ms` : '';
      done({ code: failed, said: `${stdout}${stderr}${late}`, stdout });
    });
  });
}

/** Absolute path of a program on PATH or unpacked into `.tools`; null when it is in neither. */
export async function find(program: string): Promise<string | null> {
  const unpacked = join(PROJECT, '.tools');
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
    ...(existsSync(unpacked) ? readdirSync(unpacked).map((name) => join(unpacked, name, 'usr/bin')) : []),
  ];
  for (const folder of folders) {
    const path = resolve(folder, program);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return null;
}

/** Prints why tests are skipped, so that nobody takes their silence for success. Returns the reason. */
export function skipped(what: string, reason: string): string {
  process.stderr.write(`skipped: ${what}: ${reason}\n`);
  return reason;
}

export const terraform = await find('terraform');

/** Null where terraform can be run; else the reason why not, which whoever skips for it prints. */
export const noTerraform: string | null = terraform === null ? 'terraform is not on PATH' : null;

/** For modules without a provider: no setting of the machine may change what they do, and none is needed. */
export const OFFLINE: NodeJS.ProcessEnv = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TF_'))),
  TF_CLI_CONFIG_FILE: '/dev/null',
  TF_IN_AUTOMATION: '1',
  CHECKPOINT_DISABLE: '1',
};

/** The real terraform, in the folder `cwd`. */
export function runTerraform(
  cwd: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = OFFLINE,
): Promise<Ended> {
  return run(terraform ?? 'terraform', args, { cwd, env });
}

export interface WorkingCopy {
  readonly folder: string;
  remove(): Promise<void>;
}

/** What the environments take from beside the Terraform code. */
const BESIDE = ['grafana', 'prometheus-rules'];

/** A copy of the Terraform code, because `terraform init` leaves a lock file and a folder where it runs. */
export async function workingCopy(): Promise<WorkingCopy> {
  const scratch = await mkdtemp(join(tmpdir(), 'terraform-'));
  const folder = join(scratch, 'terraform');
  const isSource = (path: string) =>
    basename(path) !== '.terraform' && basename(path) !== '.terraform.lock.hcl';
  await cp(FOLDER, folder, { recursive: true, filter: isSource });
  for (const name of BESIDE) await cp(join(FOLDER, '..', name), join(scratch, name), { recursive: true });
  return { folder, remove: () => rm(scratch, { recursive: true, force: true }) };
}
