import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { begin } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'canary-simulate-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const METRIC = `      - name: error-rate
        ratio: {bad: 'http_requests_total{job="shop",code=~"5.."}', total: 'http_requests_total{job="shop"}'}
        maxDelta: 0.005`;

function canary(judge: string, steps = '{setWeight: 10, bake: 3m}, {setWeight: 100, bake: 3m}'): string {
  return `apiVersion: canary/v1
kind: Canary
metadata: {name: shop}
spec:
  revision: v2
  strategy:
    steps: [${steps}]
  analysis:
    interval: 15s
    judge: ${judge}
    metrics:
${METRIC}
`;
}

const shop = file('shop.yaml', canary('threshold'));
const judged = file('judged.yaml', canary('sequential'));

function world(text: string): string {
  return file('world.yaml', text);
}

test('a healthy canary is promoted in a scripted world, with a line and a reason for every decision', async () => {
  const good = world('world: {rps: 50, stable: {error: 0.001}, canary: {error: 0.001}}\n');
  const { code, out } = await begin(null, ['simulate', shop, '--scenario', good, '-o', 'json']).ended;
  expect(code).toBe(0);
  const story = JSON.parse(out);
  expect(story).toMatchObject({ canary: 'shop', outcome: 'Promoted', minutes: expect.any(Number) });
  expect(Date.parse(story.decidedAt)).toBeGreaterThan(Date.parse(story.timeline[0].at));
  expect(story.timeline).toContainEqual(
    expect.objectContaining({ step: 1, weight: 100, decision: 'raise', event: 'StepStarted' }),
  );
  for (const { at, reason } of story.timeline) {
    expect(new Date(at).toISOString()).toBe(at);
    expect(reason).not.toBe('');
  }
});

test.each([
  ['threshold', shop, 'failing for'],
  ['sequential', judged, 'odds'],
])('a canary that turns bad is rolled back by the %s judge, and the text says why', async (_, path, why) => {
  const bad = world(`
world: {rps: 50, stable: {error: 0.001}, canary: {error: 0.001}}
changes: [{at: 2m, canary: {error: 0.1}}]
`);
  const { code, out } = await begin(null, ['simulate', path, '--scenario', bad]).ended;
  expect(code).toBe(0);
  expect(out).toMatch(new RegExp(`RollbackStarted +going back to 0 %.*${why}`));
  expect(out.trimEnd().split('\n').at(-1)).toMatch(/^shop: RolledBack after [\d.]+ minutes$/);
});

test('the same world gives the same run', async () => {
  const good = world('world: {rps: 7, stable: {error: 0.01}, canary: {error: 0.012}, until: 20m}\n');
  const run = () => begin(null, ['simulate', judged, '--scenario', good, '-o', 'json']).ended;
  expect((await run()).out).toBe((await run()).out);
});

test('what does not end is inconclusive, and its last line says what it waits for', async () => {
  const silent = world('world: {rps: 0, until: 10m}\n');
  const { out } = await begin(null, ['simulate', shop, '--scenario', silent, '-o', 'json']).ended;
  const story = JSON.parse(out);
  expect(story).toMatchObject({ outcome: 'Inconclusive', decidedAt: null, minutes: null });
  expect(story.timeline.at(-1)).toMatchObject({ event: null, reason: expect.stringMatching(/\w/) });
});

test('a wrong world is refused with the place of every mistake', async () => {
  const wrong = world(`world:
  rps: many
  stabel: {error: 0.1}
changes:
  - {at: soon, canary: {error: 2}}
`);
  const { code, out, talk } = await begin(null, ['simulate', shop, '--scenario', wrong]).ended;
  expect([code, out]).toEqual([1, '']);
  expect(talk).toContain(`${wrong}:2:8 world.rps: `);
  expect(talk).toContain(`${wrong}:3:3 world.stabel: is not a field. Did you mean stable?`);
  expect(talk).toContain(`${wrong}:5:10 changes[0].at: "soon" is no duration such as 90s or 5m`);
  expect(talk).toContain(`${wrong}:5:32 changes[0].canary.error: `);
});

test('text that is no YAML is refused with its line', async () => {
  const broken = world('world: {rps: 50\nchanges: []\n');
  const { code, talk } = await begin(null, ['simulate', shop, '--scenario', broken]).ended;
  expect(code).toBe(1);
  expect(talk).toMatch(/world\.yaml:\d+:\d+ /);
});

test('files that are not there, not valid, or hold several Canaries are refused', async () => {
  const good = world('world: {}\n');
  const both = file(
    'both.yaml',
    `${canary('threshold')}---\n${canary('threshold').replace('shop', 'shop2')}`,
  );
  const refused = async (path: string, scenario: string) => {
    const { code, talk } = await begin(null, ['simulate', path, '--scenario', scenario]).ended;
    expect(code).toBe(1);
    return talk;
  };
  expect(await refused(join(folder, 'none.yaml'), good)).toContain('none.yaml cannot be read');
  expect(await refused(shop, join(folder, 'none.yaml'))).toContain('none.yaml cannot be read');
  expect(await refused(file('empty.yaml', 'kind: Canary\n'), good)).toContain('has no valid Canary');
  expect(await refused(both, good)).toContain('several Canaries: shop, shop2');
});
