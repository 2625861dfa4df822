/** What reads could show of each document lately, so that "it was read back" can be held against the truth. */
import type { Rule } from '../../src/core/observation.ts';
import { parseRule } from '../../src/core/rule.ts';

export interface Views {
  change(name: string, content: string | null): void;
  /** Whether a read that was decided upon `at` can have shown such a rule; null: none, or an unreadable one. */
  showed(name: string, at: number, isSuch: (rule: Rule | null) => boolean): boolean;
}

/** A read's own deadline, the grace of a look, and the wait for the group commit. */
const OLDEST_MS = 12_000;
/** The controller's times are whole milliseconds. */
const WHOLE_MS = 1;

interface View {
  readonly rule: Rule | null;
  readonly from: number;
}

export function createViews(now: () => number): Views {
  const views = new Map<string, View[]>();
  return {
    change(name, content) {
      const parsed = content === null ? null : parseRule(content);
      const all = views.get(name) ?? [{ rule: null, from: 0 }];
      all.push({ rule: parsed?.ok ? parsed.value : null, from: now() });
      if (all.length > 100) all.shift();
      views.set(name, all);
    },
    showed(name, at, isSuch) {
      const all = views.get(name) ?? [{ rule: null, from: 0 }];
      return all.some(({ rule, from }, index) => {
        const until = all[index + 1]?.from ?? now();
        return until >= at - OLDEST_MS && from < at + WHOLE_MS && isSuch(rule);
      });
    },
  };
}
