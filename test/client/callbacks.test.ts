import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type DevNacos, startDevNacos } from '../../infra/dev-nacos/server.ts';
import {
  type CanaryClient,
  type CanaryClientEvent,
  type CanaryClientOptions,
  createCanaryClient,
} from '../../src/client/client.ts';
import { ruleDocument } from '../fleet/documents.ts';

const DOCUMENT = ['canary-rules.checkout.json', 'CANARY_GROUP'] as const;

async function startNacos(): Promise<DevNacos> {
  const nacos = await startDevNacos({ version: '3.1', dumpLag: 'none' });
  onTestFinished(() => nacos.close());
  nacos.put(...DOCUMENT, ruleDocument({ canaryWeight: 5 }));
  return nacos;
}

function listen(nacos: DevNacos, options: Partial<CanaryClientOptions>): CanaryClient {
  const client = createCanaryClient({ nacos: nacos.url, services: { checkout: {} }, ...options });
  onTestFinished(() => client.close());
  return client;
}

function soon(assertion: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(assertion, { timeout: 20_000, interval: 10 });
}

/** Changes the document and waits until the client follows it. */
async function followsOn(client: CanaryClient, nacos: DevNacos, canaryWeight: number): Promise<void> {
  nacos.put(...DOCUMENT, ruleDocument({ canaryWeight }));
  await soon(() => expect(client.state('checkout').rule?.canaryWeight).toBe(canaryWeight));
}

const throwing = (): never => {
  throw new Error('not now');
};
/** What a program without types may hand in as well. */
const untyped = (call: () => unknown) => call as () => string;

const untypedFetch = (answer: unknown) => async () => answer as Response;

test.each([
  ['throws', throwing, 'fallback of "checkout": not now'],
  ['throws what is no error', untyped(() => Promise.reject(Object.create(null))), 'fallback of "checkout": '],
  ['rejects', untyped(async () => throwing()), 'fallback of "checkout": '],
  ['gives no name', untyped(() => undefined), 'fallback of "checkout": '],
])(
  'a fallback that %s ends nothing: what was live last counts, and it is told once',
  async (_, call, said) => {
    const events: CanaryClientEvent[] = [];
    const nacos = await startNacos();
    const services = { checkout: { fallback: call } };
    const client = listen(nacos, { services, onEvent: (event) => events.push(event) });
    expect(await client.ready).toBe(true);
    await followsOn(client, nacos, 25);
    nacos.delete(...DOCUMENT);
    await soon(() => expect(client.state('checkout').rule).toBeNull());
    expect(client.choose('checkout', { headers: {} })).toEqual({ version: 'v1', because: 'default' });
    await followsOn(client, nacos, 50);
    const problems = events.filter(({ type }) => type === 'callbackProblem');
    expect(problems).toEqual([{ type: 'callbackProblem', detail: expect.stringContaining(said) }]);
  },
);

test('a fallback that fails again after it worked is told again', async () => {
  const events: CanaryClientEvent[] = [];
  const nacos = await startNacos();
  let named = throwing;
  const services = { checkout: { fallback: () => named() } };
  const client = listen(nacos, { services, onEvent: (event) => events.push(event) });
  await client.ready;
  named = (() => 'v0') as typeof named;
  expect(client.state('checkout').fallback).toBe('v0');
  named = throwing;
  expect(client.state('checkout').fallback).toBe('v1');
  await soon(() => expect(events.filter(({ type }) => type === 'callbackProblem')).toHaveLength(2));
});

test.each([
  ['throws', throwing],
  ['rejects', async () => throwing()],
  ['throws what is no error', () => Promise.reject(Object.create(null))],
  ['is no function', null as unknown as () => void],
])('an onEvent that %s ends nothing, and is warned of', async (_, onEvent) => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => warnings.push(warning);
  process.on('warning', hear);
  onTestFinished(() => void process.off('warning', hear));
  const nacos = await startNacos();
  const client = listen(nacos, { onEvent });
  expect(await client.ready).toBe(true);
  await followsOn(client, nacos, 25);
  await soon(() => expect(warnings.length).toBeGreaterThanOrEqual(2));
  expect(warnings[0]).toMatchObject({ name: 'CanaryClientWarning' });
  expect(warnings[0]?.message).toMatch(/^onEvent: \S/);
});

test('a password that rejects, as one read without waiting for it, is one that cannot be read', async () => {
  const events: CanaryClientEvent[] = [];
  const nacos = await startNacos();
  const password = untyped(async () => throwing());
  listen(nacos, { username: 'fleet', password, onEvent: (event) => events.push(event) });
  await soon(() =>
    expect(events).toContainEqual({ type: 'nacosLost', detail: 'the password cannot be read' }),
  );
});

describe('a fetch of the program', () => {
  const body = () => JSON.parse(ruleDocument({}));

  test.each([
    ['answers 403 with a response that it made', async () => new Response('no', { status: 403 })],
    ['gives something like a response', untypedFetch({ status: 403, text: async () => 'no' })],
    [
      'gives text that is none',
      untypedFetch({ status: 403, headers: new Headers(), text: async () => body() }),
    ],
    ['gives nothing', untypedFetch(undefined)],
    ['throws', untyped(throwing) as unknown as typeof fetch],
    ['rejects with what is no error', () => Promise.reject(Object.create(null))],
  ])('that %s is a Nacos that is away, until it does better', async (_, answer) => {
    const events: CanaryClientEvent[] = [];
    const nacos = await startNacos();
    let isBroken = true;
    const client = listen(nacos, {
      fetch: (...request) => (isBroken ? answer(...request) : fetch(...request)),
      onEvent: (event) => events.push(event),
    });
    const lost = { type: 'nacosLost', detail: expect.stringContaining(nacos.url) };
    await soon(() => expect(events).toContainEqual(lost));
    isBroken = false;
    await followsOn(client, nacos, 25);
    expect(client.isConnected()).toBe(true);
  });

  test('that does not end when it is told to keeps nobody from closing', async () => {
    const nacos = await startNacos();
    const client = listen(nacos, { fetch: () => new Promise(() => {}), readyWithinMs: 1 });
    expect(await client.ready).toBe(false);
    await client.close();
  });
});
