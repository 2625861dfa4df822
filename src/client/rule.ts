/** What a gateway reads in a rule document. Pure, and never throws, whatever the document holds. */

/** A weight rule that can be followed. */
export interface CanaryRule {
  readonly canaryVersion: string;
  /** Percent of keys that get `canaryVersion`, 0 to 100; 0 when the document is disabled, whatever it says. */
  readonly canaryWeight: number;
  readonly stableVersion: string;
  /** False when someone switched the document off. */
  readonly isEnabled: boolean;
  /** The controller has promoted the canary: it is what is live now, and `stableVersion` is what was. */
  readonly isPromoted: boolean;
}

/** A rule, or in words for the log why there is none. */
export type RuleReading =
  | { readonly kind: 'rule'; readonly rule: CanaryRule }
  | { readonly kind: 'none'; readonly reason: string };

/**
 * Reads the first rule of type `weight`; other rules and unknown fields are ignored.
 *
 * @param content text of the document, null when there is no document
 */
export function readRule(content: string | null): RuleReading {
  if (content === null) return none('there is no rule document');
  const document = parse(content);
  if (!isObject(document)) return none('the rule document is no JSON object');
  const { rules } = document;
  if (!Array.isArray(rules)) return none('the rule document has no list of rules');
  const entry: unknown = rules.find((rule: unknown) => isObject(rule) && rule['type'] === 'weight');
  const condition = isObject(entry) ? entry['condition'] : null;
  if (!isObject(condition)) return none('the rule document has no rule of type "weight" with a condition');
  const { canaryVersion, canaryWeight, stableVersion } = condition;
  if (!isName(canaryVersion) || !isName(stableVersion)) {
    return none('canaryVersion and stableVersion must both be names');
  }
  if (typeof canaryWeight !== 'number' || !(canaryWeight >= 0 && canaryWeight <= 100)) {
    return none('canaryWeight must be a number from 0 to 100');
  }
  const isEnabled = document['enabled'] !== false;
  const owner = document['managedBy'];
  const isPromoted = isObject(owner) && owner['promoted'] === true;
  const weight = isEnabled ? canaryWeight : 0;
  return {
    kind: 'rule',
    rule: { canaryVersion, canaryWeight: weight, stableVersion, isEnabled, isPromoted },
  };
}

function none(reason: string): RuleReading {
  return { kind: 'none', reason };
}

function parse(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return null;
  }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
