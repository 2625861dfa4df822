/** `.ci/run` finds what checks Terraform offline where it lies beside the checkout, and does without it elsewhere. */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { find, run, skipped } from './tools.ts';

const SCRIPT = resolve(import.meta.dirname, '../../.ci/run');
const noMake = (await find('make')) === null ? skipped('.ci/run', 'make is not on PATH') : null;

/** A folder with a checkout whose `make test` tells the variable, and the script in it. */
function aCheckout(): { readonly folder: string; readonly script: string } {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'ci-run-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const script = join(folder, 'checkout/.ci/run');
  cpSync(SCRIPT, script);
  writeFileSync(join(folder, 'checkout/Makefile'), 'test:\n\t@echo "checks with [$(TERRAFORM_CHECK)]"\n');
  return { folder, script };
}

function placeCheck(folder: string): void {
  mkdirSync(join(folder, 'shared/terraform'), { recursive: true });
  writeFileSync(join(folder, 'shared/terraform/check'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
}

/** As from the folder that holds the checkout: where it is called from makes no difference. */
function runIn(folder: string, script: string, check: string | null) {
  // As for a first make, also where these tests run below one.
  const others = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(TERRAFORM_CHECK|M\w*FLAGS|MAKELEVEL)$/.test(name)),
  );
  return run(script, [], {
    cwd: folder,
    env: check === null ? others : { ...others, TERRAFORM_CHECK: check },
  });
}

test.skipIf(noMake !== null)('the check beside the checkout is used', async () => {
  const { folder, script } = aCheckout();
  placeCheck(folder);
  const { code, stdout } = await runIn(folder, script, null);
  const [, named = ''] = /^checks with \[(.+)\]$/m.exec(stdout) ?? [];
  expect([code, resolve(named)]).toEqual([0, join(folder, 'shared/terraform/check')]);
});

test.skipIf(noMake !== null)('without one the tests run all the same', async () => {
  const { folder, script } = aCheckout();
  expect(await runIn(folder, script, null)).toMatchObject({ code: 0, stdout: 'checks with []\n' });
});

test.skipIf(noMake !== null)('one that was named before stays', async () => {
  const { folder, script } = aCheckout();
  placeCheck(folder);
  expect((await runIn(folder, script, '/opt/check')).stdout).toBe('checks with [/opt/check]\n');
});
