import { expect, test } from 'vitest';
import {
  CanaryListView,
  CanaryView,
  EventListView,
  ExplanationView,
  RolloutListView,
  RolloutView,
} from '../../src/view/schemas.ts';
import { SpecView } from '../../src/view/spec.ts';
import { anEvent, aSave } from '../support/saves.ts';
import {
  NOW,
  paymentExplanation,
  paymentRecord,
  paymentSpec,
  paymentVerdict,
  progressingState,
  ROLLOUT_ID,
  stableState,
} from '../view/states.ts';
import { serverOf, standIn } from './stand-in.ts';

function loaded() {
  const spec = paymentSpec();
  const behind = standIn({
    specs: [spec],
    states: [progressingState(spec)],
    explanations: [paymentExplanation()],
  });
  return { behind, spec, ...serverOf(behind) };
}

const FAULT = {
  severity: 'error',
  file: 'search.yaml',
  line: 3,
  column: 9,
  code: 'SPEC_RANGE',
  detail: 'weight must be at most 100',
  canary: 'search',
} as const;

test('one Canary is the object of the contract', async () => {
  const answer = await loaded().app.inject('/api/v1/canaries/payment-service');
  expect(answer.statusCode).toBe(200);
  expect(answer.headers['content-type']).toContain('application/json');
  expect(answer.headers['cache-control']).toBe('no-store');
  await expect(`${JSON.stringify(answer.json(), null, 2)}\n`).toMatchFileSnapshot('golden/canary.json.txt');
  expect(CanaryView.parse(answer.json())).toEqual(answer.json());
});

test('the list comes in pages: after the last name of the page before', async () => {
  const { app, behind } = loaded();
  behind.states = ['e', 'b', 'd', 'a', 'c'].map((name) => ({ ...stableState(), name }));
  behind.specs = [];
  const page = async (query: string) =>
    (await app.inject(`/api/v1/canaries?${query}`)).json().items.map(({ name }: { name: string }) => name);
  expect(await page('limit=2')).toEqual(['a', 'b']);
  expect(await page('limit=2&after=b')).toEqual(['c', 'd']);
  expect(await page('limit=2&after=d')).toEqual(['e']);
  expect(await page('after=bb')).toEqual(['c', 'd', 'e']);
  expect(await page('after=e')).toEqual([]);
});

test.each(['limit=0', 'limit=1001', 'limit=x', 'page=2'])('a list with %s is refused', async (query) => {
  const answer = await loaded().app.inject(`/api/v1/canaries?${query}`);
  expect([answer.statusCode, answer.json().code]).toEqual([400, 'INVALID_QUERY']);
});

test('rollouts come in pages: after the last id of the page before', async () => {
  const { app, store } = loaded();
  for (let number = 1; number <= 60; number += 1) {
    const rollouts = [paymentRecord({ id: `r-${number}` })];
    store.save(aSave('payment-service', { rollouts }));
  }
  store.save(aSave('search', { rollouts: [paymentRecord({ id: 's-1', canary: 'search' })] }));
  const path = '/api/v1/canaries/payment-service/rollouts';
  const page = async (query: string) =>
    (await app.inject(`${path}?${query}`)).json().items.map(({ id }: { id: string }) => id);
  expect(await page('')).toHaveLength(50);
  expect(await page('limit=2')).toEqual(['r-60', 'r-59']);
  expect(await page('limit=2&after=r-59')).toEqual(['r-58', 'r-57']);
  expect(await page('limit=5&after=r-3')).toEqual(['r-2', 'r-1']);
  expect(await page('after=r-1')).toEqual([]);
  for (const query of ['after=r-61', 'after=s-1', 'limit=201']) {
    const answer = await app.inject(`${path}?${query}`);
    expect([query, answer.statusCode, answer.json().code]).toEqual([query, 400, 'INVALID_QUERY']);
  }
});

test('gateways are asked for when one Canary is read, and never for the list', async () => {
  const { app, behind } = loaded();
  behind.gateways = { current: 3, total: 4 };
  expect((await app.inject('/api/v1/canaries')).json().items[0]).toMatchObject({ gateways: null });
  expect(behind.gatewaysAsked).toEqual([]);
  const answer = await app.inject('/api/v1/canaries/payment-service');
  expect(CanaryView.parse(answer.json()).gateways).toEqual({ current: 3, total: 4 });
  expect(behind.gatewaysAsked).toEqual(['payment-service']);
});

test('the list holds every Canary by name, with a file, a state or both, and every diagnostic', async () => {
  const { app, behind } = loaded();
  const lost = { ...stableState(), name: 'lost' };
  behind.states = [lost, ...behind.states];
  behind.specs = [...behind.specs, paymentSpec({ name: 'fresh', service: 'fresh' })];
  behind.diagnostics = [FAULT];
  const answer = await app.inject('/api/v1/canaries');
  expect(answer.headers['content-type']).toContain('application/json');
  const list = CanaryListView.parse(answer.json());
  expect(list).toEqual(answer.json());
  expect(list.items.map(({ name, phase }) => [name, phase])).toEqual([
    ['fresh', 'Initializing'],
    ['lost', 'Stable'],
    ['payment-service', 'Progressing'],
  ]);
  expect(list.diagnostics).toEqual([FAULT]);
});

