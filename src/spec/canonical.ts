/** One way of writing a JSON value, so that equal meaning gives equal text and equal hashes. */
import { createHash } from 'node:crypto';

/** JSON with the keys of every object in code unit order; `undefined` fields are left out, as in JSON itself. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, field: unknown) => {
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return field;
    return Object.fromEntries(Object.entries(field).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 of the UTF-8 text, lower-case hex. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
