import { describe, expect, test } from 'vitest';
import { readAnswer, type Wanted } from '../../src/metrics/answer.ts';

function bodyOf(resultType: string, row: object): string {
  return JSON.stringify({
    status: 'success',
    data: { resultType, result: [{ metric: { job: 'a' }, ...row }] },
  });
}

function read(wanted: Wanted, resultType: string, row: object) {
  const answer = readAnswer(bodyOf(resultType, row), wanted);
  if (!answer.ok) throw new Error(`${answer.error.kind}: ${answer.error.detail}`);
  return answer.value;
}

function boundsOf(histogram: object): unknown {
  return read('histograms', 'vector', { histogram: [1, histogram] }).samples.map(({ labels, value }) => [
    labels['le'],
    value,
  ]);
}

describe('native histograms in an answer', () => {
  test('at one moment they are classic ones, with the gaps between their buckets', () => {
    const buckets = [
      [3, '-1e-9', '1e-9', '1'],
      [0, '1', '2', '5'],
      [0, '2', '4', '2.5'],
      [0, '8', '16', '1'],
    ];
    expect(boundsOf({ count: '9.5', sum: '3', buckets })).toEqual([
      ['-1e-9', 0],
      ['1e-9', 1],
      ['1', 1],
      ['2', 6],
      ['4', 8.5],
      ['8', 8.5],
      ['16', 9.5],
      ['+Inf', 9.5],
    ]);
  });

  test('buckets without an end, and observations that are no number, are in +Inf alone', () => {
    const buckets = [
      [0, '-Inf', '0.1', '4'],
      [0, '0.1', '+Inf', '2'],
    ];
    expect(boundsOf({ count: '7', sum: 'NaN', buckets })).toEqual([
      ['0.1', 4],
      ['+Inf', 7],
    ]);
    expect(boundsOf({ count: '0', sum: '0' })).toEqual([['+Inf', 0]]);
  });

  test('over a range each bucket is a counter, with zeros where it was empty, beside the whole', () => {
    const histograms = [
      [1, { count: '3', sum: '3', buckets: [[0, '1', '2', '3']] }],
      [
        2,
        {
          count: '9',
          sum: '3',
          buckets: [
            [0, '1', '2', '4'],
            [0, '4', '8', '3'],
          ],
        },
      ],
    ];
    const { series } = read('histogramSamples', 'matrix', { histograms });
    expect(series?.map(({ labels, above, samples }) => [above, labels['le'], ...samples.flat()])).toEqual([
      [-Infinity, '+Inf', 1000, 3, 2000, 9],
      [1, '2', 1000, 3, 2000, 4],
      [4, '8', 1000, 0, 2000, 3],
      [Infinity, '+Inf', 1000, 0, 2000, 2],
    ]);
  });

  test('plain numbers beside them are read as ever', () => {
    const { series } = read('histogramSamples', 'matrix', { values: [[1, '5']] });
    expect(series).toEqual([{ labels: { job: 'a' }, samples: [[1000, 5]] }]);
    expect(read('histograms', 'vector', { value: [1, '5'] }).samples).toMatchObject([{ value: 5 }]);
  });

  test.each(['numbers', 'samples'] as const)('they are refused where %s are wanted', (wanted) => {
    const row = { histogram: [1, { count: '1' }], histograms: [[1, { count: '1' }]] };
    expect(() => read(wanted, wanted === 'numbers' ? 'vector' : 'matrix', row)).toThrow(
      /^refused: .*native histograms/,
    );
  });

  test.each([
    null,
    [],
    {},
    { count: 'many' },
    { count: '-1' },
    { count: '1', buckets: {} },
    { count: '1', buckets: [null] },
    { count: '1', buckets: [[0, '1', '2']] },
    { count: '1', buckets: [[0, '1', '2', '-3']] },
    { count: '1', buckets: [[0, 'low', '2', '3']] },
  ])('%j is no histogram', (histogram) => {
    expect(() => boundsOf(histogram as object)).toThrow(/^body: /);
    expect(() => read('histogramSamples', 'matrix', { histograms: [[1, histogram]] })).toThrow(/^body: /);
  });
});
