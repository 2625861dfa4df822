import { expect, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import type { RolloutState } from '../../src/core/rollout.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { anEvent, aSave } from '../support/saves.ts';
import { NOW, paymentRecord, paymentSpec, progressingState } from '../view/states.ts';
import { run, type Scene, scene } from './run.ts';

const APPROVE = ['approve', 'payment-service', '--reason', 'release 118'];
const NAMED = [...APPROVE, '--revision', 'v1.5.1'];

/** payment-service with gates after the steps given, under way at step `stepIndex`. */
async function atStep(stepIndex: number, gates: readonly number[], over: Partial<RolloutState> = {}) {
  const at = await scene();
  const plain = paymentSpec().canary;
  const steps = plain.strategy.steps.map((step, index) => ({ ...step, approval: gates.includes(index) }));
  const spec: Spec = paymentSpec({ strategy: { ...plain.strategy, steps } });
  at.behind.specs = [spec];
  at.behind.states = [progressingState(spec, { stepIndex, ...over })];
  record(at, null);
  return at;
}

function record({ store }: Scene, outcome: Outcome | null): void {
  const rollout = paymentRecord(
    outcome === null ? {} : { outcome, endedAt: NOW, reason: `it was ${outcome}` },
  );
  store.save(aSave('payment-service', { rollouts: [rollout] }));
}

function refusing({ behind }: Scene, code: string): void {
  behind.answer = async () => ({ status: 409, code, detail: 'nobody asked', hint: 'look' });
}

function accepting({ behind, store }: Scene): void {
  behind.answer = async (command) => {
    const eventId = store.addCommand(command, NOW);
    store.appendEvents([{ ...anEvent('Approved', { causedBy: eventId }), canary: command.canary }], NOW);
    return { eventId, rolloutId: null, changed: true };
  };
}

test('the gate of the revision that is named is approved', async () => {
  const at = await atStep(1, [1]);
  accepting(at);
  expect((await run(at, ...NAMED)).code).toBe(0);
  expect(at.behind.submitted).toMatchObject([
    { canary: 'payment-service', verb: 'approve', reason: 'release 118' },
  ]);
});

test.each([
  ['of another revision than runs', 'v9', null, 1, 'there is no rollout of v9'],
  ['after it was rolled back', 'v1.5.1', 'RolledBack', 3, 'ended RolledBack, not Promoted'],
] as const)('a gate %s is never approved', async (_, revision, outcome, code, said) => {
  const at = await atStep(1, [1]);
  record(at, outcome);
  const ran = await run(at, ...APPROVE, '--revision', revision);
  expect([ran.code, at.behind.submitted]).toEqual([code, []]);
  expect(ran.talk).toContain(said);
});

test('what is promoted already needs no approval', async () => {
  const at = await atStep(1, [1]);
  record(at, 'Promoted');
  const { code, out } = await run(at, ...NAMED);
  expect([code, out.split('  ').slice(0, 2), at.behind.submitted]).toEqual([0, ['✓ Promoted', 'v1.5.1'], []]);
});

test.each([
  ['at its gate has been approved', 1, [1], 0],
  ['behind its gate has been approved', 2, [1], 0],
  ['between two gates has not', 1, [0, 2], 1],
  ['in front of its gate has not', 1, [2], 1],
  ['without any gate has not', 1, [], 1],
] as const)('where there is nothing to approve, a rollout %s', async (_, stepIndex, gates, code) => {
  const at = await atStep(stepIndex, gates);
  refusing(at, 'NOT_APPLICABLE');
  const ran = await run(at, ...NAMED);
  expect(ran.code).toBe(code);
  expect(ran.talk).toContain('nobody asked');
});

test('without a revision it is refused wherever there is nothing to approve', async () => {
  const at = await atStep(1, [1]);
  refusing(at, 'NOT_APPLICABLE');
  expect((await run(at, ...APPROVE)).code).toBe(1);
});

test('a rollout that failed and waits for a person has not been approved', async () => {
  const at = await atStep(1, [1], { pauses: [{ reason: 'Failed', detail: 'errors', since: NOW }] });
  refusing(at, 'NOT_APPLICABLE');
  expect((await run(at, ...NAMED)).code).toBe(1);
});

test('any other refusal stays one', async () => {
  const at = await atStep(1, [1]);
  refusing(at, 'STANDBY');
  expect((await run(at, ...NAMED)).code).toBe(1);
});
