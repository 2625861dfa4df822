/**
 * The rule document: reading our rule out of the live text and writing it back without touching what others added.
 * The fields are the founding article's, so its Go listener works unchanged, plus one block that marks ownership.
 */
import { createHash } from 'node:crypto';
import { err, ok, type Result } from '../lib/result.ts';
import type { ManagedBy, Rule } from './observation.ts';

type Json = Record<string, unknown>;

/** Lower-case hex MD5 of the UTF-8 text: what Nacos compares and reports (measured, 2.2.3 to 3.1). */
export function md5(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** Our rule in a live document: the first rule of `type: weight`. The error says what is missing. */
export function parseRule(content: string): Result<Rule, string> {
  const document = parseObject(content);
  if (document === null) return err('the document is not a JSON object');
  const condition = weightRule(document)?.['condition'];
  if (!isObject(condition)) return err('the document has no rule of type "weight" with a condition');
  const { canaryVersion, canaryWeight, stableVersion } = condition;
  if (typeof canaryVersion !== 'string' || typeof stableVersion !== 'string') {
    return err('canaryVersion and stableVersion must be strings');
  }
  if (typeof canaryWeight !== 'number' || !(canaryWeight >= 0 && canaryWeight <= 100)) {
    return err(`canaryWeight must be a number from 0 to 100, found ${JSON.stringify(canaryWeight)}`);
  }
  return ok({
    canaryVersion,
    canaryWeight,
    stableVersion,
    enabled: document['enabled'] !== false,
    managedBy: parseOwner(document['managedBy']),
  });
}

/**
 * The text to write: `rule` laid over `base` (the live text, or null), keeping every field, rule and order that is
 * not ours. Byte-stable: equal arguments give equal bytes. A base that is no JSON object is replaced.
 */
export function renderRule(
  base: string | null,
  service: string,
  rule: Rule & { readonly managedBy: ManagedBy },
  lastModified: number,
): string {
  const document = base === null ? {} : (parseObject(base) ?? {});
  const others = Array.isArray(document['rules']) ? [...document['rules']] : [];
  const ours = weightRule(document);
  const condition = {
    ...(isObject(ours?.['condition']) ? ours['condition'] : {}),
    canaryVersion: rule.canaryVersion,
    canaryWeight: rule.canaryWeight,
    stableVersion: rule.stableVersion,
  };
  const written = { ...ours, type: 'weight', condition };
  const place = others.indexOf(ours);
  if (place >= 0) others[place] = written;
  else others.unshift(written);
  const next = {
    ...document,
    serviceName: service,
    rules: others,
    enabled: rule.enabled,
    lastModified: new Date(lastModified).toISOString().replace(/\.\d{3}Z$/, 'Z'),
    managedBy: rule.managedBy,
  };
  return JSON.stringify(next, null, 2);
}

/** The weight that gateways follow: a disabled rule has none, whatever it says. */
export function effectiveWeight(rule: Rule): number {
  return rule.enabled ? rule.canaryWeight : 0;
}

/** The share of traffic that `rule` gives to `revision`, in percent: another pair, or a disabled rule, gives it 0. */
export function shareOf(rule: Rule, revision: string): number {
  return rule.canaryVersion === revision ? effectiveWeight(rule) : 0;
}

/** The version that gets all of the traffic; null: it is split. */
export function servedAlone(rule: Rule): string | null {
  const weight = effectiveWeight(rule);
  if (weight === 0) return rule.stableVersion;
  return weight === 100 ? rule.canaryVersion : null;
}

function parseObject(content: string): Json | null {
  try {
    const parsed: unknown = JSON.parse(content);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

function weightRule(document: Json): Json | undefined {
  const rules = document['rules'];
  if (!Array.isArray(rules)) return undefined;
  return rules.find((rule: unknown): rule is Json => isObject(rule) && rule['type'] === 'weight');
}

function parseOwner(value: unknown): ManagedBy | null {
  if (!isObject(value)) return null;
  const { controller, rolloutId, step, operation, epoch, promoted } = value;
  if (typeof controller !== 'string') return null;
  return {
    controller,
    rolloutId: typeof rolloutId === 'string' ? rolloutId : '',
    step: typeof step === 'number' ? step : -1,
    operation: typeof operation === 'string' ? operation : '',
    epoch: typeof epoch === 'number' ? epoch : 0,
    promoted: promoted === true,
  };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
