import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Canary } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { renderDiagnostics } from '../../src/spec/report.ts';

const MINIMAL = `apiVersion: canary/v1
kind: Canary
metadata: {name: payments}
spec:
  strategy: {steps: [{setWeight: 5, bake: 5m}, {setWeight: 100, bake: 10m}]}
  analysis:
    metrics:
      - {name: a, query: 'x{version="{{version}}"}', max: 1}
`;

/** The canary of a text that is one valid document. */
function canaryOf(text: string): Canary {
  const { specs, diagnostics } = parseFile(text, 'a.yaml');
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return specs[0]!.canary;
}

/** MINIMAL with lines put behind `spec:`, at their own indentation. */
function withSpec(lines: string): string {
  return MINIMAL.replace('spec:\n', `spec:\n${lines}\n`);
}

describe('a document that says only what it must', () => {
  test('gets every default', () => {
    expect(canaryOf(MINIMAL)).toEqual({
      name: 'payments',
      labels: {},
      service: 'payments',
      revision: null,
      stableRevision: null,
      suspend: false,
      target: { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: 'canary-rules.payments.json' },
      settleMs: 60_000,
      verifyTimeoutMs: 30_000,
      onDrift: 'correct',
      strategy: {
        steps: [
          { weight: 5, bakeMs: 300_000, approval: false },
          { weight: 100, bakeMs: 600_000, approval: false },
        ],
        ready: null,
        onRevisionChange: 'restart',
        onFailure: 'rollback',
        onDelete: 'rollback',
        progressDeadlineMs: 3_600_000,
      },
      analysis: {
        skip: false,
        intervalMs: 30_000,
        versionLabel: 'version',
        onNoData: 'hold',
        noDataGraceMs: 600_000,
        onError: 'pause',
        errorLimit: 4,
        onInconclusive: 'pause',
        resumeOnResolved: false,
        metrics: [
          {
            name: 'a',
            source: { kind: 'query', query: 'x{version="{{version}}"}' },
            bounds: { max: 1 },
            windowMs: 60_000,
            forMs: 90_000,
            failureLimit: null,
            critical: false,
            dryRun: false,
            judge: 'threshold',
          },
        ],
      },
    });
  });

  test('gets a warning when nothing waits for the canary to be up', () => {
    expect(parseFile(MINIMAL, 'a.yaml').diagnostics).toEqual([
      {
        severity: 'warning',
        file: 'a.yaml',
        line: 5,
        column: 3,
        code: 'SPEC_NO_READY',
        detail: 'Without strategy.ready the first step may begin before an instance of the canary runs.',
        canary: 'payments',
      },
    ]);
  });
});

describe('defaults that depend on other fields', () => {
  test('take the dataId from the service', () => {
    expect(canaryOf(withSpec('  service: pay')).target).toMatchObject({ dataId: 'canary-rules.pay.json' });
  });

  test('know one public namespace', () => {
    expect(canaryOf(withSpec('  traffic: {nacos: {namespace: public}}')).target).toMatchObject({
      namespace: '',
    });
  });

  test('take the window from the analysis and `for` from its interval', () => {
    const text = MINIMAL.replace('analysis:', 'analysis:\n    interval: 10s\n    window: 2m');
    expect(canaryOf(text).analysis.metrics[0]).toMatchObject({ windowMs: 120_000, forMs: 30_000 });
  });

  test('leave `for` out where failureLimit decides', () => {
    const text = MINIMAL.replace('max: 1', 'max: 1, failureLimit: 0');
    expect(canaryOf(text).analysis.metrics[0]).toMatchObject({ forMs: null, failureLimit: 0 });
  });

  test('ask for ten requests of a ratio and of a latency', () => {
    const ratio = `{bad: 'x{code="500"}', total: x}`;
    const text = `${MINIMAL}      - {name: b, ratio: ${ratio}, max: 0.1}\n      - {name: c, latency: {histogram: x_bucket, quantile: 0.9}, max: 1}\n`;
    expect(canaryOf(text).analysis.metrics.map(({ source }) => source)).toEqual([
      { kind: 'query', query: 'x{version="{{version}}"}' },
      { kind: 'ratio', bad: 'x{code="500"}', total: 'x', minRequests: 10 },
      { kind: 'latency', histogram: 'x_bucket', quantile: 0.9, minRequests: 10 },
    ]);
  });

  test('write the path of a file in one way', () => {
    expect(canaryOf(withSpec('  traffic: {file: {path: ./weights//a.json}}')).target).toEqual({
      kind: 'file',
      path: 'weights/a.json',
    });
  });
});

describe('durations', () => {
  test.each([
    ['0', 0],
    ['0s', 0],
    ['"0"', 0],
    ['1h30m', 5_400_000],
    ['1d', 86_400_000],
  ])('of %s are read', (text, ms) => {
    const canary = canaryOf(MINIMAL.replace('steps:', `progressDeadline: ${text}, steps:`));
    expect(canary.strategy.progressDeadlineMs).toBe(ms);
  });
});

