import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { commit, declaration, RELEASES, STEPS } from '../../infra/demo/releases.ts';
import { parseFile } from '../../src/spec/parse.ts';

describe.each(RELEASES)("the demo's declaration of $service", (release) => {
  test('is valid without a warning, for the stable revision and for the new one', () => {
    for (const revision of [release.stable, release.canary]) {
      const { specs, diagnostics } = parseFile(declaration(release, revision), `${release.service}.yaml`);
      expect(diagnostics).toEqual([]);
      expect(specs.map(({ canary }) => canary)).toMatchObject([
        { name: release.service, service: release.service, revision, stableRevision: release.stable },
      ]);
      expect(specs[0]?.canary.strategy.steps.map(({ weight }) => weight)).toEqual(STEPS);
    }
  });

  test('changes in nothing but the revision when it is released', () => {
    const before = declaration(release, release.stable);
    const after = declaration(release, release.canary);
    expect(after).toBe(before.replace(`revision: ${release.stable}`, `revision: ${release.canary}`));
  });
});

test('a committed declaration replaces the one before and leaves no draft behind', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'demo-canaries-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const release = RELEASES[0]!;
  commit(directory, release, release.stable);
  commit(directory, release, release.canary);
  expect(await readdir(directory)).toEqual(['checkout.yaml']);
  expect(await readFile(join(directory, 'checkout.yaml'), 'utf8')).toBe(declaration(release, release.canary));
});
