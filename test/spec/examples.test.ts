import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { lintDirectory } from '../../src/spec/directory.ts';
import { canaryJsonSchema } from '../../src/spec/json-schema.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { resolveTemplates } from '../../src/spec/shared-analysis.ts';

const FOLDER = join(import.meta.dirname, '../../canaries');
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));

function read(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

describe('the examples', () => {
  test.each(NAMES)('%s is valid and has no warning', (name) => {
    const [{ specs, diagnostics } = { specs: [], diagnostics: [] }] = resolveTemplates([
      parseFile(read(name), name),
    ]);
    expect(specs.length).toBeGreaterThan(0);
    expect(diagnostics).toEqual([]);
  });

  test.each(NAMES)('%s tells editors where its schema is', (name) => {
    expect(read(name).split('\n')[0]).toBe('# yaml-language-server: $schema=./canary.schema.json');
  });

  test('may lie in one directory', () => {
    const linted = lintDirectory(resolveTemplates(NAMES.map((name) => parseFile(read(name), name))));
    const canaries = NAMES.flatMap((name) => read(name).match(/^kind: Canary\b/gm) ?? []);
    expect(linted.flatMap(({ specs }) => specs)).toHaveLength(canaries.length);
  });

  test('are all in the README, which names no other', () => {
    const named = [...read('README.md').matchAll(/\]\((.*?\.yaml)\)/g)].map((match) => match[1]);
    expect(named).toEqual(NAMES);
  });

  test('begin with one of ten lines', () => {
    const lines = read('01-minimal.yaml').trim().split('\n');
    expect(lines.filter((line) => !line.startsWith('#'))).toHaveLength(10);
  });

  test('end with one that has every field of the schema, each with its meaning', () => {
    const text = read('06-everything.yaml');
    const fields = fieldsOf(canaryJsonSchema());
    expect(fields.filter((field) => !new RegExp(`\\b${field}: ?`).test(text))).toEqual([]);
    const silent = text.split('\n').filter((line) => /^\s*(- )?\w+:/.test(line) && !line.includes('#'));
    // The line above this one explains it, because it is long.
    expect(silent.map((line) => line.trim().slice(0, 6))).toEqual(['query:']);
  });

  test('end with one that shows the defaults, so that writing it changes nothing', () => {
    const text = read('06-everything.yaml');
    const { canary } = parseFile(text, 'a.yaml').specs[0]!;
    const withoutDefaults = text
      .split('\n')
      .filter(
        (line) =>
          !/^\s*(service|suspend|settle|verifyTimeout|onDrift|namespace|group|dataId|onRevisionChange|onFailure|onDelete|progressDeadline|skip|interval|versionLabel|onNoData|noDataGrace|onError|errorLimit|onInconclusive|minRequests|window|for|critical|dryRun|maxHold|alpha|beta|sensitivity|dispersion|weight|minPoints|score|tolerance|confidence|effectSize|nanStrategy|groups|mustHaveData):/.test(
            line,
          ),
      )
      .filter((line) => !/^\s*(traffic|nacos):/.test(line) && !/^\s*judge: threshold/.test(line))
      .join('\n');
    expect(parseFile(withoutDefaults, 'a.yaml').specs[0]!.canary).toEqual(canary);
  });
});

interface Branch {
  readonly properties?: Readonly<Record<string, Branch>>;
  readonly items?: Branch;
}

function fieldsOf(branch: Branch): string[] {
  const inner = Object.entries(branch.properties ?? {}).flatMap(([key, child]) => [key, ...fieldsOf(child)]);
  return branch.items === undefined ? inner : [...inner, ...fieldsOf(branch.items)];
}