describe('a spec', () => {
  test('points at the line of the revision, else at the start of its document', () => {
    const [first, second] = parseFile(
      `# A file of two.\n${withSpec('  revision: v1')}---\n${MINIMAL}`,
      'a.yaml',
    ).specs;
    expect([first!.line, second!.line]).toEqual([6, 12]);
    expect(first!.file).toBe('a.yaml');
  });

  test('has the same hash for the same meaning, however it is written', () => {
    const hashOf = (text: string) => parseFile(text, 'a.yaml').specs[0]!.hash;
    const [hash, spelled, edited] = [
      hashOf(MINIMAL),
      hashOf(
        withSpec('  # spelled out\n  service: payments\n  traffic: {settle: 1m, nacos: {namespace: public}}'),
      ),
      hashOf(withSpec('  suspend: true')),
    ];
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(spelled).toBe(hash);
    expect(edited).not.toBe(hash);
  });

  test('is given for a document with warnings, not for one with errors', () => {
    const broken = MINIMAL.replace('bake: 5m', 'bake: 5x').replace('payments', 'broken');
    const { specs, diagnostics } = parseFile(`${broken}---\n${MINIMAL}`, 'a.yaml');
    expect(specs.map(({ canary }) => canary.name)).toEqual(['payments']);
    expect(diagnostics.map(({ canary, severity }) => `${canary} ${severity}`)).toEqual([
      'broken warning',
      'broken error',
      'payments warning',
    ]);
  });

  test('may use anchors and aliases', () => {
    const text = MINIMAL.replace('{setWeight: 5, bake: 5m}', '&step {setWeight: 5, bake: &bake 5m}').replace(
      '10m',
      '*bake',
    );
    expect(canaryOf(text).strategy.steps.map(({ bakeMs }) => bakeMs)).toEqual([300_000, 300_000]);
  });

  test('survives JSON, which the store keeps it as', () => {
    const parsed = parseFile(MINIMAL, 'a.yaml');
    expect(JSON.parse(JSON.stringify(parsed))).toEqual(parsed);
  });
});

describe('any text', () => {
  test('is read without a throw, each diagnostic lies within it, and there is a spec or an error', () => {
    fc.assert(
      fc.property(fc.oneof(mutatedDocument(), yamlLike(), fc.string({ unit: 'grapheme' })), (text) => {
        const { specs, diagnostics } = parseFile(text, 'a.yaml');
        const lines = text.split('\n');
        for (const { line, column, detail } of diagnostics) {
          expect(lines[line - 1]).toBeDefined();
          expect(column).toBeGreaterThanOrEqual(1);
          expect(column).toBeLessThanOrEqual(lines[line - 1]!.length + 1);
          expect(detail).toMatch(/^\S.*[.!?]$/s);
        }
        expect(specs.length > 0 || diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
        expect(renderDiagnostics(diagnostics, new Map([['a.yaml', text]]))).toMatch(/\d+ warnings?\n$/);
      }),
      { numRuns: 500 },
    );
  });

  test('is told when it merges what is no mapping', () => {
    const { diagnostics } = parseFile('%YAML 1.1\n---\n<<: 1\n', 'a.yaml');
    expect(diagnostics).toMatchObject([{ code: 'SPEC_YAML', detail: expect.stringContaining('merge key') }]);
  });

  test('is quoted where a key has odd characters', () => {
    const { diagnostics } = parseFile('kind: Canary\n\ufeffa: 1\n', 'a.yaml');
    expect(diagnostics.map(({ detail }) => detail)).toContainEqual(
      expect.stringMatching(/^\["\ufeffa"\] is no field/),
    );
  });

  test.each([
    ['lists in lists', '['.repeat(50_000)],
    ['mappings in lists', '- a:\n'.repeat(1).concat('- '.repeat(20_000))],
    ['mappings in mappings', '{a: '.repeat(20_000)],
  ])('may nest %s as deep as it likes', (_name, text) => {
    expect(parseFile(text, 'a.yaml').diagnostics).not.toEqual([]);
  });
});

/** MINIMAL with a few pieces cut out, doubled or replaced. */
function mutatedDocument(): fc.Arbitrary<string> {
  const piece = fc.constantFrom(
    '',
    ' ',
    '\n',
    '\t',
    ':',
    '- ',
    '{',
    ']',
    '"',
    "'",
    '&a ',
    '*a',
    '!x ',
    '|\n',
    'null',
    '0',
    '---\n',
    '{{',
    '__proto__: 1\n',
    '\r\n',
    '💥',
  );
  const cut = fc.record({ at: fc.nat(MINIMAL.length), length: fc.nat(12), piece });
  return fc
    .array(cut, { minLength: 1, maxLength: 5 })
    .map((cuts) =>
      cuts.reduce(
        (text, { at, length, piece: put }) => text.slice(0, at) + put + text.slice(at + length),
        MINIMAL,
      ),
    );
}

function yamlLike(): fc.Arbitrary<string> {
  const token = fc.constantFrom(
    'a: ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '? ',
    ': ',
    '&x ',
    '*x',
    '!t ',
    '"',
    "'",
    '|',
    '>',
    '#',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\t',
    '<<: ',
    'kind: Canary\n',
    'spec:\n  ',
    '\uFEFF',
    '~',
    '1e999',
  );
  return fc.array(token, { maxLength: 30 }).map((tokens) => tokens.join(''));
}
