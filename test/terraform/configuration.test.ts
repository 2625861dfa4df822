/** What must hold of the Terraform code as text; needs nothing but the code. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SETTINGS } from '../../src/settings.ts';
import { FOLDER } from './tools.ts';

interface Source {
  readonly path: string;
  /** Without comments. */
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(tf|tfvars)$/.test(entry.name))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter((path) => !path.includes('/.terraform/'))
  .map((path) => ({
    path: relative(FOLDER, path),
    text: readFileSync(path, 'utf8').replaceAll(/^\s*#.*$/gm, ''),
  }));

/** The blocks `keyword "name" {…}` of a file: formatted code closes a block in the first column. */
function blocks(keyword: string, { path, text }: Source) {
  return [...text.matchAll(new RegExp(`^${keyword} "(\\w+)" \\{\n([\\s\\S]*?)^\\}`, 'gm'))].map(
    ([, name = '', body = '']) => ({ name: `${path}: ${name}`, body }),
  );
}

const read = (path: string) => readFileSync(join(FOLDER, path), 'utf8');

const variables = sources.flatMap((source) => blocks('variable', source));
const outputs = sources.flatMap((source) => blocks('output', source));

describe('the Terraform code', () => {
  test('is all read by this test', () => {
    expect(sources.length).toBeGreaterThan(30);
    expect(variables.length).toBeGreaterThan(60);
    expect(outputs.length).toBeGreaterThan(20);
  });

  test('names no image by latest or without a tag', () => {
    const images = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/"((?:[\w.-]+\/)*[\w-]+(?::[\w.-]+)?)"/g)]
        .map((match) => match[1] ?? '')
        .filter((name) =>
          /^(prom|grafana|nacos|registry\.example)\/|^(busybox|canary-controller):/.test(name),
        )
        .map((name) => ({ path, name })),
    );
    expect(images.length).toBeGreaterThan(10);
    expect(images.filter(({ name }) => !/:[\w.-]+$/.test(name) || name.endsWith(':latest'))).toEqual([]);
  });

  test('never uses the network of the host, where a port map means nothing', () => {
    const modes = sources.flatMap(({ text }) => [...text.matchAll(/network_mode\s*=\s*(.*)/g)]);
    expect(modes.map((match) => match[1])).toEqual(['"none"']);
  });

  test('mounts no path of the host', () => {
    expect(sources.filter(({ text }) => /host_path|\bbind_options\b|docker\.sock/.test(text))).toEqual([]);
  });

  test('lets every server end by itself, which the provider does only when it is told how long that may take', () => {
    const containers = sources.flatMap((source) => blocks('resource "docker_container"', source));
    expect(containers.length).toBeGreaterThan(7);
    const killed = containers.filter(
      ({ body }) => !/destroy_grace_seconds\s+= \d|attach\s+= true/.test(body),
    );
    expect(killed.map(({ name }) => name)).toEqual([]);
  });

  test('describes every variable and output', () => {
    const silent = [...variables, ...outputs].filter(({ body }) => !/^ {2}description\s+= /m.test(body));
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('marks everything that is a secret, and gives none a default', () => {
    const secrets = variables.filter(({ name }) =>
      /(password|passwords|token|tokens|token_key|auth_identity|people_webhook_url|notify_url|tls)$/.test(
        name,
      ),
    );
    expect(secrets.length).toBeGreaterThan(15);
    const open = secrets.filter(
      ({ body }) => !/sensitive\s+= true/.test(body) || /^ {2}default\s+= (?!null)/m.test(body),
    );
    expect(open.map(({ name }) => name)).toEqual([]);
  });

  test('pins the provider exactly where it is installed, and to one major version in the modules', () => {
    const asked = sources.flatMap(({ path, text }) =>
      [...text.matchAll(/source\s*= "kreuzwerker\/docker"\s+version\s*= "(.*)"/g)].map((match) => ({
        isRoot: path.startsWith('environments/'),
        version: match[1] ?? '',
      })),
    );
    expect(asked.length).toBeGreaterThan(5);
    for (const { isRoot, version } of asked)
      expect(version).toMatch(isRoot ? /^4\.\d+\.\d+$/ : /^~> 4\.\d+$/);
  });

  test('is committed without lock files and state, which belong to whoever applies it', () => {
    const left = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((path) =>
      /\.terraform\.lock\.hcl$|\.tfstate/.test(path),
    );
    expect(left).toEqual([]);
  });

  test('gives the controller only settings that it knows', () => {
    const given = [...read('modules/canary_controller/main.tf').matchAll(/"(CANARY_\w+)=/g)].map(
      (it) => it[1],
    );
    expect(given.length).toBeGreaterThan(10);
    const known = new Set(SETTINGS.map(({ env }) => env));
    expect(given.filter((name) => !known.has(name ?? ''))).toEqual([]);
  });

  test('runs the controller of this version', () => {
    const { version } = JSON.parse(readFileSync(join(FOLDER, '../../package.json'), 'utf8'));
    const images = sources.flatMap(({ text }) => [
      ...text.matchAll(/"[\w./-]*canary-controller:(\d+\.[\w.-]+)"/g),
    ]);
    expect(new Set(images.map((match) => match[1]))).toEqual(new Set([version]));
  });
});

describe('the README', () => {
  const text = read('README.md');

  test('names every module', () => {
    const named = [...text.matchAll(/^\| \[`(\w+)`\]/gm)].map((match) => match[1]);
    expect(named.sort()).toEqual(readdirSync(join(FOLDER, 'modules')).sort());
  });

  test('names every file that it links to, and the versions that are pinned', () => {
    const links = [...text.matchAll(/\]\((?!https:|#)(.*?)\)/g)].map((match) => join(FOLDER, match[1] ?? ''));
    expect(links.filter((path) => !existsSync(path))).toEqual([]);
    const pins = ['nacos/main.tf', 'monitoring/variables.tf', 'volume_files/variables.tf']
      .flatMap((path) => [...read(`modules/${path}`).matchAll(/"[\w/-]+:(v?\d+\.[\w.]+)"/g)])
      .map((match) => match[1] ?? '');
    expect(pins.length).toBeGreaterThan(5);
    expect(pins.filter((version) => !text.includes(version))).toEqual([]);
  });

  test('shows only variables that there are', () => {
    const names = new Set(
      variables.filter(({ name }) => name.startsWith('environments/')).map(({ name }) => name.split(': ')[1]),
    );
    const shown = [...text.matchAll(/TF_VAR_(\w+)/g)].map((match) => match[1]);
    expect(shown.length).toBeGreaterThan(8);
    expect(shown.filter((name) => !names.has(name))).toEqual([]);
  });
});
