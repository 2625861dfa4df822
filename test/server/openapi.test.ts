import { expect, test } from 'vitest';
import { EVENT_TYPES } from '../../src/core/events.ts';
import { serverOf, standIn } from './stand-in.ts';

async function description() {
  return (await serverOf(standIn()).app.inject('/openapi.json')).json();
}

test('the description is what it was, or changed on purpose', async () => {
  await expect(`${JSON.stringify(await description(), null, 2)}\n`).toMatchFileSnapshot(
    'golden/openapi.json.txt',
  );
});

test('every call of the interface page is described', async () => {
  const { openapi, paths } = await description();
  expect(openapi).toBe('3.1.0');
  const calls = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const verbs = ['pause', 'resume', 'approve', 'promote', 'abort', 'retry', 'undo', 'forget'];
  expect(calls.filter((call) => !call.startsWith('HEAD')).sort()).toEqual(
    [
      'GET /livez',
      'GET /readyz',
      'GET /leaderz',
      'GET /metrics',
      'GET /openapi.json',
      'GET /api/v1/canaries',
      'GET /api/v1/canaries/{name}',
      'GET /api/v1/canaries/{name}/spec',
      'GET /api/v1/canaries/{name}/rollouts',
      'GET /api/v1/canaries/{name}/explain',
      'GET /api/v1/rollouts/{id}',
      'GET /api/v1/events',
      'GET /api/v1/stream',
      'GET /api/v1/webhooks/{id}',
      'POST /api/v1/canary/start',
      'POST /webhooks/grafana',
      'POST /webhooks/alertmanager',
      ...verbs.map((verb) => `POST /api/v1/canaries/{name}/${verb}`),
    ].sort(),
  );
});

test('event types are listed', async () => {
  const { components } = await description();
  expect(components.schemas.Event.properties.type.enum).toEqual(EVENT_TYPES);
});

test('requests are closed, answers may grow', async () => {
  const { components } = await description();
  expect(components.schemas.StartBodyInput.additionalProperties).toBe(false);
  expect(components.schemas.StartBodyInput.required).toEqual(['service_name', 'canary_version']);
  expect(components.schemas.Canary).not.toHaveProperty('additionalProperties');
});

test('a body that may be left out is not required', async () => {
  const { paths } = await description();
  expect(paths['/api/v1/canaries/{name}/pause'].post.requestBody).not.toHaveProperty('required');
  expect(paths['/api/v1/canary/start'].post.requestBody.required).toBe(true);
});

test('every reference leads somewhere and every schema is used', async () => {
  const document = await description();
  const references = new Set<string>();
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    for (const [key, value] of Object.entries(node)) {
      if (key === '$ref') references.add(String(value));
      else walk(value);
    }
  };
  walk(document);
  const schemas = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
  expect([...references].sort()).toEqual(schemas.sort());
});

test('every call says what it answers and that it may answer a problem', async () => {
  const { paths } = await description();
  for (const [path, methods] of Object.entries<Record<string, { summary?: string; responses: object }>>(
    paths,
  )) {
    for (const operation of Object.values(methods)) {
      expect(operation.summary, path).toMatch(/^[A-Z]/);
      expect(
        Object.keys(operation.responses).some((status) => status.startsWith('2')),
        path,
      ).toBe(true);
      if (path.startsWith('/api/')) expect(operation.responses).toHaveProperty('4XX');
    }
  }
});
