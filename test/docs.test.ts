/** The documentation against the program: what it shows parses, what it names exists, what exists it names. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parser } from '@prometheus-io/lezer-promql';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { EXIT } from '../src/cli/exit-codes.ts';
import { EVENT_TYPES } from '../src/core/events.ts';
import { OUTCOMES } from '../src/core/outcome.ts';
import { PHASES } from '../src/core/rollout.ts';
import { SETTINGS } from '../src/settings.ts';
import { parseFile } from '../src/spec/parse.ts';
import { resolveTemplates } from '../src/spec/shared-analysis.ts';
import { BOUNDARIES } from './crash/boundary.ts';
import { commandNames, printed, ROOT, withSections } from './docs/reference.ts';
import { shownBy, titlesOf, titlesWithGroups } from './docs/titles.ts';

const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'canaries/README.md'],
  ...readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
    .sort(),
].map((name) => ({ name, text: readFileSync(join(ROOT, name), 'utf8') }));

function page(name: string): string {
  const found = PAGES.find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found.text;
}

interface Block {
  readonly where: string;
  readonly language: string;
  readonly text: string;
}

const BLOCKS: readonly Block[] = PAGES.flatMap(({ name, text }) =>
  [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: inside = '' }) => ({
    where: `${name}:${text.slice(0, index).split('\n').length}`,
    language,
    text: inside,
  })),
);

function source(path: string): string {
  return readFileSync(join(ROOT, 'src', path), 'utf8');
}

/** What `code` marks stand around on a page. */
function named(text: string): Set<string> {
  return new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, inside = '']) => inside));
}

function missingFrom(name: string, words: readonly string[]): string[] {
  const marked = named(page(name));
  return words.filter((word) => !marked.has(word));
}

// Made anew by `npx vitest run test/docs.test.ts -u`.
describe('generated parts', () => {
  test.each(PAGES)('of $name are what the code says', async ({ name, text }) => {
    await expect(await withSections(text)).toMatchFileSnapshot(join(ROOT, name));
  });
});

describe('examples', () => {
  const canaries = BLOCKS.filter(
    ({ language, text }) => language === 'yaml' && text.includes('kind: Canary'),
  );

  test('are there', () => {
    expect(canaries.length).toBeGreaterThan(1);
  });

  test.each(canaries)('the Canary at $where is valid', ({ where, text }) => {
    const [parsed] = resolveTemplates([parseFile(text, where)]);
    const { specs, diagnostics } = parsed!;
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(specs.length).toBeGreaterThan(0);
  });

  test('the settings file names settings only', () => {
    const files = BLOCKS.filter(
      ({ language, text }) => language === 'yaml' && /^prometheus: http/m.test(text),
    );
    const keys = SETTINGS.filter(({ outsideFile }) => outsideFile !== true).map(({ key }) => key);
    expect(files.length).toBeGreaterThan(0);
    for (const { text } of files) expect(keys).toEqual(expect.arrayContaining(Object.keys(parse(text))));
  });

  test('the alerts are PromQL over metrics that exist', () => {
    const rules = BLOCKS.filter(({ language, text }) => language === 'yaml' && text.startsWith('groups:'));
    const families = [...named(page('docs/reference/metrics.md'))];
    const expressions = rules.flatMap(({ text }) =>
      (parse(text) as { groups: { rules: { expr: string }[] }[] }).groups.flatMap((group) =>
        group.rules.map(({ expr }) => expr),
      ),
    );
    expect(expressions.length).toBeGreaterThan(0);
    for (const expression of expressions) {
      expect(parser.parse(expression).toString(), expression).not.toContain('⚠');
      const used = expression.match(/\bcanary_\w+/g) ?? [];
      expect(families, expression).toEqual(expect.arrayContaining(used));
    }
  });
});

