/** The titles of a file's tests, for pages that say which test shows what. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './reference.ts';

const TESTS = /(?:\b(?:test|it)|\))\(\s*(['`])((?:(?!\1).)+)\1/g;
const GROUPS = /\bdescribe(?:\.\w+)*\(\s*(['`])((?:(?!\1).)+)\1/g;

/** As patterns: what is filled in may be anything. */
export function titlesOf(file: string): RegExp[] {
  return patterns(file, TESTS);
}

/** The same with the titles of groups of tests. */
export function titlesWithGroups(file: string): RegExp[] {
  return [...patterns(file, TESTS), ...patterns(file, GROUPS)];
}

function patterns(file: string, form: RegExp): RegExp[] {
  const text = readFileSync(join(ROOT, file), 'utf8');
  return [...text.matchAll(form)].map(([, , title = '']) => {
    const parts = title.split(/\$\{[^}]*\}|\$\w+|%[a-z]/).map((part) => part.replaceAll(/[^\w\s]/g, '\\$&'));
    return new RegExp(`^${parts.join('.+')}$`);
  });
}

export interface Shown {
  readonly file: string;
  readonly title: string;
}

/** Every `[words](../test/FILE) *title*` of a text. */
export function shownBy(text: string): Shown[] {
  return [...text.matchAll(/\]\(\.\.\/(test\/[^)]+)\) \*([^*]+)\*/g)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));
}
