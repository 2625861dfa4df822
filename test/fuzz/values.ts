/** Values for a JSON Schema: those that it allows, those that it almost allows, and anything. */
import fc from 'fast-check';
import { type Document, resolved, type Schema } from './description.ts';

/** Texts that break what was not written with them in mind. */
export const EVIL_TEXTS: readonly string[] = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '../../etc/passwd',
  '%00',
  '\u0000',
  '\r\nx-injected: 1',
  '\u2028\u202e',
  '😀'.repeat(50),
  'ÀÉß\u0301',
  "'; DROP TABLE events; --",
  '9'.repeat(20),
  '-1',
  '1e3',
  'NaN',
  'null',
  'a'.repeat(5_000),
];

const evilText = fc.oneof(fc.constantFrom(...EVIL_TEXTS), fc.string({ unit: 'binary', maxLength: 60 }));

const evilValue: fc.Arbitrary<unknown> = fc.oneof(
  evilText,
  fc.constantFrom(null, true, 0, -0, 1.5, -1, 1e308, 2 ** 53, [], {}, [[]], '\ud800'),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(JSON.parse('{"__proto__":{"force":true},"constructor":{"prototype":{"x":1}}}')),
  fc.integer({ min: 2, max: 200 }).map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
);

/** By the name of a field: what leads somewhere in the world that is asked. */
export type Hints = Readonly<Record<string, readonly unknown[]>>;

/** Values that the schema allows, as far as it says so. */
export function allowed(document: Document, schema: Schema, hints: Hints): fc.Arbitrary<unknown> {
  const { const: only, enum: choices, anyOf, type } = resolved(document, schema);
  const each = (schemas: readonly Schema[]) =>
    fc.oneof(...schemas.map((one) => allowed(document, one, hints)));
  if (only !== undefined) return fc.constant(only);
  if (Array.isArray(choices)) return fc.constantFrom(...choices);
  if (Array.isArray(anyOf)) return each(anyOf);
  if (Array.isArray(type)) return each(type.map((one) => ({ ...schema, type: one })));
  return allowedOf(document, resolved(document, schema), hints);
}

function allowedOf(document: Document, schema: Schema, hints: Hints): fc.Arbitrary<unknown> {
  switch (schema['type']) {
    case 'string':
      return allowedText(schema);
    case 'integer':
    case 'number':
      return allowedNumber(schema);
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(allowed(document, (schema['items'] ?? {}) as Schema, hints), { maxLength: 4 });
    case 'object':
      return allowedObject(document, schema, hints);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function allowedText({ pattern, format, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'date-time') {
    const bounds = { noInvalidDate: true, min: new Date(0), max: new Date('9999-01-01') };
    return fc.date(bounds).map((date) => date.toISOString());
  }
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  const most = Math.min(Number(maxLength), 300);
  return fc.string({ unit: 'grapheme', minLength: Number(minLength), maxLength: most });
}

function allowedNumber({ type, minimum, maximum }: Schema): fc.Arbitrary<number> {
  const bounds = { min: Number(minimum ?? -1_000_000), max: Number(maximum ?? 1_000_000) };
  return type === 'integer' ? fc.integer(bounds) : fc.double({ ...bounds, noNaN: true });
}

function allowedObject(document: Document, schema: Schema, hints: Hints): fc.Arbitrary<unknown> {
  const {
    properties = {},
    required = [],
    additionalProperties,
  } = schema as {
    properties?: Record<string, Schema>;
    required?: string[];
    additionalProperties?: Schema | boolean;
  };
  const fields = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => {
      const made = allowed(document, field, hints);
      const hinted = hints[name];
      return [
        name,
        hinted === undefined ? made : fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...hinted) }, made),
      ];
    }),
  );
  const named = fc.record(fields, { requiredKeys: required });
  if (typeof additionalProperties !== 'object') return named;
  const others = Object.entries(hints).map(([name, values]) =>
    fc.record({ [name]: fc.constantFrom(...values) }, { requiredKeys: [] }),
  );
  const free = fc.dictionary(evilText, allowed(document, additionalProperties, hints), { maxKeys: 3 });
  return fc.tuple(named, free, ...others).map((parts) => Object.assign({}, ...parts));
}

/** An allowed value with one place of it changed, dropped or added to. */
export function almostAllowed(document: Document, schema: Schema, hints: Hints): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      allowed(document, schema, hints),
      fc.nat(),
      fc.constantFrom('replace', 'drop', 'add'),
      evilValue,
      evilText,
    )
    .map(([value, place, change, evil, key]) => changed(structuredClone(value), place, change, evil, key));
}

function changed(value: unknown, place: number, change: string, evil: unknown, key: string): unknown {
  const places = placesIn(value);
  const [holder, name] = places[place % Math.max(1, places.length)] ?? [null, ''];
  if (holder === null) return evil;
  if (change === 'drop') Reflect.deleteProperty(holder, name);
  else
    Object.defineProperty(holder, change === 'add' ? key : name, {
      value: evil,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  return value;
}

function placesIn(value: unknown): [object, string][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inside]) => [
    [value, name] as [object, string],
    ...placesIn(inside),
  ]);
}

/** A body as its bytes: mostly what is meant by JSON, sometimes broken, sometimes huge. */
export function bodyText(value: fc.Arbitrary<unknown>): fc.Arbitrary<string | Buffer> {
  const whole = value.map((one) => JSON.stringify(one) ?? 'null');
  return fc.oneof(
    { weight: 12, arbitrary: whole },
    {
      weight: 1,
      arbitrary: fc.tuple(whole, fc.nat()).map(([text, end]) => text.slice(0, end % (text.length + 1))),
    },
    { weight: 1, arbitrary: evilText },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(70, 1_100).map((kib) => JSON.stringify({ reason: 'x'.repeat(kib * 1_024) })),
    },
  );
}

/** Text for a parameter: allowed, one that leads somewhere, or evil. */
export function parameterText(
  document: Document,
  schema: Schema,
  hinted: readonly string[],
): fc.Arbitrary<string> {
  const known = hinted.length === 0 ? [] : [{ weight: 14, arbitrary: fc.constantFrom(...hinted) }];
  return fc.oneof(
    ...known,
    { weight: 2, arbitrary: allowed(document, schema, {}).map(String) },
    { weight: 2, arbitrary: evilText },
  );
}
