import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../src/spec/diagnostic.ts';
import { renderDiagnostics } from '../../src/spec/report.ts';

function aDiagnostic(fields: Partial<Diagnostic> = {}): Diagnostic {
  return {
    severity: 'error',
    file: 'a.yaml',
    line: 2,
    column: 7,
    code: 'SPEC_VALUE',
    detail: 'Wrong.',
    ...fields,
  };
}

describe('renderDiagnostics', () => {
  test('shows the place, the sentence, the line with the one above it, and the counts', () => {
    const text = 'spec:\n  key: some value\n  other: "a b"\n';
    const diagnostics = [
      aDiagnostic({ column: 8 }),
      aDiagnostic({ severity: 'warning', line: 3, column: 10, code: 'SPEC_NO_READY', detail: 'Doubtful.' }),
    ];
    expect(renderDiagnostics(diagnostics, new Map([['a.yaml', text]]))).toBe(
      [
        'a.yaml:2:8   error    SPEC_VALUE     Wrong.',
        '   1 │ spec:',
        '   2 │   key: some value',
        '     │        ^^^^',
        'a.yaml:3:10  warning  SPEC_NO_READY  Doubtful.',
        '   2 │   key: some value',
        '   3 │   other: "a b"',
        '     │          ^^^^^',
        '1 error, 1 warning',
        '',
      ].join('\n'),
    );
  });

  test('leaves the line out where the text is not at hand', () => {
    expect(renderDiagnostics([aDiagnostic()])).toBe(
      'a.yaml:2:7  error  SPEC_VALUE  Wrong.\n1 error, 0 warnings\n',
    );
  });

  test('says so when there is nothing to show', () => {
    expect(renderDiagnostics([])).toBe('0 errors, 0 warnings\n');
    expect(renderDiagnostics([], new Map(), '2 files')).toBe('2 files: 0 errors, 0 warnings\n');
  });

  test('marks the end of a line where something is missing', () => {
    const report = renderDiagnostics([aDiagnostic({ line: 1, column: 5 })], new Map([['a.yaml', 'a: b']]));
    expect(report.split('\n').slice(1, 3)).toEqual(['   1 │ a: b', '     │     ^']);
  });

  test('shows the part of a long line that is meant', () => {
    const text = `a: ${'x'.repeat(500)} here ${'y'.repeat(500)}`;
    const column = text.indexOf('here') + 1;
    const [, line, marks] = renderDiagnostics(
      [aDiagnostic({ line: 1, column })],
      new Map([['a.yaml', text]]),
    ).split('\n');
    expect(line!.length).toBeLessThan(140);
    expect(line!.slice(marks!.indexOf('^'), marks!.lastIndexOf('^') + 1)).toBe('here');
  });

  test('lets no control character of a file through to the terminal', () => {
    const text = 'a:\tb\u001b[2J\u0007';
    const diagnostics = [aDiagnostic({ line: 1, column: 4, file: 'a\u001b.yaml', detail: 'Found \u001b.' })];
    const report = renderDiagnostics(diagnostics, new Map([['a\u001b.yaml', text]]));
    expect(report).not.toMatch(/[^\P{Cc}\n]/u);
    expect(report).toContain('1 │ a: b\uFFFD[2J\uFFFD');
  });
});
