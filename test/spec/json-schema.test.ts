import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/lib/duration.ts';
import { canaryJsonSchema, canarySchemaText } from '../../src/spec/json-schema.ts';
import { CanaryDocument } from '../../src/spec/schema.ts';
import { SCHEMA_HASH } from '../../src/spec/schema-hash.ts';

const FILE = join(import.meta.dirname, '../../canaries/canary.schema.json');

interface Branch {
  readonly description?: string;
  readonly pattern?: string;
  readonly default?: unknown;
  readonly additionalProperties?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Branch>>;
  readonly items?: Branch;
  readonly anyOf?: readonly Branch[];
}

const ROOT: Branch = canaryJsonSchema();

function branchesOf(branch: Branch, path = ''): { path: string; branch: Branch }[] {
  const inner = Object.entries(branch.properties ?? {}).flatMap(([key, child]) =>
    branchesOf(child, `${path}.${key}`),
  );
  const elements = branch.items === undefined ? [] : branchesOf(branch.items, `${path}[]`);
  return [{ path, branch }, ...inner, ...elements];
}

describe('the JSON Schema', () => {
  test('in canaries/ is the one of the code (npm run schema writes it)', () => {
    expect(readFileSync(FILE, 'utf8')).toBe(canarySchemaText());
  });

  test('explains every field', () => {
    const silent = branchesOf(ROOT).filter(
      ({ path, branch }) => branch.description === undefined && !path.endsWith('[]'),
    );
    expect(silent).toEqual([]);
  });

  test('refuses unknown fields at every level but labels', () => {
    const open = branchesOf(ROOT).filter(
      ({ branch }) => branch.properties !== undefined && branch.additionalProperties !== false,
    );
    expect(open).toEqual([]);
  });

  test('requires only what has no default', () => {
    const required = branchesOf(ROOT).flatMap(({ path, branch }) =>
      (branch.required ?? []).map((key) => `${path}.${key}`),
    );
    expect(required.sort()).toEqual([
      '.apiVersion',
      '.kind',
      '.metadata',
      '.metadata.name',
      '.spec',
      '.spec.analysis.metrics[].external.alert',
      '.spec.analysis.metrics[].latency.histogram',
      '.spec.analysis.metrics[].latency.quantile',
      '.spec.analysis.metrics[].name',
      '.spec.analysis.metrics[].ratio.bad',
      '.spec.analysis.metrics[].ratio.total',
      '.spec.strategy',
      '.spec.strategy.ready.query',
      '.spec.strategy.steps',
      '.spec.strategy.steps[].bake',
      '.spec.strategy.steps[].setWeight',
      '.spec.traffic.file.path',
    ]);
  });

  test('shows defaults that the document accepts', () => {
    for (const { path, branch } of branchesOf(ROOT)) {
      if (branch.default === undefined || path.includes('[]')) continue;
      const strategy = { steps: [{ setWeight: 100, bake: '5m' }], ready: { query: 'up' } };
      const document = {
        apiVersion: 'canary/v1',
        kind: 'Canary',
        metadata: { name: 'a' },
        spec: { strategy },
      };
      expect(CanaryDocument.safeParse(put(document, path.split('.').slice(1), branch.default)).success).toBe(
        true,
      );
    }
  });

  test('has a pattern for durations that agrees with the grammar', () => {
    const settle = branchesOf(ROOT).find(({ path }) => path === '.spec.traffic.settle')!.branch;
    const pattern = new RegExp(settle.anyOf!.find((one) => one.pattern !== undefined)!.pattern!);
    const part = fc.constantFrom('1', '30', '0', 'y', 'w', 'd', 'h', 'm', 's', 'ms', ' ', '-', '.');
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }).map((parts) => parts.join('')),
        (text) => {
          expect(pattern.test(text)).toBe(parseDuration(text) !== null);
        },
      ),
    );
  });
});

describe('the schema hash', () => {
  test('is a SHA-256 in hex, which can be a key of the store', () => {
    expect(SCHEMA_HASH).toMatch(/^[0-9a-f]{64}$/);
  });
});

/** A copy of a document with a value at a path. */
function put(document: object, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const inner = (document as Record<string, object | undefined>)[key] ?? {};
  return { ...document, [key]: put(inner, rest, value) };
}