describe('command lines', () => {
  const lines = BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ where, text }) =>
    text
      .replaceAll('\\\n', ' ')
      .split('\n')
      .flatMap((line) => [...line.matchAll(/npm run -s canary -- ([^|>#&;]+)/g)])
      .map(([, argv = '']) => ({ where, argv: argv.trim() })),
  );

  test('are there', () => {
    expect(lines.length).toBeGreaterThan(10);
  });

  test.each(lines)('at $where: $argv', async ({ argv }) => {
    const words = argv.split(/\s+/);
    const verb = words.find((word) => /^[a-z]+$/.test(word)) ?? '';
    const flags = words.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.replace(/=.*/, ''));
    if (verb !== '') expect(await commandNames()).toContain(verb);
    const below = verb === '' ? [] : (await commandNames(verb)).filter((name) => words.includes(name));
    const known = `${await printed('--help')}\n${verb === '' ? '' : await printed(verb, ...below, '--help')}`;
    const options = new Set(known.match(/(?<=[\s,])--?[a-zA-Z][a-z-]*/g));
    for (const flag of flags) expect(options, argv).toContain(flag);
  });

  test('every command is in the table, and no other', async () => {
    const [, table = ''] = page('docs/reference/command-line.md').split('<!-- command table -->');
    const shown = [...table.matchAll(/^\| `([a-z]+)/gm)].map(([, name = '']) => name);
    expect(shown.sort()).toEqual((await commandNames()).sort());
  });

  test('make targets and npm scripts exist', () => {
    const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8');
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    for (const { where, text } of BLOCKS.filter(({ language }) => language === 'sh')) {
      for (const [, target = ''] of text.matchAll(/^make ([a-z-]+)/gm)) {
        expect(makefile, where).toContain(`\n${target}:`);
      }
      for (const [, script = ''] of text.matchAll(/npm run (?:-s )?([a-z][a-z:-]*)/g)) {
        expect(Object.keys(scripts), where).toContain(script);
      }
    }
  });
});

// What is pasted from a run grows old in silence: it has to have the form of what the golden timelines hold.
describe('pasted output', () => {
  const golden = new Set(
    readdirSync(join(ROOT, 'test/scenarios'), { encoding: 'utf8' })
      .filter((name) => name.endsWith('.timeline'))
      .flatMap((name) => readFileSync(join(ROOT, 'test/scenarios', name), 'utf8').split('\n'))
      .flatMap((line) => line.match(/(?<= % {2}\w+ +)[^ ].*$/) ?? [])
      .map(shapeOf),
  );
  const rows = [
    ...(
      BLOCKS.find(({ where, text }) => where.startsWith('README.md') && text.includes('  phase  '))?.text ??
      ''
    ).matchAll(/^ {2}\d\d:\d\d {2}(\w+) .*% {2}([A-Z]\w+) +(.+)$/gm),
  ].map(([, canary = '', phase = '', reason = '']) => ({ canary, phase, reason }));
  const outputs = BLOCKS.filter(({ language }) => language === 'text');

  test('the demo is there, and so are the timelines', () => {
    expect(rows.length).toBeGreaterThan(8);
    expect(golden.size).toBeGreaterThan(30);
  });

  test.each(rows)('of the demo: $reason', ({ canary, phase, reason }) => {
    if (phase === 'Paused') {
      expect(templatesOf('core/verdicts.ts').some((form) => form.test(afterColon(reason)))).toBe(true);
      return;
    }
    // The demo has a metric more than the scenarios.
    const [first = '', ...more] = reason.split('; p99-latency ');
    expect(golden, canary).toContain(shapeOf(first));
    for (const figures of more) expect(golden).toContain(shapeOf(`${first.split(' 0,')[0]} ${figures}`));
  });

  test('counts steps from 1', () => {
    for (const { where, text } of outputs) {
      expect(text, where).not.toMatch(/\bstep 0\b/);
      for (const [, number] of text.matchAll(/step (\d+): 0 % ->/g)) expect(number, where).toBe('1');
    }
  });

  test('says of a breach what the core says', () => {
    const breaches = outputs.flatMap(({ where, text }) =>
      [...text.matchAll(/\S+: (?:[^:\n]*failing for|odds .* allows).*$/gm)].map(([breach]) => ({
        where,
        breach,
      })),
    );
    expect(breaches.length).toBeGreaterThan(3);
    for (const { where, breach } of breaches)
      expect(golden, where).toContain(shapeOf(`RolledBack: ${breach}`));
  });
});

/** A sentence without its numbers, durations and revisions. */
function shapeOf(sentence: string): string {
  return sentence.trim().replaceAll(/\bv?\d+(\.\d+)*[a-z\d]*/g, '#');
}

function afterColon(sentence: string): string {
  return sentence.slice(sentence.indexOf(': ') + 2);
}

/** The sentences that a file writes with numbers in between, as patterns; those with few words of their own are none. */
function templatesOf(path: string): RegExp[] {
  return [...source(path).matchAll(/`([^`\n]+)`/g)]
    .map(([, template = '']) => template.split(/\$\{[^}]*\}/))
    .filter((parts) => parts.join('').split(/\s+/).length > 4)
    .map((parts) => new RegExp(`^${parts.map((part) => part.replaceAll(/[^\w\s]/g, '\\$&')).join('.*')}$`));
}

describe('links', () => {
  const links = PAGES.flatMap(({ name, text }) =>
    [...text.replaceAll(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => ({
      name,
      to,
    })),
  );

  test.each(links.filter(({ to }) => !/^https?:/.test(to)))(
    '$to in $name leads somewhere',
    ({ name, to }) => {
      const [path = '', anchor] = to.split('#');
      const file = path === '' ? join(ROOT, name) : resolve(ROOT, dirname(name), path);
      expect(existsSync(file)).toBe(true);
      if (anchor !== undefined) expect(anchorsOf(readFileSync(file, 'utf8'))).toContain(anchor);
    },
  );
});

function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(' ', '-'),
  );
}

describe('everything that has a name is explained', () => {
  test('phases and outcomes', () => {
    expect(missingFrom('docs/how-it-decides.md', [...PHASES, ...OUTCOMES])).toEqual([]);
  });

  test('pause reasons', () => {
    const [, union = ''] = /export type PauseReason =([^;]+);/.exec(source('core/rollout.ts')) ?? [];
    const reasons = [...union.matchAll(/'(\w+)'/g)].map(([, reason = '']) => reason);
    expect(reasons.length).toBeGreaterThan(10);
    expect(missingFrom('docs/how-it-decides.md', reasons)).toEqual([]);
  });

  test('event types', () => {
    expect(missingFrom('docs/reference/events.md', EVENT_TYPES)).toEqual([]);
  });

  test('diagnostics of what runs', () => {
    const codes = readdirSync(join(ROOT, 'src/core'), { encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => [...source(`core/${name}`).matchAll(/setDiagnostic\(\s*turn,\s*'([A-Z_]+)'/g)])
      .map(([, found = '']) => found);
    expect(codes.length).toBeGreaterThan(3);
    expect(missingFrom('docs/reference/codes.md', codes)).toEqual([]);
  });

  test('failures of Nacos, files, Prometheus and the store, and refusals', () => {
    const codes = ['traffic', 'metrics', 'store', 'core', 'controller'].flatMap((folder) =>
      readdirSync(join(ROOT, 'src', folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => [
          ...source(join(folder, name)).matchAll(/'((?:NACOS|FILE|PROM|STORE|ROUTE)_[A-Z_]+)'/g),
          ...source(join(folder, name)).matchAll(/code: '([A-Z_]+)'/g),
        ])
        .map(([, found = '']) => found),
    );
    // What is wrong with a file has its own, generated table.
    const others = [...new Set(codes)].filter((code) => !code.startsWith('SPEC_'));
    expect(others.length).toBeGreaterThan(20);
    expect(missingFrom('docs/reference/codes.md', others)).toEqual([]);
  });

  test('exit codes', () => {
    const [, table = ''] = page('docs/reference/command-line.md').split('<!-- exit codes -->');
    const shown = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, value]) => Number(value));
    expect(shown).toEqual(Object.values(EXIT));
  });
});

describe('the fault table', () => {
  const rows = page('docs/faults.md')
    .split('\n')
    .filter((line) => /^\| (?!-|fault)/.test(line));
  const shown = rows.flatMap(shownBy);

  test.each(shown)('$title is a test of $file', ({ file, title }) => {
    expect(titlesOf(file).some((form) => form.test(title))).toBe(true);
  });

  test('has a row for each of them', () => {
    const suites = readdirSync(join(ROOT, 'test/faults'), { encoding: 'utf8' }).filter((name) =>
      name.endsWith('.suite.ts'),
    );
    const forms = suites.flatMap((name) => titlesOf(`test/faults/${name}`));
    expect(forms.length).toBeGreaterThan(30);
    const missing = forms.filter((form) => !shown.some(({ title }) => form.test(title)));
    expect(missing).toEqual([]);
  });

  test('quotes what the program says', () => {
    const program = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => source(name))
      .join('\n');
    const quoted = rows.flatMap((row) => [...(row.split(' | ')[2] ?? '').matchAll(/(`+)(.+?)\1/g)]);
    const parts = quoted
      .flatMap(([, , words = '']) => words.split('…'))
      .map((part) => part.replaceAll(/^[\s;:`(]+|[\s:;`]+$/g, ''));
    const said = parts.filter((part) => part.length > 3);
    expect(said.length).toBeGreaterThan(50);
    expect(said.filter((part) => !program.includes(part))).toEqual([]);
  });

  test('has every boundary, in order', () => {
    const cells = rows.map((row) => row.split(' | ')[0]?.slice(2) ?? '');
    expect(cells.filter((cell) => BOUNDARIES.some((boundary) => boundary === cell))).toEqual(BOUNDARIES);
  });
});

/** The arrows of the founding article's diagram, in its order: who, to whom, and its words. */
const ARROWS = [
  ['CI/CD → Terraform', 'Apply new version (inactive)'],
  ['Terraform → CI/CD', 'Deployment complete'],
  ['CI/CD → controller', 'POST /api/v1/canary/start'],
  ['controller → Nacos, start', 'Update config: weight 5'],
  ['Nacos → fleet', 'Push config update'],
  ['fleet → fleet', 'Route 5% traffic'],
  ['fleet → Prometheus', 'Scrape metrics (stable vs canary)'],
  ['Prometheus → Grafana', 'Provide metrics'],
  ['Grafana → Grafana', 'Evaluate SLOs'],
  ['Grafana → controller, rollback', "Fire 'Rollback' alert webhook"],
  ['controller → Nacos, rollback', 'Update config: weight 0'],
  ['Nacos → controller, rollback', 'ACK'],
  ['controller → Grafana, rollback', 'ACK'],
  ['Grafana → controller, promote', "Fire 'Promote' alert webhook"],
  ['controller → Nacos, promote', 'Update config: weight 100'],
  ['Nacos → controller, promote', 'ACK'],
  ['controller → Grafana, promote', 'ACK'],
];
const BOXES = [
  'CI/CD pipeline',
  'Terraform',
  'Nacos',
  'application fleet',
  'Prometheus',
  'Grafana',
  'canary controller',
];

describe('the founding picture', () => {
  const [boxes = '', arrows = ''] = page('docs/the-picture.md')
    .split(/^## /m)
    .filter((section) => /^(Boxes|Arrows)/.test(section));
  const rowsOf = (section: string) => section.split('\n').filter((line) => /^\| (?!box|from|-)/.test(line));
  const cellsOf = (row: string) => row.slice(2).split(' | ');
  const rows = [...rowsOf(boxes), ...rowsOf(arrows)];

  test('has a row for each box of the article', () => {
    expect(rowsOf(boxes).map((row) => cellsOf(row)[0])).toEqual(BOXES);
  });

  test('has a row for each arrow of the article, in its order, and one of its own', () => {
    const told = rowsOf(arrows).map((row) => cellsOf(row).slice(0, 2));
    expect(told.slice(0, -1)).toEqual(ARROWS.map(([way, words]) => [way, `"${words}"`]));
  });

  test.each(rows)('a test shows %s', (row) => {
    const shown = shownBy(row);
    expect(shown.length).toBeGreaterThan(0);
    for (const { file, title } of shown) {
      expect(
        titlesWithGroups(file).some((form) => form.test(title)),
        `${file}: ${title}`,
      ).toBe(true);
    }
  });
});
