import { expect, test } from 'vitest';
import { explainText, mainReasons } from '../../src/view/explain-text.ts';
import { NOW, paymentExplanation, paymentVerdict } from './states.ts';

const DAY = 86_400_000;

test('a rollback is told with its numbers, its query and what was not the reason', () => {
  const verdict = paymentVerdict({
    class: 'fail',
    canary: 0.0271,
    detail: 'canary 0.0271 is outside stable 0.001, maxDelta 0.005',
  });
  const explanation = paymentExplanation({
    phase: 'RollingBack',
    action: 'lower',
    to: 0,
    because: [
      { code: 'verdict', facts: { metric: 'error-rate' }, text: `error-rate fail: ${verdict.detail}` },
      {
        code: 'ending',
        facts: { outcome: 'RolledBack' },
        text: `error-rate: ${verdict.detail}; failed for 1m30s`,
      },
    ],
    verdicts: [verdict, paymentVerdict({ metric: 'p99-latency', stableFrozenAt: NOW - 60_000 })],
  });
  expect(explainText(explanation, { eventId: 418, now: NOW })).toMatchInlineSnapshot(`
    "#418  13:59:55Z  RollingBack  canary 25 % → 0 %  lower
    because
      ✗ error-rate fail: canary 0.0271 is outside stable 0.001, maxDelta 0.005
          window  1m up to 13:59:50Z
          canary  0.0271 over 400 requests
          stable  0.001 over 1200 requests
          bound   maxDelta 0.005
          query   sum(rate(http_requests_total{version="v1.5.1"}[1m]))
      • error-rate: failed for 1m30s
    measured
      ✓ p99-latency pass: canary 0.001 is within stable 0.001, maxDelta 0.005
          window  1m up to 13:59:50Z
          canary  0.001 over 400 requests
          stable  0.001 over 1200 requests, frozen at 13:59:00Z
          bound   maxDelta 0.005
          query   sum(rate(http_requests_total{version="v1.5.1"}[1m]))
    not because
      • the live rule is ours
    next look 14:00:25Z"
  `);
});

test('the last decision says what is live where that is not what it wants', () => {
  const head = (weight: { desired: number | null; observed: number | null }) => {
    const explanation = paymentExplanation({ phase: 'RollingBack', action: 'none', from: 0, to: 0 });
    return explainText(explanation, { eventId: null, now: NOW, weight }).split('\n')[0];
  };
  expect(head({ desired: 0, observed: 10 })).toBe('13:59:55Z  RollingBack  canary 0 % (10 % live)');
  expect(head({ desired: 0, observed: 0 })).toBe('13:59:55Z  RollingBack  canary 0 %');
  expect(head({ desired: 0, observed: null })).toBe('13:59:55Z  RollingBack  canary 0 % (? live)');
});

test('a look that counted neither way says so', () => {
  const explanation = paymentExplanation({
    because: [],
    notBecause: [],
    verdicts: [paymentVerdict({ counted: false, class: 'noData', canary: null, detail: 'canary: empty' })],
  });
  expect(explainText(explanation, { eventId: null, now: NOW }).split('\n').slice(1, 5)).toEqual([
    'measured',
    '  ? error-rate noData: canary: empty',
    '      window  1m up to 13:59:50Z, not counted',
    '      canary  not known over 400 requests',
  ]);
});

test('a metric that waits for an alert has no window and no numbers', () => {
  const waiting = paymentVerdict({
    class: 'pending',
    query: '',
    canary: null,
    stable: null,
    bound: 'alert Healthy',
    detail: 'alert Healthy does not ask for a promotion at this weight',
  });
  const explanation = paymentExplanation({ because: [], notBecause: [], verdicts: [waiting] });
  expect(explainText(explanation, { eventId: null, now: NOW }).split('\n').slice(2, -1)).toEqual([
    '  · error-rate pending: alert Healthy does not ask for a promotion at this weight',
    '      looked at  13:59:50Z',
    '      bound      alert Healthy',
  ]);
});

test('times of another day carry their date', () => {
  const text = explainText(paymentExplanation(), { eventId: null, now: NOW + DAY });
  expect(text.split('\n')[0]).toBe('2026-11-23 13:59:55Z  Progressing  canary 25 %  wait');
});

test('messages take the first reasons only', () => {
  expect(mainReasons(paymentExplanation(), 1)).toEqual(['baking until 14:03:00Z']);
});
