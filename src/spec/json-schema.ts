/** The documents as JSON Schema, for editors and for finding what a misspelled field was meant to be. */
import { z } from 'zod';
import { CanaryDocument, TemplateDocument } from './schema.ts';

/** JSON Schema draft-07 of a Canary as users write it (defaulted fields are optional). */
export function canaryJsonSchema(): object {
  return z.toJSONSchema(CanaryDocument, { target: 'draft-07', io: 'input' });
}

/** The same of an AnalysisTemplate. */
export function templateJsonSchema(): object {
  return z.toJSONSchema(TemplateDocument, { target: 'draft-07', io: 'input' });
}

/** The schema of any document of a directory as a file: two spaces, a newline at the end. */
export function canarySchemaText(): string {
  const { $schema, ...canary } = canaryJsonSchema() as Record<string, unknown>;
  const { $schema: _, ...template } = templateJsonSchema() as Record<string, unknown>;
  // By kind, not by `oneOf`: editors then say what is wrong with the kind that is meant.
  const isTemplate = { properties: { kind: { const: 'AnalysisTemplate' } }, required: ['kind'] };
  const kinds = { properties: { kind: { enum: ['Canary', 'AnalysisTemplate'] } } };
  const either = Object.fromEntries([
    ['if', isTemplate],
    ['then', template],
    ['else', canary],
  ]);
  return `${JSON.stringify({ $schema, type: 'object', ...kinds, ...either }, null, 2)}\n`;
}
