import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { MUTANTS, placesOf } from './mutants.ts';

const ROOT = resolve(import.meta.dirname, '../..');

describe('the mutants that `make mutants` runs', () => {
  test('have names of their own', () => {
    const names = MUTANTS.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
  });

  test.for(MUTANTS)('"$name" still applies to the program', (mutant) => {
    expect(placesOf(mutant, readFileSync(join(ROOT, mutant.file), 'utf8'))).toBe(1);
    expect(mutant.tests.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});
