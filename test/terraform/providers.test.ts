/**
 * Everything against the schema of the real Docker provider, with mocked resources: `terraform validate` and
 * `terraform test` of each module and environment. The schema comes from wherever terraform finds the provider, or from
 * the command that TERRAFORM_CHECK names: it is run with the folder `infra`, because the environments take dashboards
 * and rules from beside the code, and exits 0 when all is good or 77 when it cannot check.
 */
import { readdirSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FOLDER, noTerraform, run, runTerraform, skipped, workingCopy } from './tools.ts';

const CANNOT = 77;
const TIMEOUT_MS = 600_000;
const INIT = ['init', '-backend=false', '-input=false', '-no-color'];

test(
  'every module and environment is valid by the schema of the real provider, and passes its tests',
  async ({ skip }) => {
    const command = process.env['TERRAFORM_CHECK'] ?? '';
    const reason = command === '' ? await withTerraform() : await withCommand(command);
    if (reason === null) return;
    skip(skipped('the Terraform code against the schema of the real provider', reason));
  },
  TIMEOUT_MS,
);

/** Null when everything was checked; else why nothing could be. */
async function withCommand(command: string): Promise<string | null> {
  const { code, said } = await run(command, [join(FOLDER, '..')], { timeoutMs: TIMEOUT_MS });
  if (code === CANNOT) return `${command} says: ${said.trim()}`;
  expect(code, said).toBe(0);
  expect(said).toMatch(/environments\/production: valid; Success!/);
  return null;
}

async function withTerraform(): Promise<string | null> {
  if (noTerraform !== null) return noTerraform;
  const copy = await workingCopy();
  try {
    const cache = join(copy.folder, '../plugins');
    await mkdir(cache);
    const env = {
      ...process.env,
      TF_PLUGIN_CACHE_DIR: cache,
      TF_IN_AUTOMATION: '1',
      CHECKPOINT_DISABLE: '1',
    };
    const first = await runTerraform(join(copy.folder, 'modules/volume_files'), INIT, env);
    if (first.code !== 0) {
      const why = /Error: (.*)/.exec(first.said)?.[1] ?? `terraform init ended with ${first.code}`;
      return `terraform cannot install the provider here (${why}); run this where it can, or set TERRAFORM_CHECK`;
    }
    await checkAll(copy.folder, env);
    return null;
  } finally {
    await copy.remove();
  }
}

async function checkAll(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const roots = ['modules', 'environments'].flatMap((kind) =>
    readdirSync(join(folder, kind)).map((name) => join(folder, kind, name)),
  );
  expect(roots.length).toBeGreaterThan(10);
  for (const root of roots) {
    for (const args of [INIT, ['validate', '-no-color'], ['test', '-no-color']]) {
      const { code, said } = await runTerraform(root, args, env);
      expect(code, `${root}: terraform ${args[0]}\n${said}`).toBe(0);
    }
  }
}
