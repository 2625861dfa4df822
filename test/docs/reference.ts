/** The generated parts of the documentation: tables that are taken from the code, so that they cannot lag behind it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCli } from '../../src/cli/cli.ts';
import type { Io } from '../../src/cli/io.ts';
import { renderRule } from '../../src/core/rule.ts';
import { PROBLEM_KINDS } from '../../src/server/problems.ts';
import { SETTINGS } from '../../src/settings.ts';
import { SPEC_CODES } from '../../src/spec/codes.ts';
import { canaryJsonSchema, templateJsonSchema } from '../../src/spec/json-schema.ts';
import { NACOS_CODES } from '../../src/traffic/nacos/errors.ts';
import { serverOf, standIn } from '../server/stand-in.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { budgetedSpec, budgetedState, paymentVerdict } from '../view/states.ts';
import { judgedWrongly } from './chances.ts';

export const ROOT = join(import.meta.dirname, '../..');

/** By the name in `<!-- generated: NAME -->`: the lines up to `<!-- end -->`. */
export const SECTIONS: Readonly<Record<string, () => string | Promise<string>>> = {
  'annotated Canary': () => fenced('yaml', everything()),
  'spec fields': () => table(FIELD_HEAD, rowsOf('', canaryJsonSchema() as Schema)),
  'template fields': () => table(FIELD_HEAD, templateRows()),
  'spec codes': () => table(['code', 'meaning'], Object.entries(SPEC_CODES).map(codeRow)),
  'problem codes': () => table(['code', 'status', 'what to do next'], problemRows()),
  'nacos codes': () => table(['code', 'meaning', 'what to do next'], nacosRows()),
  settings: () => table(['flag', 'environment', 'key in the file', 'default', 'meaning'], settingRows()),
  metrics: async () => table(['metric', 'type', 'labels', 'meaning'], await metricRows()),
  'http calls': async () => table(['call', 'role', 'answer'], await callRows()),
  'pipeline github-actions.yml': () => pipeline('yaml', 'github-actions.yml'),
  'pipeline gitlab-ci.yml': () => pipeline('yaml', 'gitlab-ci.yml'),
  'pipeline Jenkinsfile': () => pipeline('groovy', 'Jenkinsfile'),
  'rule document': () => fenced('json', ruleDocument()),
  'chances by requests': () =>
    table(
      ['requests in the window', 'a healthy canary (0.1 %) fails', 'a bad one (2 %) passes'],
      chanceRows(),
    ),
  commands: async () => (await Promise.all((await commandNames()).map(commandSection))).join('\n\n'),
};

const FIELD_HEAD = ['field', 'type', 'default', 'meaning'];

const SECTION = /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g;

