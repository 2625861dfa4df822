/** What a served OpenAPI document says, as far as calls are made from it and answers compared with it. */
import { z } from 'zod';

/** A JSON Schema. */
export type Schema = Readonly<Record<string, unknown>>;

export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

interface Described {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

export interface Operation {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  /** Null: it takes none. */
  readonly body: Schema | null;
}

export function operationsOf({ paths }: Document): Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      parameters,
      body: requestBody?.content['application/json']?.schema ?? null,
    })),
  );
}

/** Follows a reference into the components; any other schema is returned as it is. */
export function resolved({ components }: Document, schema: Schema): Schema {
  const { $ref } = schema;
  return typeof $ref === 'string'
    ? (components.schemas[$ref.slice($ref.lastIndexOf('/') + 1)] ?? {})
    : schema;
}

/** Says what is wrong with an answer to a call of this operation; null: it is as described. */
export type AnswerCheck = (operation: Operation, status: number, type: string, body: string) => string | null;

export function createAnswerCheck(document: Document): AnswerCheck {
  const known = new Map<Schema, z.ZodType>();

  function checkerOf(schema: Schema): z.ZodType {
    const made = known.get(schema) ?? z.fromJSONSchema(standalone(document, schema) as never);
    known.set(schema, made);
    return made;
  }

  return ({ method, path }, status, type, body) => {
    const answers = document.paths[path]?.[method.toLowerCase()]?.responses ?? {};
    const answer = answers[status] ?? answers[`${Math.floor(status / 100)}XX`];
    if (answer === undefined) return `${status} is not described`;
    const [, described] = Object.entries(answer.content ?? {}).find(([name]) => type.startsWith(name)) ?? [];
    if (described === undefined) return `${status} as ${type} is not described`;
    if (!type.includes('json')) return null;
    const checked = checkerOf(described.schema).safeParse(JSON.parse(body));
    return checked.success ? null : z.prettifyError(checked.error);
  };
}

/** The same schema with everything that it refers to inside. */
function standalone({ components }: Document, schema: Schema): unknown {
  const inside = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(inside);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        key === '$ref' && typeof value === 'string'
          ? value.replace('#/components/schemas/', '#/$defs/')
          : inside(value),
      ]),
    );
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...(inside(schema) as object),
    $defs: inside(components.schemas),
  };
}
