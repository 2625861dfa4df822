import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SPEC_CODES } from '../../src/spec/codes.ts';
import { lintDirectory } from '../../src/spec/directory.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { renderDiagnostics } from '../../src/spec/report.ts';

const FIXTURES = join(import.meta.dirname, 'fixtures');
const INVALID = join(FIXTURES, 'invalid');
const NAMES = readdirSync(INVALID)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => name.replace('.yaml', ''));

function parseFixture(folder: string, name: string) {
  const text = readFileSync(join(FIXTURES, folder, name), 'utf8');
  return { text, parsed: parseFile(text, name) };
}

describe('diagnostics', () => {
  test.each(NAMES)('of %s.yaml are those on record', async (name) => {
    const { text, parsed } = parseFixture('invalid', `${name}.yaml`);
    const report = renderDiagnostics(parsed.diagnostics, new Map([[`${name}.yaml`, text]]));
    await expect(report).toMatchFileSnapshot(join(INVALID, `${name}.txt`));
  });

  test('of a directory name the second claimant of a name or of a traffic document', async () => {
    const fixtures = ['a.yaml', 'b.yaml'].map((name) => ({ name, ...parseFixture('directory', name) }));
    const files = lintDirectory(fixtures.map(({ parsed }) => parsed));
    const sources = new Map(fixtures.map(({ name, text }) => [name, text]));
    const report = renderDiagnostics(
      files.flatMap(({ diagnostics }) => diagnostics),
      sources,
    );
    await expect(report).toMatchFileSnapshot(join(FIXTURES, 'directory', 'directory.txt'));
  });

  test('carry every code somewhere in these fixtures', () => {
    const invalid = NAMES.flatMap((name) => parseFixture('invalid', `${name}.yaml`).parsed.diagnostics);
    const files = lintDirectory(['a.yaml', 'b.yaml'].map((name) => parseFixture('directory', name).parsed));
    const seen = new Set(
      [...invalid, ...files.flatMap(({ diagnostics }) => diagnostics)].map(({ code }) => code),
    );
    // Two are too large for a fixture and tested below; two are raised by whoever reads the directory, and two when
    // Canaries are put together with their templates.
    const elsewhere = [
      ...['SPEC_TOO_LARGE', 'SPEC_TOO_MANY', 'SPEC_DIRECTORY', 'SPEC_UNREADABLE'],
      ...['SPEC_TEMPLATE', 'SPEC_TEMPLATE_KEPT'],
    ];
    expect([...seen, ...elsewhere].sort()).toEqual(Object.keys(SPEC_CODES).sort());
  });

  test('refuse a file of more than 1 MiB without reading it', () => {
    const large = `# ${'é'.repeat(512 * 1024)}`;
    expect(parseFile(large, 'large.yaml')).toEqual({
      specs: [],
      diagnostics: [
        {
          severity: 'error',
          file: 'large.yaml',
          line: 1,
          column: 1,
          code: 'SPEC_TOO_LARGE',
          detail: 'The file is larger than 1 MiB, which no set of Canaries needs: split it.',
        },
      ],
    });
  });

  test('show the first 200 of a document and count the rest', () => {
    const fields = Array.from({ length: 20_000 }, (_, index) => `field${index}: 1\n`);
    const { specs, diagnostics } = parseFile(
      `apiVersion: canary/v1\nkind: Canary\n${fields.join('')}`,
      'many.yaml',
    );
    expect(specs).toEqual([]);
    expect(diagnostics).toHaveLength(201);
    // metadata and spec are missing too.
    const rest = diagnostics.find(({ code }) => code === 'SPEC_TOO_MANY');
    expect(rest?.detail).toBe('19802 more mistakes of this document are not shown.');
  });

  test('of what is no YAML are the first five and a count, each short', () => {
    const section = `## Title\n\n${'Some "quoted" words of a long text '.repeat(20)}\n\n`;
    const { diagnostics } = parseFile(section.repeat(20), 'README.md');
    expect(diagnostics).toHaveLength(6);
    expect(diagnostics.at(-1)).toMatchObject({
      code: 'SPEC_TOO_MANY',
      detail: expect.stringMatching(/^\d+ more mistakes of this document are not shown\.$/),
    });
    for (const { detail } of diagnostics) expect(detail.length).toBeLessThan(150);
    expect(diagnostics.some(({ detail }) => detail.endsWith('…".'))).toBe(true);
  });

  test('name the canary that they belong to, also in a document that cannot be read', () => {
    const { parsed } = parseFixture('invalid', 'yaml-syntax.yaml');
    expect(parsed.diagnostics.map(({ canary }) => canary)).toContain('colon-in-a-value');
    expect(parsed.specs.map(({ canary }) => canary.name)).toEqual(['this-one-is-read']);
  });
});
