/** A rule document that does as it is told, in memory: surroundings in which only the judges matter. */
import type { Rule, Signal } from '../observation.ts';
import { md5, parseRule } from '../rule.ts';
import type { Surroundings } from './run.ts';

const NO_SIGNALS: readonly Signal[] = [];

/** @param onChange hears of every rule that is written, before it is read back */
export function createRuleDocument(onChange: (rule: Rule | null) => void = () => {}): Surroundings {
  let live: string | null = null;
  let rule: Rule | null = null;
  return {
    advance() {},
    wall: (at) => at,
    read: (at) =>
      live === null
        ? { kind: 'absent', at, authoritative: true }
        : { kind: 'document', at, content: live, md5: md5(live), authoritative: true },
    publish(operation, content, _expectMd5, at) {
      const parsed = parseRule(content);
      live = content;
      rule = parsed.ok ? parsed.value : null;
      onChange(rule);
      return { operation, at, result: 'accepted', code: '', detail: '' };
    },
    signals: () => NO_SIGNALS,
    document: () => live,
    weight: () => (rule?.enabled ? rule.canaryWeight : 0),
  };
}