test('an empty controller has an empty list', async () => {
  const answer = await serverOf(standIn()).app.inject('/api/v1/canaries');
  expect(answer.json()).toEqual({ items: [], diagnostics: [] });
});

test('a Canary whose file was never valid is 404 and says where it is wrong', async () => {
  const { app, behind } = loaded();
  behind.diagnostics = [FAULT];
  const answer = await app.inject('/api/v1/canaries/search');
  expect(answer.statusCode).toBe(404);
  expect(answer.json()).toMatchObject({
    code: 'NOT_FOUND',
    detail: 'search was never valid: search.yaml:3:9 SPEC_RANGE weight must be at most 100',
    hint: 'correct search.yaml',
  });
});

test('the declaration that runs can be read back whole', async () => {
  const { app, spec } = loaded();
  const answer = await app.inject('/api/v1/canaries/payment-service/spec');
  expect(SpecView.parse(answer.json())).toEqual({
    file: spec.file,
    line: 7,
    hash: spec.hash,
    template: null,
    canary: spec.canary,
  });
});

test('rollouts come newest first, each with the latest measurement of every metric', async () => {
  const { app, store } = loaded();
  const first = paymentRecord({
    outcome: 'RolledBack',
    endedAt: NOW - 600_000,
    startedAt: NOW - 900_000,
    id: 'r-1',
  });
  const verdicts = [
    { rolloutId: ROLLOUT_ID, verdict: paymentVerdict({ at: NOW - 90_000, class: 'fail' }) },
    { rolloutId: ROLLOUT_ID, verdict: paymentVerdict({ at: NOW - 30_000, class: 'fail' }) },
    { rolloutId: ROLLOUT_ID, verdict: paymentVerdict({ at: NOW - 60_000, metric: 'p99', class: 'noData' }) },
  ];
  store.save(aSave('payment-service', { rollouts: [first] }));
  store.save(aSave('payment-service', { rollouts: [paymentRecord()], verdicts }));
  const answer = await app.inject('/api/v1/canaries/payment-service/rollouts');
  const { items } = RolloutListView.parse(answer.json());
  expect(items.map(({ id, outcome }) => [id, outcome])).toEqual([
    [ROLLOUT_ID, null],
    ['r-1', 'RolledBack'],
  ]);
  expect(items[0]?.measurements.map(({ metric, at }) => [metric, at])).toEqual([
    ['error-rate', '2026-11-23T13:59:30.000Z'],
    ['p99', '2026-11-23T13:59:00.000Z'],
  ]);
  expect(items[0]?.reason).toBe('baking until 14:03:00Z; 2 of 3 passes collected');
});

test('one rollout has all its measurements', async () => {
  const { app, store } = loaded();
  const verdicts = [90, 60, 30].map((seconds) => ({
    rolloutId: ROLLOUT_ID,
    verdict: paymentVerdict({ at: NOW - seconds * 1000, class: 'fail' }),
  }));
  store.save(aSave('payment-service', { rollouts: [paymentRecord()], verdicts }));
  const answer = await app.inject(`/api/v1/rollouts/${ROLLOUT_ID}`);
  expect(RolloutView.parse(answer.json()).measurements).toHaveLength(3);
  await expect(`${JSON.stringify(answer.json(), null, 2)}\n`).toMatchFileSnapshot('golden/rollout.json.txt');
});

test('the history of a forgotten Canary stays readable', async () => {
  const { app, behind, store } = loaded();
  store.save(aSave('payment-service', { rollouts: [paymentRecord({ outcome: 'Cancelled', endedAt: NOW })] }));
  behind.states = [];
  behind.specs = [];
  expect((await app.inject('/api/v1/canaries/payment-service')).statusCode).toBe(404);
  expect((await app.inject('/api/v1/canaries/payment-service/rollouts')).json().items).toHaveLength(1);
});

test('rollouts of nobody, and a rollout that never was, are 404', async () => {
  const { app } = loaded();
  expect((await app.inject('/api/v1/canaries/nobody/rollouts')).statusCode).toBe(404);
  expect((await app.inject('/api/v1/rollouts/nobody-1')).json()).toMatchObject({ code: 'NOT_FOUND' });
});

test('the last decision is explained as data and as text', async () => {
  const answer = await loaded().app.inject('/api/v1/canaries/payment-service/explain');
  expect(ExplanationView.parse(answer.json())).toEqual(answer.json());
  await expect(`${JSON.stringify(answer.json(), null, 2)}\n`).toMatchFileSnapshot('golden/explain.json.txt');
});

