/** The modules that need no provider, really applied by terraform's own tests; and the format of all code. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FOLDER, noTerraform, runTerraform, skipped, type WorkingCopy, workingCopy } from './tools.ts';

const MODULES = join(FOLDER, 'modules');
const PROVIDER_FREE = readdirSync(MODULES).filter(
  (name) => !readFileSync(join(MODULES, name, 'versions.tf'), 'utf8').includes('required_providers'),
);

if (noTerraform !== null) skipped('the modules without a provider, and the format of all code', noTerraform);

describe.skipIf(noTerraform !== null)('with terraform', () => {
  let copy: WorkingCopy;
  beforeAll(async () => {
    copy = await workingCopy();
  });
  afterAll(() => copy.remove());

  test('all code is formatted', async () => {
    expect((await runTerraform(FOLDER, ['fmt', '-check', '-recursive', '-diff'])).said).toBe('');
  });

  test('there are modules without a provider', () => {
    expect(PROVIDER_FREE).toEqual(['canary_spec', 'monitoring_config', 'port_plan', 'service_instances']);
  });

  test.each(PROVIDER_FREE)(
    'the module %s is applied, and its tests pass',
    async (name) => {
      const folder = join(copy.folder, 'modules', name);
      const init = await runTerraform(folder, ['init', '-backend=false', '-input=false', '-no-color']);
      expect(init.code, init.said).toBe(0);
      const tested = await runTerraform(folder, ['test', '-no-color']);
      expect(tested.said).toMatch(/Success! \d+ passed, 0 failed\./);
    },
    120_000,
  );
});
