/** `/openapi.json`: made from the same schemas that check requests and shape answers. */
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { ROLES } from '../access/roles.ts';

type TransformOptions = NonNullable<Parameters<typeof createJsonSchemaTransform>[0]>;
type Override = NonNullable<NonNullable<TransformOptions['zodToJsonConfig']>['override']>;

/**
 * An answer may gain fields with a newer controller, so only what callers send is closed: strict objects carry a
 * catch-all of `never`, the others none. What zod adds to say "a date" or "a safe integer" tells a reader nothing.
 */
const override: Override = ({ zodSchema, jsonSchema }) => {
  const { def } = zodSchema._zod;
  if (def.type === 'object' && !('catchall' in def && def.catchall !== undefined)) {
    delete jsonSchema.additionalProperties;
  }
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
};

/** Registers the description. Must come before the routes that it describes. */
export function registerOpenapi(app: FastifyInstance, version: string): void {
  const config = { zodToJsonConfig: { override } };
  const transformObject = createJsonSchemaTransformObject(config);
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Canary controller',
        version,
        description:
          'Canary releases that judge themselves. Errors are application/problem+json; their `code` is stable. ' +
          'With a tokens file each call asks for a token of the role that it names, or of a later one of ' +
          `${ROLES.join(', ')}; without one reads are open, and writes are taken from loopback addresses only, ` +
          'as application/json.',
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      components: {
        securitySchemes: {
          token: { type: 'http', scheme: 'bearer', description: 'Made by `canary token create`' },
          webhookSecret: {
            type: 'http',
            scheme: 'bearer',
            description:
              'The content of CANARY_WEBHOOK_SECRET_FILE; instead of it a signature as Grafana makes it',
          },
        },
      },
    },
    transform: createJsonSchemaTransform(config),
    transformObject: (document) => optionalBodies(onlyUsedSchemas(transformObject(document))),
  });
}

/** Drops the components that nothing refers to: every schema arrives there once for requests and once for answers. */
function onlyUsedSchemas<T extends object>(document: T): T {
  const components = 'components' in document ? (document.components as { schemas?: Schemas }) : {};
  const schemas = components.schemas ?? {};
  const used = new Set<string>();
  const pending: unknown[] = ['paths' in document ? document.paths : {}];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    for (const [key, value] of Object.entries(next)) {
      if (key !== '$ref' || typeof value !== 'string') {
        pending.push(value ?? null);
        continue;
      }
      const name = value.slice(value.lastIndexOf('/') + 1);
      if (!used.has(name)) pending.push(schemas[name] ?? null);
      used.add(name);
    }
  }
  const kept = Object.entries(schemas).filter(([name]) => used.has(name));
  kept.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...document, components: { ...components, schemas: Object.fromEntries(kept) } };
}

/** A body whose schema also allows null may be left out: the framework calls every body required. */
function optionalBodies<T extends object>(document: T): T {
  const allowsNull = (value: unknown): boolean =>
    typeof value === 'object' &&
    value !== null &&
    (('type' in value && value.type === 'null') ||
      ('anyOf' in value && Array.isArray(value.anyOf) && value.anyOf.some(allowsNull)));
  for (const methods of Object.values('paths' in document ? (document.paths as Paths) : {})) {
    for (const { requestBody } of Object.values(methods)) {
      if (allowsNull(requestBody?.content['application/json']?.schema)) delete requestBody?.required;
    }
  }
  return document;
}

type Paths = Record<string, Record<string, { requestBody?: Body }>>;
type Body = { required?: boolean; content: Record<string, { schema?: unknown }> };
type Schemas = Record<string, unknown>;
