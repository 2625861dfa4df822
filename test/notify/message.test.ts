import { describe, expect, test } from 'vitest';
import type { EventData, EventType } from '../../src/core/events.ts';
import {
  type Background,
  composeNotification,
  isNotable,
  type LoggedEvent,
} from '../../src/notify/message.ts';
import { anExplanation, aRollout, aVerdict, T0 } from '../support/saves.ts';

function logged(type: EventType, overrides: Partial<LoggedEvent> = {}): LoggedEvent {
  return {
    id: 418,
    at: T0,
    canary: 'checkout',
    rolloutId: 'checkout-1',
    type,
    message: `${type} happened`,
    explanation: null,
    ...overrides,
  };
}

const NOTHING_KNOWN: Background = { rollout: null, rollbackStarted: null };

const BREACH = anExplanation('checkout', {
  from: 25,
  to: 0,
  because: ['error-rate 2.7 % is above 1 %', 'fourth failure, 3 allowed', 'p99 passed', 'no alert fires'].map(
    (text) => ({ code: 'x', facts: {}, text }),
  ),
  verdicts: [aVerdict('p99', 'pass', T0), aVerdict('errors', 'fail', T0, { query: 'sum(rate(errors[1m]))' })],
});

describe('notable', () => {
  test.each<[EventType, EventData | undefined, boolean]>([
    ['RolloutEnded', { outcome: 'RolledBack' }, true],
    ['RolloutEnded', { outcome: 'Aborted' }, true],
    ['RolloutEnded', { outcome: 'Promoted' }, false],
    ['RolloutEnded', { outcome: 'Superseded' }, false],
    ['RolloutEnded', undefined, false],
    ['RollbackStuck', { tries: 4 }, true],
    ['Paused', { pauseReason: 'Approval' }, true],
    ['Paused', { pauseReason: 'DriftLower' }, true],
    ['Paused', { pauseReason: 'Failed' }, true],
    ['Paused', { pauseReason: 'Errors' }, false],
    ['Paused', { pauseReason: 'Suspended' }, false],
    ['Paused', { pauseReason: 'toString' }, false],
    ['Paused', undefined, false],
    ['StepStarted', undefined, false],
    ['RollbackStarted', { outcome: 'RolledBack' }, false],
  ])('%s with %j: %s', (type, data, expected) => {
    expect(isNotable({ type, ...(data === undefined ? {} : { data }) })).toBe(expected);
  });
});

describe('the message', () => {
  test('about a rollback has the weight and the numbers of the decision that began it, and what to type next', () => {
    const event = logged('RolloutEnded', {
      data: { outcome: 'RolledBack' },
      explanation: anExplanation('checkout'),
    });
    const background: Background = {
      rollout: aRollout('checkout-1', 'checkout', { reason: 'error-rate 2.7 % is above 1 %.' }),
      rollbackStarted: logged('RollbackStarted', { explanation: BREACH }),
    };
    expect(composeNotification(event, background)).toEqual({
      event: 418,
      at: '2026-11-23T08:00:00.000Z',
      canary: 'checkout',
      type: 'RolloutEnded',
      title: 'checkout rolled back at 25 % — error-rate 2.7 % is above 1 %',
      text: [
        '• error-rate 2.7 % is above 1 %',
        '• fourth failure, 3 allowed',
        '• p99 passed',
        'query: sum(rate(errors[1m]))',
        'rollout: checkout-1 (v1 → v2)',
        'next: canary retry checkout',
      ].join('\n'),
      rolloutId: 'checkout-1',
    });
  });

  test('about an abort before the first step speaks of no weight', () => {
    const event = logged('RolloutEnded', { data: { outcome: 'Aborted' }, message: 'Aborted: wrong build' });
    expect(composeNotification(event, NOTHING_KNOWN).title).toBe('checkout aborted — wrong build');
  });

  test.each([
    [
      'Approval',
      'checkout waits for approval at 25 % — step 3 needs a person',
      'next: canary approve checkout',
    ],
    ['DriftPair', 'checkout paused at 25 % — step 3 needs a person', 'next: canary resume checkout'],
    ['Failed', 'checkout paused at 25 % — step 3 needs a person', 'next: canary abort checkout'],
  ])('about a pause for %s says how to end it', (pauseReason, title, next) => {
    const event = logged('Paused', {
      data: { pauseReason },
      message: `paused (${pauseReason}): step 3 needs a person`,
      explanation: anExplanation('checkout', { from: 25, to: 25 }),
    });
    const { title: composed, text } = composeNotification(event, NOTHING_KNOWN);
    expect(composed).toBe(title);
    expect(text.split('\n').at(-1)).toBe(next);
  });

  test('about a rollback that does not complete names the weight that may still be live', () => {
    const event = logged('RollbackStuck', { message: 'weight 0 is not read back after 3 tries' });
    const background = { rollout: null, rollbackStarted: logged('RollbackStarted', { explanation: BREACH }) };
    expect(composeNotification(event, background).title).toBe(
      'checkout rollback is stuck at 25 % — weight 0 is not read back after 3 tries',
    );
  });

  test('has a title of one line and at most 200 characters', () => {
    const event = logged('RollbackStuck', { message: `first\nsecond ${'x'.repeat(300)}` });
    const { title } = composeNotification(event, NOTHING_KNOWN);
    expect(title).toHaveLength(200);
    expect(title).toMatch(/^checkout rollback is stuck — first second x+…$/);
  });
});
