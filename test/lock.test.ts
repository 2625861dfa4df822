import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Package {
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => JSON.parse(readFileSync(resolve(root, file), 'utf8'));
const packages: Readonly<Record<string, Package>> = read('package-lock.json').packages;

describe('the lock file', () => {
  it('holds every optional part that its packages name, for every platform', () => {
    // Some packages publish a version before its platform parts: `npm ci` then fails on other machines than ours.
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies)
        .filter((name) => !isFound(path, name))
        .map((name) => `${path || 'the project'} needs ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it('says nothing of where packages came from', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved !== undefined)).toEqual([]);
  });

  it('pins exact versions in package.json', () => {
    const { dependencies, devDependencies, optionalDependencies } = read('package.json');
    const versions = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([]);
  });
});

/** As Node finds packages: beside the one that asks, then one folder up, to the top. */
function isFound(from: string, name: string): boolean {
  for (let path = from; ; path = path.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    if (`${path}${path === '' ? '' : '/'}node_modules/${name}` in packages) return true;
    if (path === '') return false;
  }
}
