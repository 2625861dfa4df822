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

test.each([
  ['the world', 'world: {stableRevision: v1}', false, 'v1 is stable, told by world.stableRevision'],
  ['the file', 'world: {}', true, 'v0 is stable, told by spec.stableRevision'],
  ['neither', 'world: {}', false, 'v1 is stable, told by the default of world.stableRevision'],
])('what is live is said with what told it: %s', async (_, text, isDeclared, told) => {
  const declared = isDeclared ? '  revision: v2\n  stableRevision: v0\n' : '  revision: v2\n';
  const path = file('told.yaml', canary('threshold').replace('  revision: v2\n', declared));
  const { out } = await begin(null, ['simulate', path, '--scenario', world(`${text}\n`)]).ended;
  expect(out).toMatch(new RegExp(`StableAdopted +${told}$`, 'm'));
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

test('a canary without traffic is never promoted, however rare scrapes are beside looks', async () => {
  const path = file(
    'rare.yaml',
    canary('sequential', '{setWeight: 50, bake: 5m}, {setWeight: 100, bake: 40m}').replace('15s', '30s'),
  );
  const silent = world('world: {rps: 50, scrape: 60s, until: 2h}\nchanges: [{at: 12m, rps: 0}]\n');
  const { out } = await begin(null, ['simulate', path, '--scenario', silent, '-o', 'json']).ended;
  const story = JSON.parse(out);
  expect(story.outcome).toBe('Inconclusive');
  expect(story.timeline.at(-1).reason).toMatch(/no requests at the last \d+ polls/);
});

test('a wrong world is refused with the place of every mistake', async () => {
  const wrong = world(`world:
  rps: many
  stabel: {error: 0.1}
changes:
  - {at: soon, canary: {error: 2}}
  - {prometheus: dow}
`);
  const { code, out, talk } = await begin(null, ['simulate', shop, '--scenario', wrong]).ended;
  expect([code, out]).toEqual([1, '']);
  for (const fault of [
    '2:8 world.rps must be a number, found "many".',
    '3:3 world.stabel is no field of a world file. Did you mean stable?',
    '5:10 changes[0].at must be a duration such as 30s, 5m or 1h30m, found "soon".',
    '5:32 changes[0].canary.error must be at most 1, found 2.',
    '6:5 changes[1].at is required.',
    '6:18 changes[1].prometheus must be one of up, down, slow, empty, nan, bad, found "dow". Did you mean down?',
  ]) {
    expect(talk).toContain(`${wrong}:${fault}\n`);
  }
});

test.each([
  ['world: {rps: 1}\nworld: {rps: 2}\n', '2:1 This key is there twice: keep one.'],
  ['world: {}\n---\nworld: {}\n', '2:1 The file may hold one document only'],
  ['[1]\n', '1:1 the document must be a mapping, found a list.'],
  [
    `---\n${canary('threshold')}`,
    'This is a Canary, and no world: a world file has the fields world and changes.',
  ],
  ['world: *nowhere\n', '1:1 The aliases lead nowhere or too far: write the values out.'],
  ['kind: AnalysisTemplate\n', '1:1 This is an AnalysisTemplate, and no world'],
])('what is no world is told as such: %j', async (text, fault) => {
  const { code, talk } = await begin(null, ['simulate', shop, '--scenario', world(text)]).ended;
  expect(code).toBe(1);
  expect(talk).toContain(fault);
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

const TRAFFIC = ['--rps', '50', '--stable-error', '0.001'];

async function odds(path: string, ...flags: readonly string[]) {
  const { code, out } = await begin(null, ['simulate', path, ...TRAFFIC, '-o', 'json', ...flags]).ended;
  expect(code).toBe(0);
  return JSON.parse(out);
}

test('many random runs say how often a healthy canary is promoted, and when', async () => {
  expect(await odds(shop, '--runs', '20')).toEqual({
    runs: 20,
    promoted: 20,
    rolledBack: 0,
    inconclusive: 0,
    minutes: { promote: { p50: expect.any(Number), p90: expect.any(Number) }, rollback: null },
    excessBad: { mean: 0 },
    missing: [],
  });
});

test.each([shop, judged])('a bad canary goes back, and what it cost is said: %s', async (path) => {
  const { rolledBack, minutes, excessBad } = await odds(path, '--canary-error', '0.05', '--runs', '20');
  expect(rolledBack).toBe(20);
  expect(minutes.promote).toBeNull();
  expect(minutes.rollback.p50).toBeLessThanOrEqual(minutes.rollback.p90);
  // 10 % of 50 requests a second, 4.9 % of them bad beyond stable's.
  const expected = 60 * minutes.rollback.p50 * 5 * 0.049;
  expect(excessBad.mean).toBeGreaterThan(expected / 2);
  expect(excessBad.mean).toBeLessThan(expected * 2);
});

test('a canary that is bad from a later step on is found there', async () => {
  const path = file(
    'later.yaml',
    canary('sequential', '{setWeight: 10, bake: 3m}, {setWeight: 50, bake: 3m}, {setWeight: 100, bake: 3m}'),
  );
  const early = await odds(path, '--canary-error', '0.2', '--runs', '5');
  const late = await odds(path, '--canary-error', '0.2', '--runs', '5', '--from-step', '2');
  expect([early.rolledBack, late.rolledBack]).toEqual([5, 5]);
  expect(early.minutes.rollback.p90).toBeLessThan(3);
  expect(late.minutes.rollback.p50).toBeGreaterThan(3);
});

test('a slow canary goes back by its latency, also where the histogram has milliseconds', async () => {
  const latency = `${canary('threshold').split(METRIC)[0]}      - name: p99
        latency: {histogram: 'latency_bucket{job="shop"}', quantile: 0.99}
        maxRatio: 1.5
`;
  const path = file('slow.yaml', latency);
  const slow = await odds(path, '--runs', '5', '--stable-p99', '0.3', '--canary-p99', '1.2');
  expect(slow).toMatchObject({ rolledBack: 5 });
  expect(slow.excessBad.mean).toBeGreaterThan(0);
  expect(await odds(path, '--runs', '5', '--stable-p99', '300', '--canary-p99', '1200')).toMatchObject({
    rolledBack: 5,
  });
});

test.each(['threshold', 'sequential'] as const)(
  'the scripted processes have native histograms, too, where a metric names them: %s',
  async (judge) => {
    const latency = `${canary(judge).split(METRIC)[0]}      - name: p99
        latency: {histogram: 'took_seconds{job="shop"}', quantile: 0.99}
        maxDelta: 0.3
`;
    const path = file(`native-${judge}.yaml`, latency);
    expect(await odds(path, '--runs', '5')).toMatchObject({ promoted: 5 });
    expect(await odds(path, '--runs', '5', '--canary-p99', '2')).toMatchObject({ rolledBack: 5 });
  },
);

test('bursts make rules of patience roll back healthy canaries', async () => {
  const flags = ['--stable-error', '0.02', '--runs', '40'];
  const calm = await odds(shop, ...flags);
  const bursty = await odds(shop, ...flags, '--burst', '20');
  expect(bursty.rolledBack).toBeGreaterThan(calm.rolledBack);
});

test('without traffic nothing is concluded', async () => {
  const { code, out } = await begin(null, ['simulate', judged, '--rps', '0', '--runs', '2', '-o', 'json'])
    .ended;
  expect([code, JSON.parse(out)]).toMatchObject([0, { inconclusive: 2, promoted: 0, rolledBack: 0 }]);
});

test('what ended inconclusive says at which step which metric had no answer, and how the first one put it', async () => {
  const two = `${canary('sequential').trimEnd()}
      - name: p99
        latency: {histogram: 'latency_bucket{job="shop"}', quantile: 0.99}
        maxDelta: 0.05
`;
  const path = file('two.yaml', two);
  const { inconclusive, missing } = await odds(path, '--rps', '1', '--runs', '6');
  expect(inconclusive).toBe(6);
  expect(missing).toEqual([
    {
      step: 0,
      weight: 10,
      metric: 'error-rate',
      runs: 6,
      first: expect.stringMatching(/^no answer within maxHold 20m, odds .* needed to leave the step/),
    },
    { step: 0, weight: 10, metric: 'p99', runs: 6, first: expect.stringContaining('no answer within') },
  ]);
  const { out } = await begin(null, ['simulate', path, ...TRAFFIC, '--rps', '1', '--runs', '6']).ended;
  expect(out.split('\n').filter((line) => line.startsWith('  ! '))).toEqual([
    `  ! error-rate, step 1 (10 %), in 6 runs, the first: ${missing[0].first}`,
    `  ! p99, step 1 (10 %), in 6 runs, the first: ${missing[1].first}`,
  ]);
});

test('what never began says what kept it', async () => {
  const held = canary('sequential')
    .replace('    judge:', '    incident: {burnRate: 14.4}\n    judge:')
    .concat('        objective: 0.999\n');
  const { inconclusive, missing } = await odds(
    file('held.yaml', held),
    ...['--stable-error', '0.2', '--runs', '2'],
  );
  expect([inconclusive, missing]).toEqual([
    2,
    [{ step: null, weight: 0, metric: null, runs: 2, first: expect.stringContaining('incident') }],
  ]);
});

test('equal seeds give equal runs, other seeds others', async () => {
  const run = (seed: string) => odds(judged, '--canary-error', '0.02', '--runs', '5', '--seed', seed);
  expect(await run('3')).toEqual(await run('3'));
  expect(await run('3')).not.toEqual(await run('4'));
});

test('the text says the shares, and a long command how far it is', async () => {
  let now = 0;
  const clock = { now: () => now, monotonic: () => (now += 1500), after: () => () => {} };
  const { code, out, talk } = await begin(null, ['simulate', shop, ...TRAFFIC, '--runs', '4'], {
    isTerminal: true,
    clock,
  }).ended;
  expect(code).toBe(0);
  expect(out).toContain('promoted      4  100 %');
  expect(talk.split('\n')).toEqual(['2 of 4 runs']);
});

test.each([
  [['--scenario', 'w.yaml', '--rps', '5'], 'no chance'],
  [[], 'nothing says what traffic there is'],
  [['--rps', 'many'], 'number from 0'],
  [['--rps', '5', '--runs', '0'], 'whole number from 1'],
  [['--rps', '5', '--stable-error', '7'], 'number from 0 to 1'],
  [['--rps', '5', '--from-step', '9'], 'there are 2 steps'],
])('%j is a usage error', async (flags, message) => {
  const { code, out, talk } = await begin(null, ['simulate', shop, ...flags]).ended;
  expect([code, out]).toEqual([2, '']);
  expect(talk).toContain(message);
});

test('metrics without random traffic are left out, aloud; with none left nothing is simulated', async () => {
  const query = `      - {name: queue, query: 'queue_length{job="shop"}', max: 10}\n`;
  const some = file('some.yaml', canary('threshold').replace(`${METRIC}\n`, `${METRIC}\n${query}`));
  const none = file('only.yaml', canary('threshold').replace(`${METRIC}\n`, query));
  const ran = await begin(null, ['simulate', some, ...TRAFFIC, '--runs', '1']).ended;
  expect([ran.code, ran.talk]).toEqual([0, expect.stringContaining('queue is left out')]);
  const refused = await begin(null, ['simulate', none, ...TRAFFIC]).ended;
  expect([refused.code, refused.talk]).toEqual([
    1,
    expect.stringContaining('no metric that could be judged'),
  ]);
});
