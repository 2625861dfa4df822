/** The Canary document as JSON Schema, for editors and for finding what a misspelled field was meant to be. */
import { z } from 'zod';
import { CanaryDocument } from './schema.ts';

/** JSON Schema draft-07 of the document as users write it (defaulted fields are optional). */
export function canaryJsonSchema(): object {
  return z.toJSONSchema(CanaryDocument, { target: 'draft-07', io: 'input' });
}

/** The schema as a file: two spaces, a newline at the end. */
export function canarySchemaText(): string {
  return `${JSON.stringify(canaryJsonSchema(), null, 2)}\n`;
}