/** The text of a page with every generated part made anew. Throws for a part that nobody makes. */
export async function withSections(page: string): Promise<string> {
  const made = new Map<string, string>();
  for (const [, , name = ''] of page.matchAll(SECTION)) {
    const make = SECTIONS[name];
    if (make === undefined) throw new Error(`no generated part is called "${name}"`);
    made.set(name, await make());
  }
  return page.replace(
    SECTION,
    (_, start: string, name: string, end: string) => `${start}\n${made.get(name)}\n\n${end}`,
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}

function fenced(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

function code(text: string): string {
  return `\`${text}\``;
}

/** The example with every field, without the line for editors. */
function everything(): string {
  const text = readFileSync(join(ROOT, 'canaries/06-everything.yaml'), 'utf8');
  return text.split('\n').slice(1).join('\n');
}

/** What the controller writes for its first step where there was nothing before. */
function ruleDocument(): string {
  const rule = {
    canaryVersion: 'v1.5.1',
    canaryWeight: 5,
    stableVersion: 'v1.5.0',
    enabled: true,
    managedBy: {
      controller: 'canary-controller/…',
      rolloutId: '…',
      step: 0,
      operation: '…',
      epoch: 1,
      promoted: false,
    },
  };
  return renderRule(null, 'payment-service', rule, Date.UTC(2026, 10, 25, 2, 15, 46));
}

function pipeline(language: string, name: string): string {
  return fenced(language, readFileSync(join(ROOT, 'docs/pipelines', name), 'utf8'));
}

function chanceRows(): string[][] {
  const share = (chance: number) => `${(chance * 100).toFixed(chance < 0.1 ? 1 : 0)} %`;
  return [20, 50, 100, 200, 500, 1000, 2000].map((requests) => {
    const { healthyFails, badPasses } = judgedWrongly({
      requests,
      healthy: 0.001,
      bad: 0.02,
      maxDelta: 0.005,
    });
    return [String(requests), share(healthyFails), share(badPasses)];
  });
}

function codeRow([name, meaning]: readonly [string, string]): string[] {
  return [code(name), meaning];
}

function problemRows(): string[][] {
  return Object.entries(PROBLEM_KINDS).map(([name, { status, hint }]) => [code(name), String(status), hint]);
}

function nacosRows(): string[][] {
  return Object.entries(NACOS_CODES).map(([name, { meaning, next }]) => [code(name), meaning, next]);
}

function settingRows(): string[][] {
  return SETTINGS.map(({ key, flag, env, help, fallback, outsideFile }) => [
    flag === null ? '' : code(flag),
    code(env),
    outsideFile === true ? '' : code(key),
    fallback ?? 'none',
    help,
  ]);
}

interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}

/** What the analysis of a template and that of a Canary have in common stands with the Canary. */
function templateRows(): string[][] {
  return rowsOf('', templateJsonSchema() as Schema).filter(
    ([place = '']) => !place.startsWith('`spec.') || place === '`spec.metrics`',
  );
}

function rowsOf(path: string, schema: Schema): string[][] {
  const { properties, required = [], items } = schema;
  if (items !== undefined) return rowsOf(`${path}[]`, items);
  return Object.entries(properties ?? {}).flatMap(([name, field]) => {
    const place = path === '' ? name : `${path}.${name}`;
    const isRequired = required.includes(name) ? 'required' : '';
    const fallback =
      field.default === undefined || isEmpty(field.default)
        ? isRequired
        : code(JSON.stringify(field.default));
    return [[code(place), typeOf(field), fallback, field.description ?? ''], ...rowsOf(place, field)];
  });
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function typeOf({ type, const: only, enum: choices, anyOf }: Schema): string {
  if (only !== undefined) return code(String(only));
  if (choices !== undefined) return choices.map((choice) => code(String(choice))).join(' or ');
  if (anyOf !== undefined && type === undefined) {
    // A duration is its text, or a plain 0.
    return anyOf.some((choice) => choice.const === 0) ? 'duration' : anyOf.map(typeOf).join(' or ');
  }
  return type === 'array' ? 'list' : type === 'object' ? 'mapping' : (type ?? '');
}

/** Families of a scrape that shows one Canary at its second step. */
async function metricRows(): Promise<string[][]> {
  const spec = budgetedSpec();
  const state = budgetedState(spec);
  state.rollout?.pauses.push({ reason: 'Manual', detail: 'asked by ana', since: 0 });
  state.ending = { outcome: 'Aborted', reason: 'asked by ana', since: 0, tries: 0, alarmed: false };
  const { app, metrics } = serverOf(standIn({ specs: [spec], states: [state] }));
  metrics.looked(spec.canary.name, [paymentVerdict()], 0.7);
  metrics.wrote(spec.canary.name, 'accepted');
  const page = (await app.inject('/metrics')).body;
  const types = new Map(
    [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => [name, type]),
  );
  return [...page.matchAll(/^# HELP (\S+) (.*)$/gm)].map(([, name = '', help = '']) => {
    const type = types.get(name) ?? '';
    return [code(name), type, labelsOf(page, name).map(code).join(', '), help];
  });
}

function labelsOf(page: string, family: string): string[] {
  const labels = new Set<string>();
  for (const [, inside = ''] of page.matchAll(new RegExp(`^${family}(?:_bucket)?\\{(.*)\\} `, 'gm'))) {
    for (const [, label = ''] of inside.matchAll(/(\w+)="/g)) if (label !== 'le') labels.add(label);
  }
  return [...labels];
}

async function callRows(): Promise<string[][]> {
  const { app } = serverOf(standIn());
  const { paths } = (await app.inject('/openapi.json')).json() as {
    paths: Record<string, Record<string, { summary: string; security: Record<string, string[]>[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([method]) => method !== 'head')
      .map(([method, { summary, security }]) => [
        code(`${method.toUpperCase()} ${path}`),
        Object.values(security[0] ?? {})
          .flat()
          .map(code)
          .join(''),
        summary,
      ]),
  );
}

/** What a command line prints to standard output, as a program of 80 columns. */
export async function printed(...argv: readonly string[]): Promise<string> {
  const lines: string[] = [];
  const io: Io = {
    out: (text) => lines.push(text),
    talk: () => {},
    clear: () => {},
    isTerminal: false,
    columns: null,
    env: {},
    clock: createVirtualClock(0),
  };
  const serve = { flags: SETTINGS, run: () => Promise.reject(new Error('nothing is served here')) };
  const backUp = () => Promise.reject(new Error('nothing is copied here'));
  const examine = () => Promise.reject(new Error('nothing is examined here'));
  const openTraffic = () => Promise.reject(new Error('nothing is measured here'));
  await runCli(argv, { io, version: '0', serve, backUp, examine, openTraffic });
  return lines.join('\n');
}

/** Every command but `help`, or those below a command, in the order of the help. */
export async function commandNames(...above: readonly string[]): Promise<string[]> {
  const [, commands = ''] = (await printed(...above, '--help')).split('Commands:');
  return [...commands.matchAll(/^ {2}(\w+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'help');
}

/** A command with commands below it is those. */
async function commandSection(name: string): Promise<string> {
  const below = (await commandNames(name)).map((each) => [name, each]);
  const sections = (below.length > 0 ? below : [[name]]).map(
    async (words) => `### ${words.join(' ')}\n\n${fenced('text', await printed(...words, '--help'))}`,
  );
  return (await Promise.all(sections)).join('\n\n');
}
