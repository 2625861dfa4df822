import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunningPrometheus } from '../../infra/prometheus/process.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createPrometheus, type Prometheus } from '../../src/metrics/prometheus.ts';
import { readMatchers } from '../../src/spec/match.ts';
import { type Matcher, printSelector } from '../../src/spec/promql.ts';
import { loadPrometheus, missing, START } from './real.ts';

const VALUES = [
  ...['200', '404', '500', '503', '5003', '5-3', '[5]', '{5}', '5.3', '5 3', 'a/b', '_', '-'],
  ...['Internal Error', 'INTERNAL', 'internal', 'ſ', 'K', 'k', 's', 'é', 'É', '🙂', '🙂🙂', 'x'],
];

/** Pieces of patterns, among them such that only one of the two engines knows, or that mean something else in the other. */
const PIECES = [
  ...[
    '5',
    '.',
    '..',
    '[0-9]',
    '[^5]',
    '\\d',
    '\\D',
    '\\w',
    '\\W',
    '\\s',
    '\\S',
    '[\\w-]',
    '[\\s\\d]',
    '[^\\d]',
  ],
  ...[
    '(5|x)',
    '(?:4|5)',
    '(?:5)?',
    'k',
    's',
    '[a-k]',
    'é',
    '🙂',
    '[🙂]',
    '\\.',
    '\\-',
    '\\[',
    '\\{',
    '{',
    '}',
  ],
  ...[
    '|',
    '^',
    '$',
    '*',
    '+',
    '?',
    '{2}',
    '{1,2}',
    '{,2}',
    '{x}',
    '[[]',
    '[a\\-z]',
    '[a-z-9]',
    '[]',
    'INTERNAL',
  ],
  ...[
    '\\t',
    '\\n',
    '\\/',
    '/',
    '[/]',
    '&&',
    '[a&&b]',
    '[a--b]',
    '(?=5)',
    '(5)\\1',
    '\\b',
    '\\pL',
    '(?i)',
    '\\Q',
  ],
];

describe.skipIf(missing !== null)('matchers in code against those of a real Prometheus', () => {
  let server: RunningPrometheus;
  let prometheus: Prometheus;

  beforeAll(async () => {
    server = await loadPrometheus(
      VALUES.map((value, index) => ({ name: 'r', labels: { value, index: String(index) }, values: [1] })),
    );
    prometheus = createPrometheus({ url: server.url, clock: systemClock });
  });

  afterAll(async () => {
    await prometheus?.close();
    await server?.stop();
  });

  async function asked(matcher: Matcher): Promise<string[] | 'refused'> {
    const signal = new AbortController().signal;
    const options = { timeMs: START * 1000, timeoutMs: 5_000, signal, retry: false };
    const answer = await prometheus.query(printSelector({ metric: 'r', matchers: [matcher] }), options);
    return answer.ok ? answer.value.samples.map(({ labels }) => labels['value'] ?? '').sort() : 'refused';
  }

  test('whatever is applied in code picks what Prometheus picks', async () => {
    let applied = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 5 }),
        fc.constantFrom('', '(?i)', '(?s)'),
        fc.constantFrom('=~' as const, '!~' as const),
        async (pieces, flags, op) => {
          const matcher = { label: 'value', op, value: flags + pieces.join('') };
          const test = readMatchers([matcher]);
          if (!test.ok) return;
          applied += 1;
          expect(VALUES.filter((value) => test.value({ value })).sort()).toEqual(await asked(matcher));
        },
      ),
      { numRuns: 1_500 },
    );
    expect(applied).toBeGreaterThan(300);
  });
});
