/** The gateway's reading of a rule document, and which version a user gets by it. Pure. */
import { createHash } from 'node:crypto';

/** A weight rule as the gateway understands it. */
export interface Split {
  readonly canaryVersion: string;
  /** Percent of users that get `canaryVersion`, 0 to 100. */
  readonly canaryWeight: number;
  readonly stableVersion: string;
}

/**
 * The first weight rule of a document, or null where there is none that can be followed: no document, no JSON,
 * no such rule, a missing version, a weight outside 0 to 100. A disabled document gives the canary nobody.
 * Fields are those of the document that the controller writes; anything else in it is ignored.
 */
export function readSplit(content: string | null): Split | null {
  const document = parseObject(content);
  if (document === null || !Array.isArray(document['rules'])) return null;
  const rule: unknown = document['rules'].find(
    (entry: unknown) => isObject(entry) && entry['type'] === 'weight',
  );
  const condition = isObject(rule) ? rule['condition'] : null;
  if (!isObject(condition)) return null;
  const { canaryVersion, canaryWeight, stableVersion } = condition;
  if (typeof canaryVersion !== 'string' || canaryVersion === '') return null;
  if (typeof stableVersion !== 'string' || stableVersion === '') return null;
  if (typeof canaryWeight !== 'number' || !(canaryWeight >= 0 && canaryWeight <= 100)) return null;
  return { canaryVersion, stableVersion, canaryWeight: document['enabled'] === false ? 0 : canaryWeight };
}

/**
 * Where a user stands between 0 (inclusive) and 100 (exclusive). The same for ever for one user of one service, so
 * whoever got the canary at 5 % keeps it at 25 %; and independent between services, so nobody is first everywhere.
 */
export function positionOf(service: string, userId: string): number {
  const digest = createHash('sha256').update(`${service}\n${userId}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}

/** The version a user gets: by the rule where there is one, else `fallback`. */
export function versionFor(split: Split | null, fallback: string, service: string, userId: string): string {
  if (split === null) return fallback;
  return positionOf(service, userId) < split.canaryWeight ? split.canaryVersion : split.stableVersion;
}

function parseObject(content: string | null): Record<string, unknown> | null {
  if (content === null) return null;
  try {
    const value: unknown = JSON.parse(content);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
