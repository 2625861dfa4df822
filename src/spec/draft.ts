/** What can be read of a document that has errors, so that the rules behind the schema speak at the same time as it. */
import { z } from 'zod';

/** Any part may be missing, because it was wrong. Elements of lists keep their index. */
export type Draft<T> = T extends string | number | boolean
  ? T
  : T extends readonly (infer Element)[]
    ? readonly (Draft<Element> | undefined)[]
    : { readonly [Key in keyof T]?: Draft<T[Key]> | undefined };

/** The parts of `input` that the schema accepts, with their defaults; undefined when there is none. */
export function draftOf<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
): Draft<z.output<Schema>> | undefined {
  // The parts have the structure of the schema, which the compiler cannot see.
  return validParts(schema, input) as Draft<z.output<Schema>> | undefined;
}

function validParts(schema: z.core.$ZodType, input: unknown): unknown {
  const whole = z.safeParse(schema, input);
  if (whole.success) return whole.data;
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodPrefault || schema instanceof z.ZodDefault) {
    return validParts(schema.unwrap(), input);
  }
  if (schema instanceof z.ZodArray && Array.isArray(input)) {
    return input.map((element: unknown) => validParts(schema.element, element));
  }
  if (schema instanceof z.ZodObject && isMapping(input)) {
    const fields = Object.entries<z.core.$ZodType>(schema.shape);
    return Object.fromEntries(fields.map(([key, field]) => [key, validParts(field, input[key])]));
  }
  return undefined;
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of a plain object, undefined where it leads nowhere. */
export function valueAt(input: unknown, path: readonly (string | number)[]): unknown {
  let value = input;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[key];
  }
  return value;
}
