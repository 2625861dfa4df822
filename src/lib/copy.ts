/**
 * A deep copy of a plain JSON value, several times as fast as structuredClone, which knows far more kinds of values.
 * A field named `__proto__` stays an ordinary field, as in JSON.
 */
export function copyOf<T>(value: T): T;
export function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copyOf);
  const copy: Record<string, unknown> = { ...value };
  for (const [key, field] of Object.entries(copy)) {
    if (typeof field === 'object' && field !== null) copy[key] = copyOf(field);
  }
  return copy;
}
