/** The reference against the code, the other way round: a page names nothing that is gone, and none is by hand alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EVENT_TYPES } from '../../src/core/events.ts';
import { ROOT, SECTIONS } from './reference.ts';

const FOLDER = join(ROOT, 'docs/reference');
const PAGES = readdirSync(FOLDER, 'utf8').filter((name) => name.endsWith('.md'));

function page(name: string): string {
  return readFileSync(join(FOLDER, name), 'utf8');
}

/** First cells of the tables of a page. */
function rowsOf(text: string): string[] {
  return [...text.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name = '']) => name);
}

// Its sentences are written by hand; the next test holds them against the code.
test.each(PAGES.filter((name) => name !== 'events.md'))(
  '%s has a part that is made from the code',
  (name) => {
    expect(page(name)).toMatch(/<!-- generated: .+? -->/);
  },
);

test('every part that can be made stands on some page', () => {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(ROOT, 'docs', name), 'utf8'))
    .join('\n');
  const missing = Object.keys(SECTIONS).filter((name) => !pages.includes(`<!-- generated: ${name} -->`));
  expect(missing).toEqual([]);
});

test('the index leads to every page', () => {
  const index = readFileSync(join(ROOT, 'docs/README.md'), 'utf8');
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.md') && name !== 'README.md',
  );
  expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

test('the page of events has each type, and no other', () => {
  expect(rowsOf(page('events.md')).sort()).toEqual([...EVENT_TYPES].sort());
});

test('the page of codes names none that is gone', () => {
  const program = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(ROOT, 'src', name), 'utf8'))
    .join('\n');
  const codes = rowsOf(page('codes.md')).filter((name) => /^[A-Z][A-Z_]+$/.test(name));
  expect(codes.length).toBeGreaterThan(80);
  // Some of Prometheus' are made from the kind of a failure.
  const isThere = (code: string) =>
    new RegExp(`\\b${code}\\b`).test(program) ||
    (code.startsWith('PROM_') && program.includes(`'${code.slice(5).toLowerCase()}'`));
  expect(codes.filter((code) => !isThere(code))).toEqual([]);
});