test('the last decision says which weight is live while another one could not be written', async () => {
  const { app, behind } = loaded();
  behind.states = behind.states.map((state) => ({ ...state, observed: { weight: 5, at: NOW } }));
  const answer = await app.inject('/api/v1/canaries/payment-service/explain');
  expect(answer.json().text).toContain('13:59:55Z  Progressing  canary 25 % (5 % live)');
});

test('the decision behind a past event is explained under its number', async () => {
  const { app, store } = loaded();
  const [event] = store.save(
    aSave('payment-service', {
      events: [anEvent('StepStarted')],
      explanation: paymentExplanation({ to: 50 }),
    }),
  );
  const answer = await app.inject(`/api/v1/canaries/payment-service/explain?at=${event?.id}`);
  expect(answer.json()).toMatchObject({ eventId: event?.id, to: 50 });
  expect(answer.json().text).toContain(`#${event?.id}  13:59:55Z  Progressing  canary 25 % → 50 %`);
});

test('after a rollback the decision that went back is explained, not the last look at a Canary at rest', async () => {
  const { app, store, behind } = loaded();
  behind.states = behind.states.map((state) =>
    state.name === 'payment-service' ? { ...state, phase: 'RolledBack' } : state,
  );
  const [event] = store.save(
    aSave('payment-service', {
      events: [anEvent('RollbackStarted', { rolloutId: ROLLOUT_ID })],
      explanation: paymentExplanation({ to: 0 }),
    }),
  );
  store.save(aSave('payment-service', { explanation: paymentExplanation({ to: 99 }) }));
  const answer = await app.inject('/api/v1/canaries/payment-service/explain');
  expect(answer.json()).toMatchObject({ eventId: event?.id, to: 0 });
});

test.each([
  ['an event of another Canary', 'search', 'has no event'],
  ['an event that was no decision', 'payment-service', 'was no decision'],
])('%s explains nothing', async (_, canary, detail) => {
  const { app, store } = loaded();
  const [event] = store.appendEvents([{ ...anEvent('SpecInvalid'), canary }], NOW);
  const answer = await app.inject(`/api/v1/canaries/payment-service/explain?at=${event?.id}`);
  expect(answer.statusCode).toBe(404);
  expect(answer.json().detail).toContain(detail);
});

test('a Canary without a decision, and one that is unknown, have nothing to explain', async () => {
  const { app, behind } = loaded();
  behind.explanations = [];
  expect((await app.inject('/api/v1/canaries/payment-service/explain')).json().detail).toContain(
    'nothing was decided',
  );
  expect((await app.inject('/api/v1/canaries/nobody/explain')).json().detail).toBe(
    'there is no Canary nobody.',
  );
});

test.each(['events', 'stream'])(
  '%s of a name that was never known are 404 with what was meant',
  async (what) => {
    const { app } = loaded();
    const answer = await app.inject(`/api/v1/${what}?canary=payment-servise`);
    expect([answer.statusCode, answer.json().code]).toEqual([404, 'NOT_FOUND']);
    expect(answer.json().detail).toContain('Did you mean payment-service?');
  },
);

test('events stay readable when their Canary is forgotten, and a Canary may have none', async () => {
  const { app, store } = loaded();
  store.appendEvents([{ ...anEvent('Forgotten'), canary: 'gone' }], NOW);
  expect((await app.inject('/api/v1/events?canary=gone')).json().items).toHaveLength(1);
  expect((await app.inject('/api/v1/events?canary=payment-service')).json()).toEqual({ items: [] });
});

test('events come in order, after a number or the newest ones, of all or of one Canary', async () => {
  const { app, store } = loaded();
  const events = Array.from({ length: 150 }, (_, index) => ({
    ...anEvent('SpecChanged', { message: `change ${index + 1}` }),
    canary: index % 2 === 0 ? 'payment-service' : 'search',
  }));
  store.appendEvents(events, NOW);
  const ids = async (query: string) =>
    EventListView.parse((await app.inject(`/api/v1/events${query}`)).json()).items.map(({ id }) => id);
  expect(await ids('?after=0&limit=2')).toEqual([1, 2]);
  expect(await ids('?canary=search&after=3&limit=2')).toEqual([4, 6]);
  expect(await ids('?limit=2')).toEqual([149, 150]);
  expect(await ids('')).toHaveLength(100);
  expect(await ids('?after=150')).toEqual([]);
});

test('an event has all its fields', async () => {
  const { app, store } = loaded();
  const event = anEvent('RolloutEnded', {
    rolloutId: ROLLOUT_ID,
    message: 'RolledBack: error-rate failed',
    data: { outcome: 'RolledBack', weight: 25, revision: 'v1.5.1' },
  });
  store.save(aSave('payment-service', { events: [event], at: NOW }));
  const answer = await app.inject('/api/v1/events');
  await expect(`${JSON.stringify(answer.json(), null, 2)}\n`).toMatchFileSnapshot('golden/events.json.txt');
});
