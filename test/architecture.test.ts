import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

/** Folder of src to its floor. Files directly in src are the top floor: only they construct things. */
const FLOORS: Readonly<Record<string, number>> = {
  access: 3,
  lib: 0,
  spec: 1,
  core: 2,
  traffic: 3,
  metrics: 3,
  store: 3,
  notify: 3,
  telemetry: 3,
  view: 3,
  controller: 4,
  server: 5,
  cli: 5,
  client: 3,
};
const TOP = 6;
const PURE = 2;
const IMPURE =
  /\b(?:Date\.now|new Date\(\)|Math\.random|performance\.now|process\.|setTimeout|setInterval|fetch\(|async |await |randomUUID|randomBytes)|from 'node:(?!crypto')/;
const SRC = resolve(import.meta.dirname, '../src');

interface Source {
  readonly file: string;
  readonly folder: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map(
      ([, path = '']) => path,
    );
    const imports = specifiers.map((path) => relative(SRC, resolve(SRC, dirname(file), path)));
    return { file, folder: folderOf(file), text, imports };
  });

function folderOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : '';
}

function floorOf(file: string): number {
  const folder = folderOf(file);
  return folder === '' ? TOP : (FLOORS[folder] ?? Number.NaN);
}

/** Comments may speak of clocks; code may not use them. */
function code(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}

describe('the house', () => {
  it('gives every folder a floor', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ file }) => Number.isNaN(floorOf(file))).map(({ file }) => file)).toEqual([]);
  });

  it('imports from the own folder and from lower floors only', () => {
    const wrong = sources.flatMap(({ file, folder, imports }) =>
      imports
        .filter((path) => folderOf(path) !== folder && !(floorOf(path) < floorOf(file)))
        .filter((path) => !isHandOver(file, path))
        .map((path) => `${file} imports ${path}`),
    );
    expect(wrong).toEqual([]);
  });

  it('lets the command line reach live state over HTTP only', () => {
    const hands = ['controller', 'server', 'store', 'traffic', 'metrics', 'notify'];
    const wrong = sources
      .filter(({ folder }) => folder === 'cli')
      .flatMap(({ file, imports }) =>
        imports.filter((path) => hands.includes(folderOf(path))).map((path) => `${file}: ${path}`),
      );
    expect(wrong).toEqual([]);
  });

  it('keeps clocks, randomness, I/O and async off the floors of the mind', () => {
    const wrong = sources
      .filter(({ file }) => floorOf(file) <= PURE && file !== 'lib/clock.ts')
      .flatMap(({ file, text }) => {
        const found = IMPURE.exec(code(text));
        return found === null ? [] : [`${file}: ${found[0]}`];
      });
    expect(wrong).toEqual([]);
  });

  it('keeps the client library an island: it ships to gateways, and needs nothing of the controller or of npm', () => {
    const client = sources.filter(({ folder }) => folder === 'client');
    const wrong = client.flatMap(({ file, imports, text }) => [
      ...imports
        .filter((path) => !['client', 'lib'].includes(folderOf(path)))
        .map((path) => `${file}: ${path}`),
      ...[...text.matchAll(/from '([^.'][^']*)'/g)].flatMap(([, name = '']) =>
        name.startsWith('node:') ? [] : [`${file}: ${name}`],
      ),
    ]);
    expect(client.length).toBeGreaterThan(3);
    expect(wrong).toEqual([]);
    const users = sources.filter(
      ({ folder, imports }) => folder !== 'client' && imports.some((path) => folderOf(path) === 'client'),
    );
    expect(users.map(({ file }) => file)).toEqual([]);
  });

  it('never opens port 7777: the clustered Nacos client is not used anywhere', () => {
    expect(
      sources.filter(({ text }) => /NacosConfigClient\b/.test(code(text))).map(({ file }) => file),
    ).toEqual([]);
  });

  it('has small files with one purpose, named for it', () => {
    const names = /(?:^|\/)(?:utils?|helpers?|managers?|misc|types|index|common)\.ts$/;
    expect(sources.filter(({ file }) => names.test(file)).map(({ file }) => file)).toEqual([]);
    const long = sources.filter(({ text }) => text.split('\n').length > 400).map(({ file }) => file);
    expect(long).toEqual([]);
    expect(sources.filter(({ text }) => !/^(?:#!.*\n)?\/\*\*/.test(text)).map(({ file }) => file)).toEqual(
      [],
    );
  });
});

/** `main.ts` checks the Node version, then hands over; `serve` starts the daemon: both by dynamic import. */
function isHandOver(file: string, path: string): boolean {
  return file.startsWith('cli/') && ['daemon.ts', 'config.ts', 'settings.ts'].includes(path);
}
