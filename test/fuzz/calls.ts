/** Requests made from the description: right ones, almost right ones, and nonsense at the right addresses. */
import fc from 'fast-check';
import type { Document, Operation, Parameter } from './description.ts';
import { allowed, almostAllowed, bodyText, EVIL_TEXTS, type Hints, parameterText } from './values.ts';

export interface Call {
  readonly operation: Operation;
  /** That of the operation, or another one. */
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | Buffer | null;
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND'] as const;
const JSON_TYPES = ['application/json', 'application/json; charset=utf-8'] as const;
const TYPES = ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx', '', 'a/b/c'] as const;

/** Headers beside those of an operation that are sent now and then. */
const MORE_HEADERS: Readonly<Record<string, readonly string[]>> = {
  'x-request-id': ['build-7', 'two words', 'x'.repeat(300)],
  'x-forwarded-for': ['10.0.0.1'],
  origin: ['http://evil.example', 'null'],
  host: ['evil.example', 'localhost', '[::1]:5001', ''],
  accept: ['text/html', '*/*;q=x'],
  'x-grafana-alerting-signature': ['0'.repeat(64), 'sha256=zz'],
  'x-grafana-alerting-timestamp': ['1', '9'.repeat(30)],
};

/** Once in forty. */
function rarely<T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.oneof({ weight: 39, arbitrary: fc.constant(undefined) }, value);
}

export function calls(
  document: Document,
  operations: readonly Operation[],
  hints: Hints,
  credentials: (operation: Operation) => readonly string[],
): fc.Arbitrary<Call> {
  return fc.oneof(...operations.map((operation) => call(document, operation, hints, credentials(operation))));
}

function call(
  document: Document,
  operation: Operation,
  hints: Hints,
  tokens: readonly string[],
): fc.Arbitrary<Call> {
  const { method, path, parameters, body } = operation;
  const payload = body === null ? fc.constant(null) : payloadOf(document, operation, hints);
  return fc
    .record({
      method: fc.oneof({ weight: 20, arbitrary: fc.constant(method) }, fc.constantFrom(...METHODS)),
      values: valuesOf(document, parameters, hints),
      extra: extraHeaders(tokens, body !== null),
      query: rarely(fc.tuple(fc.constantFrom(...EVIL_TEXTS), fc.constantFrom(...EVIL_TEXTS))),
      payload,
    })
    .map(({ method, values, extra, query, payload }) => ({
      operation,
      method,
      url: urlOf(path, parameters, values, query),
      headers: { ...extra, ...headersOf(parameters, values) },
      payload,
    }));
}

function payloadOf(
  document: Document,
  { body }: Operation,
  hints: Hints,
): fc.Arbitrary<string | Buffer | null> {
  const schema = body ?? {};
  return fc.oneof(
    { weight: 8, arbitrary: allowed(document, schema, hints).map((value) => JSON.stringify(value)) },
    { weight: 5, arbitrary: bodyText(almostAllowed(document, schema, hints)) },
    { weight: 1, arbitrary: fc.constant(null) },
  );
}

type Values = Readonly<Record<string, string | undefined>>;

function valuesOf(document: Document, parameters: readonly Parameter[], hints: Hints): fc.Arbitrary<Values> {
  const each = parameters.map(({ name, required, schema }) => {
    const text = parameterText(document, schema, (hints[name] ?? []).map(String));
    return [name, required === true ? text : fc.option(text, { nil: undefined })] as const;
  });
  return fc.record(Object.fromEntries(each));
}

function urlOf(
  path: string,
  parameters: readonly Parameter[],
  values: Values,
  extra: readonly [string, string] | undefined,
): string {
  const place = path.replace(/\{(\w+)\}/g, (_, name: string) => encoded(values[name] ?? ''));
  const query = parameters.flatMap(({ in: where, name }) =>
    where === 'query' && values[name] !== undefined ? [[name, values[name]] as const] : [],
  );
  const pairs = [...query, ...(extra === undefined ? [] : [extra])].map(
    ([name, value]) => `${encoded(name)}=${encoded(value)}`,
  );
  return pairs.length === 0 ? place : `${place}?${pairs.join('&')}`;
}

/** As a client encodes it; what no client can encode goes as it is. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80';
}

function headersOf(parameters: readonly Parameter[], values: Values): Record<string, string> {
  const given = parameters.flatMap(({ in: where, name }) => {
    const value = values[name];
    // What no HTTP client sends never reaches an application.
    return where === 'header' && value !== undefined
      ? [[name, value.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?')]]
      : [];
  });
  return Object.fromEntries(given);
}

function extraHeaders(tokens: readonly string[], hasBody: boolean): fc.Arbitrary<Record<string, string>> {
  const authorization = fc.oneof(
    { weight: 30, arbitrary: fc.constantFrom(...tokens) },
    {
      weight: 2,
      arbitrary: fc.constantFrom('', 'Bearer', 'Basic eDp5', 'Bearer a b', `Bearer ${'x'.repeat(500)}`),
    },
  );
  const type = hasBody
    ? fc.oneof({ weight: 15, arbitrary: fc.constantFrom(...JSON_TYPES) }, fc.constantFrom(...TYPES))
    : fc.constantFrom(...TYPES, ...JSON_TYPES);
  const more = Object.entries(MORE_HEADERS).map(([name, values]) => [
    name,
    rarely(fc.constantFrom(...values)),
  ]);
  return fc
    .record({
      authorization,
      'content-type': hasBody ? type : rarely(type),
      ...Object.fromEntries(more),
    })
    .map(
      (headers) =>
        Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)) as Record<
          string,
          string
        >,
    );
}
