import { expect, test } from 'vitest';
import { VERBS } from '../../src/view/requests.ts';
import { anEvent } from '../support/saves.ts';
import { NOW, paymentSpec, ROLLOUT_ID } from '../view/states.ts';
import { begin, NOBODY, run, type Scene, scene } from './run.ts';

const ENDING = {
  outcome: 'Aborted',
  reason: 'aborted by root: stop',
  since: NOW,
  tries: 1,
  alarmed: false,
} as const;

/** Lets every command be recorded and at once answered by an event of this type. */
function answering(at: Scene, type: 'CommandApplied' | 'CommandRefused', message: string): void {
  at.behind.answer = async (command) => {
    const eventId = at.store.addCommand(command, NOW);
    const event = anEvent(type, { message, causedBy: eventId });
    at.store.appendEvents([{ ...event, canary: command.canary }], NOW);
    return { eventId, rolloutId: null, changed: true };
  };
}

test.each(VERBS)('%s sends the command with its reason and says what became of it', async (verb) => {
  const at = await scene();
  answering(at, 'CommandApplied', `${verb} done`);
  const { code, out, talk } = await run(at, verb, 'payment-service', '--reason', 'lunch break');
  expect({ code, out, talk }).toEqual({ code: 0, out: 'event 1', talk: `${verb} done` });
  expect(at.behind.submitted).toMatchObject([
    { canary: 'payment-service', verb, reason: 'lunch break', source: 'cli' },
  ]);
  expect(at.behind.submitted[0]?.actor).not.toBe('');
});

test('an abort says that the weight is not down yet, and how to follow it', async () => {
  const at = await scene();
  answering(at, 'CommandApplied', 'aborted by root: stop');
  at.behind.states = at.behind.states.map((state) =>
    state.name === 'payment-service' ? { ...state, phase: 'RollingBack', ending: ENDING } : state,
  );
  expect((await run(at, 'abort', 'payment-service')).talk).toBe(
    'aborted by root: stop\nweight 0 is being written, 25 % is still live; `canary get payment-service -w` follows it',
  );
  at.behind.states = at.behind.states.map((state) => ({ ...state, observed: { weight: 0, at: NOW } }));
  expect((await run(at, 'abort', 'payment-service')).talk).toBe('aborted by root: stop');
});

test('promote and undo know their flags', async () => {
  const at = await scene();
  answering(at, 'CommandApplied', 'done');
  await run(at, 'promote', 'payment-service', '--full', '--force');
  await run(at, 'undo', 'payment-service', '--force');
  expect(at.behind.submitted).toMatchObject([
    { verb: 'promote', full: true, force: true },
    { verb: 'undo', full: false, force: true },
  ]);
  expect((await run(at, 'abort', 'payment-service', '--force')).code).toBe(2);
});

test('a refusal at once ends with 1, its code and the way out', async () => {
  const at = await scene();
  at.behind.answer = async () => ({
    status: 409,
    code: 'NOT_APPLICABLE',
    detail: 'it is not paused',
    hint: 'nothing to do',
  });
  expect(await run(at, 'resume', 'payment-service')).toEqual({
    code: 1,
    out: '',
    talk: 'error: NOT_APPLICABLE: it is not paused\nhint: nothing to do',
  });
});

test('a refusal when the command is taken ends with 1 too', async () => {
  const at = await scene();
  answering(at, 'CommandRefused', 'undo refused: v1.5.0 shows no live target');
  expect(await run(at, 'undo', 'payment-service')).toEqual({
    code: 1,
    out: '',
    talk: 'error: undo refused: v1.5.0 shows no live target',
  });
});

test('a command that is not answered soon is left to itself and told so', async () => {
  const at = await scene();
  at.behind.answer = async (command) => ({
    eventId: at.store.addCommand(command, NOW),
    rolloutId: null,
    changed: true,
  });
  const paused = begin(at, ['resume', 'payment-service']);
  for (let poll = 0; poll < 25; poll += 1) {
    await at.clock.armed(200);
    at.clock.advance(200);
  }
  expect(await paused.ended).toEqual({
    code: 0,
    out: 'event 1',
    talk: 'taken; `canary get payment-service` shows what becomes of it',
  });
});

test('retry prints the rollout that it began', async () => {
  const at = await scene();
  answering(at, 'CommandApplied', 'retry asked');
  const { answer } = at.behind;
  at.behind.answer = async (command) => ({
    ...(await answer(command)),
    rolloutId: 'payment-service-4-1f2e3d4c',
  });
  expect((await run(at, 'retry', 'payment-service')).out).toBe('rollout payment-service-4-1f2e3d4c');
  const json = await run(at, 'retry', 'payment-service', '-o', 'json');
  expect(JSON.parse(json.out)).toEqual({ eventId: 3, rolloutId: 'payment-service-4-1f2e3d4c' });
});

test('start begins a rollout of exactly the Canary that it names', async () => {
  const at = await scene();
  at.behind.specs = [
    paymentSpec(),
    paymentSpec({ name: 'other', service: 'payment-service' }),
    paymentSpec({ name: 'trap', service: 'other' }),
  ];
  at.behind.answer = async () => ({ eventId: 4, rolloutId: ROLLOUT_ID, changed: true });
  const argv = ['start', 'other', '--revision', 'v2', '--restart', '--force', '--reason', 'now'];
  expect(await run(at, ...argv)).toEqual({
    code: 0,
    out: `rollout ${ROLLOUT_ID}`,
    talk: 'other: Canary analysis started',
  });
  expect(at.behind.submitted).toMatchObject([
    { canary: 'other', verb: 'start', revision: 'v2', restart: true, force: true, reason: 'now' },
  ]);
});

test('start of what is live already says so', async () => {
  const at = await scene();
  at.behind.answer = async () => ({ eventId: 4, rolloutId: null, changed: false });
  const { code, out, talk } = await run(at, 'start', 'payment-service', '--revision', 'v1.5.0');
  expect([code, out, talk]).toEqual([0, 'v1.5.0 is live', 'payment-service: Version already live']);
});

test('start that is refused ends with 1', async () => {
  const at = await scene();
  at.behind.answer = async () => ({
    status: 409,
    code: 'IN_PROGRESS',
    detail: 'v1.5.1 is under way',
    hint: 'wait',
  });
  const { code, talk } = await run(at, 'start', 'payment-service', '--revision', 'v3');
  expect([code, talk]).toEqual([1, 'error: IN_PROGRESS: v1.5.1 is under way\nhint: wait']);
});

test.each([['start', 'x', '--revision', 'v2'], ['pause', 'x'], ['list'], ['wait', 'x', '--for', 'Promoted']])(
  'without a server %s ends with 4',
  async (...argv) => {
    const { clock } = await scene();
    const { code, out, talk } = await run({ url: NOBODY, clock }, ...argv);
    expect([code, out]).toEqual([4, '']);
    expect(talk).toContain(`error: ${NOBODY} does not answer: `);
    expect(talk).toContain('hint: is `canary serve` running?');
  },
);
