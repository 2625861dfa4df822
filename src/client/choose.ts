/** Which version one request gets: by an override, else by where its key stands under the weight. Pure. */
import { createHash } from 'node:crypto';
import type { CanaryRule } from './rule.ts';

/** What is known of one request. */
export interface Asking {
  /** Where the request's key stands, as `positionOf` has it. */
  readonly position: number;
  /** The version asked for by name, or `canary` or `stable`; null for what the weight gives. */
  readonly override: string | null;
}

export interface Choice {
  /** Null when no version that may be chosen is available. */
  readonly version: string | null;
  /**
   * `weight` and `override`: by the rule. `default`: no rule can be followed. `unavailable`: what the rule gives has
   * no instances, so that this is the next safe version, or none.
   */
  readonly because: 'weight' | 'override' | 'default' | 'unavailable';
}

/**
 * Where a key stands between 0 (inclusive) and 100 (exclusive): the first 32 bits of SHA-256 over
 * `SERVICE\nKEY` in UTF-8, as a big-endian fraction. The same for ever for one key of one service, so whoever got the
 * canary at 5 % keeps it at 25 %; and independent between services, so nobody is first everywhere.
 */
export function positionOf(service: string, key: string): number {
  const digest = createHash('sha256').update(`${service}\n${key}`).digest();
  return (digest.readUInt32BE(0) / 2 ** 32) * 100;
}

/**
 * Who may get everyone where the rule does not say so, best first: the named fallback, what is live by the last good
 * rule, and its stable version, which was live before. The canary is among them only once it was promoted.
 *
 * @param last the last good rule, null before the first one
 */
export function safeVersions(fallback: string | null, last: CanaryRule | null): readonly string[] {
  const judged = last === null ? [] : [liveVersion(last), last.stableVersion];
  return fallback === null ? judged : [fallback, ...judged];
}

/** What was judged good last: stable, and after a promotion the canary. */
function liveVersion(rule: CanaryRule): string {
  return rule.isPromoted ? rule.canaryVersion : rule.stableVersion;
}

/**
 * The version for a request. What is not available is replaced by stable and then by the first of `safe` that is,
 * never by the canary: a stable version without instances must not put everyone on a version that was not judged.
 *
 * @param rule null where no rule can be followed
 * @param safe as `safeVersions` has them
 */
export function chooseVersion(
  rule: CanaryRule | null,
  safe: readonly string[],
  asking: Asking,
  isAvailable: (version: string) => boolean,
): Choice {
  const firstOf = (versions: readonly string[]) => versions.find((version) => isAvailable(version)) ?? null;
  if (rule === null) return { version: firstOf(safe), because: 'default' };
  const asked = askedVersion(rule, asking.override);
  if (asked !== null && isAvailable(asked)) return { version: asked, because: 'override' };
  const given = asking.position < rule.canaryWeight ? rule.canaryVersion : rule.stableVersion;
  if (isAvailable(given)) return { version: given, because: 'weight' };
  return { version: firstOf([rule.stableVersion, ...safe]), because: 'unavailable' };
}

/** Only the two versions of the rule can be asked for, and of a rule that is switched off only stable. */
function askedVersion(rule: CanaryRule, override: string | null): string | null {
  if (override === 'stable' || override === rule.stableVersion) return rule.stableVersion;
  const asksForCanary = override === 'canary' || override === rule.canaryVersion;
  return asksForCanary && rule.isEnabled ? rule.canaryVersion : null;
}
