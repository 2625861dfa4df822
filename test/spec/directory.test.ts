import { describe, expect, test } from 'vitest';
import { lintDirectory } from '../../src/spec/directory.ts';
import { parseFile } from '../../src/spec/parse.ts';

function aFile(file: string, ...names: string[]) {
  const documents = names.map(
    (name) => `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [{setWeight: 100, bake: 5m}]}
  analysis: {skip: true}
`,
  );
  return parseFile(documents.join('---\n'), file);
}

function ownersIn(files: ReturnType<typeof lintDirectory>): string[] {
  return files.flatMap(({ specs }) => specs.map(({ file, canary }) => `${file} ${canary.name}`));
}

describe('lintDirectory', () => {
  test('leaves files without conflicts as they are', () => {
    const files = [aFile('b.yaml', 'pay'), aFile('a.yaml', 'shop', 'search')];
    expect(lintDirectory(files)).toEqual(files);
  });

  test('gives a name to the first file by name, whatever the order of the list', () => {
    const linted = lintDirectory([aFile('b.yaml', 'pay'), aFile('a.yaml', 'pay'), aFile('c.yaml', 'pay')]);
    expect(ownersIn(linted)).toEqual(['a.yaml pay']);
    expect(
      linted.map(({ diagnostics }) => diagnostics.map(({ code, detail }) => `${code} ${detail}`)),
    ).toEqual([
      ['SPEC_DUPLICATE_NAME The name pay belongs to a.yaml:1: choose another metadata.name.'],
      [],
      ['SPEC_DUPLICATE_NAME The name pay belongs to a.yaml:1: choose another metadata.name.'],
    ]);
  });

  test('gives a name to the first document of a file', () => {
    const [linted] = lintDirectory([aFile('a.yaml', 'pay', 'pay')]);
    expect(linted!.specs.map(({ line }) => line)).toEqual([1]);
    expect(linted!.diagnostics.map(({ line, canary }) => [line, canary])).toEqual([[8, 'pay']]);
  });

  test('lets the one that runs already keep its name against a file that sorts before it', () => {
    const running = aFile('b.yaml', 'pay');
    const linted = lintDirectory([aFile('a.yaml', 'pay'), running], running.specs);
    expect(ownersIn(linted)).toEqual(['b.yaml pay']);
  });

  test('gives the name to a renamed file, because the old one is gone', () => {
    expect(ownersIn(lintDirectory([aFile('z.yaml', 'pay')], aFile('a.yaml', 'pay').specs))).toEqual([
      'z.yaml pay',
    ]);
  });

  test('keeps the claims of what runs from a file that is broken now', () => {
    const broken = parseFile('apiVersion: canary/v1\nkind: Canary\n', 'z.yaml');
    const files = [aFile('a.yaml', 'pay'), broken];
    const linted = lintDirectory(files, aFile('z.yaml', 'pay').specs);
    expect(ownersIn(linted)).toEqual([]);
    expect(linted[0]!.diagnostics.map(({ detail }) => detail)).toEqual([
      'The name pay belongs to z.yaml:1: choose another metadata.name.',
    ]);
  });

  test('does not let an edit take the traffic document that another one runs on', () => {
    const moved = parseFile(
      `apiVersion: canary/v1
kind: Canary
metadata: {name: pay}
spec:
  traffic: {nacos: {dataId: canary-rules.shop.json}}
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [{setWeight: 100, bake: 5m}]}
  analysis: {skip: true}
`,
      'a.yaml',
    );
    const running = [...aFile('a.yaml', 'pay').specs, ...aFile('z.yaml', 'shop').specs];
    expect(ownersIn(lintDirectory([moved, aFile('z.yaml', 'shop')], running))).toEqual(['z.yaml shop']);
  });

  test('does not let a refused document own a traffic document', () => {
    const elsewhere = parseFile(
      `apiVersion: canary/v1
kind: Canary
metadata: {name: pay}
spec:
  traffic: {nacos: {dataId: canary-rules.shop.json}}
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [{setWeight: 100, bake: 5m}]}
  analysis: {skip: true}
`,
      'b.yaml',
    );
    expect(ownersIn(lintDirectory([aFile('a.yaml', 'pay'), elsewhere, aFile('c.yaml', 'shop')]))).toEqual([
      'a.yaml pay',
      'c.yaml shop',
    ]);
  });
});
