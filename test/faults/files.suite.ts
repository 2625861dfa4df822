/** Faults of the Canary files: bad, half-written, vanished, doubled. */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Daemon, readBack, until } from '../system/world.ts';
import { startClocked } from './clocked.ts';
import { measured } from './shared.ts';
import {
  canaryOf,
  count,
  eventsOf,
  expectNothingLost,
  expectPromoted,
  moreLooks,
  say,
  shows,
  stepsReached,
} from './told.ts';
import { aPlace, atFirstStep, declaration, type Place, STAYING } from './world.ts';

/** Longer than a file must be missing before it counts as removed. */
const LONG = { wallMs: 31_000, monotonicMs: 31_000 };

interface Found {
  readonly code: string;
  readonly detail: string;
  readonly file: string;
  readonly line: number;
}

/** What is wrong with the files, as `canary list` shows it. */
async function wrong(daemon: Daemon): Promise<readonly Found[]> {
  const answer = (await daemon.get('/api/v1/canaries')) as {
    diagnostics: (Found & { severity: string })[];
  };
  return answer.diagnostics.filter(({ severity }) => severity === 'error');
}

function fileOf({ canaries }: Place, name = 'shop'): string {
  return join(canaries, `${name}.yaml`);
}

describe.concurrent('a file is bad', () => {
  test('its last valid form goes on, also over a kill -9, and the mistake is named by line and column', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const first = await atFirstStep(place);
    const bad = declaration(place.name, 'v3').replace('setWeight: 50', 'setWieght: 50');
    writeFileSync(fileOf(place), bad);
    const { detail, line } = await first.logged({ msg: 'spec diagnostic', code: 'SPEC_UNKNOWN_FIELD' });
    expect(detail).toMatch(/setWieght.*setWeight/);
    expect(line).toBe(bad.split('\n').findIndex((text) => text.includes('setWieght')) + 1);
    first.kill('SIGKILL');
    await first.ended;
    const second = place.start();
    const events = await expectPromoted(second, place);
    expect((await wrong(second)).map(({ code }) => code)).toContain('SPEC_UNKNOWN_FIELD');
    const told = events.filter(({ type }) => type === 'SpecInvalid').map(({ message }) => message);
    expect(told.filter((message) => message.includes('SPEC_UNKNOWN_FIELD'))).toEqual([
      expect.stringMatching(/^shop\.yaml:\d+:\d+ SPEC_UNKNOWN_FIELD: /),
    ]);
    expect(count(events, 'RollbackStarted')).toBe(0);
  });
});

describe.concurrent('a file is half-written', () => {
  test('nothing begins by the half, and the whole is taken when it is there; swap files are never read', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    const swaps = ['.shop.yaml.swp', 'shop.yaml~', '#shop.yaml#', '4913', '.#shop.yaml'];
    for (const name of swaps) writeFileSync(join(place.canaries, name), declaration(place.name, 'v9'));
    const whole = declaration(place.name, 'v3');
    writeFileSync(fileOf(place), whole.slice(0, whole.indexOf('analysis:')));
    const { detail } = await daemon.logged({ msg: 'spec diagnostic', code: 'SPEC_NO_METRICS' });
    expect(detail).toMatch(/./);
    await moreLooks(place, 3);
    expect((await wrong(daemon)).map(({ file }) => file)).toEqual(['shop.yaml']);
    const before = await eventsOf(daemon);
    expect([count(before, 'SpecChanged'), count(before, 'RollbackStarted')]).toEqual([0, 0]);
    writeFileSync(fileOf(place), whole);
    await daemon.logged({ type: 'RolloutEnded', facts: { revision: 'v3' } });
    const events = await eventsOf(daemon);
    expectNothingLost(events);
    const revisions = events
      .filter(({ type }) => type === 'RolloutStarted')
      .map(({ facts }) => facts['revision']);
    expect(revisions).toEqual(['v2', 'v3']);
    const newest = events.findLast(({ type }) => type === 'RolloutStarted')?.rolloutId;
    expect(stepsReached(events.filter(({ rolloutId }) => rolloutId === newest))).toEqual([50, 100]);
    expect(await wrong(daemon)).toEqual([]);
  });
});

describe.concurrent('a file vanishes', () => {
  test('and comes back: nothing happens', async ({ onTestFinished }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2');
    place.declare('v1', { name: 'other' });
    const { daemon, move } = startClocked(place);
    await daemon.logged(readBack(50));
    const text = readFileSync(fileOf(place));
    rmSync(fileOf(place));
    await moreLooks(place, 3);
    writeFileSync(fileOf(place), text);
    await moreLooks(place, 2);
    await move(LONG);
    const events = await expectPromoted(daemon, place);
    const unwanted = ['MassDeletion', 'Forgotten', 'SpecChanged', 'RollbackStarted'];
    expect(unwanted.map((type) => count(events, type))).toEqual([0, 0, 0, 0]);
  });

  test('for good: after 30 s the rollout goes back to 0 and the canary is forgotten; its history stays', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    place.declare('v2', STAYING);
    place.declare('v1', { name: 'other' });
    const { daemon, move } = startClocked(place);
    await daemon.logged(readBack(50));
    rmSync(fileOf(place));
    await moreLooks(place, 4);
    expect(place.stored, 'not yet').toEqual([50]);
    await move(LONG);
    await daemon.logged({ type: 'Forgotten' });
    const events = await eventsOf(daemon);
    expectNothingLost(events);
    expect(events.find(({ type }) => type === 'RolloutEnded')).toMatchObject({
      message: expect.stringContaining('the file was removed'),
      facts: { outcome: 'Cancelled' },
    });
    expect(events.find(({ type }) => type === 'Forgotten')?.message).toBe(
      'the file was removed; history is kept',
    );
    expect(stepsReached(events)).toEqual([50]);
    expect(place.stored).toEqual([50, 0]);
    expect(await canaryOf(daemon, 'other')).toMatchObject({ phase: 'Stable' });
  });

  test('with all the others: nothing is deleted, rollouts go on, and a person says which was meant', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const others = ['a', 'b', 'c'];
    place.declare('v2');
    for (const name of others) place.declare('v1', { name });
    const { daemon, move } = startClocked(place);
    await daemon.logged(readBack(50));
    const kept = others.map((name) => [name, readFileSync(fileOf(place, name))] as const);
    for (const name of ['shop', ...others]) rmSync(fileOf(place, name));
    const { detail } = await daemon.logged({ level: 'error', msg: 'mass deletion is not believed' });
    expect(detail).toMatch(
      /nothing is deleted; `canary forget NAME --reason WHY` confirms an intended removal$/,
    );
    await move(LONG);
    await expectPromoted(daemon, place);
    expect(await wrong(daemon)).toMatchObject([{ code: 'SPEC_DIRECTORY' }]);
    for (const name of others) expect(await canaryOf(daemon, name)).toMatchObject({ phase: 'Stable' });
    expect(await say(daemon, 'forget')).toMatchObject({ status: 202 });
    await daemon.logged({ type: 'Forgotten', canary: 'shop' });
    for (const [name, text] of kept) writeFileSync(fileOf(place, name), text);
    daemon.kill('SIGHUP');
    await shows(daemon, () => true, 'a');
    const events = await eventsOf(daemon);
    expectNothingLost(events);
    expect([count(events, 'MassDeletion'), count(events, 'Forgotten')]).toEqual([1, 1]);
  });

  test('with its directory: nothing is changed or deleted, and the rollout goes on', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const daemon = await atFirstStep(place);
    renameSync(place.canaries, `${place.canaries}-away`);
    const { detail } = await daemon.logged({ msg: 'spec diagnostic', code: 'SPEC_DIRECTORY' });
    expect(detail).toMatch(/canaries cannot be read: .*ENOENT.*; nothing is changed or deleted$/);
    await expectPromoted(daemon, place);
    renameSync(`${place.canaries}-away`, place.canaries);
    await until(async () => (await wrong(daemon)).length === 0);
  });
});

describe.concurrent('a name is there twice', () => {
  test('the one that runs goes on, also over a kill -9, and the other is told to choose another name', async ({
    onTestFinished,
  }) => {
    const place = await aPlace(onTestFinished, measured);
    const first = await atFirstStep(place);
    // Its name comes first in the directory.
    writeFileSync(join(place.canaries, 'aaa.yaml'), declaration(place.name, 'v3'));
    const { file, detail } = await first.logged({ msg: 'spec diagnostic', code: 'SPEC_DUPLICATE_NAME' });
    expect(file).toBe('aaa.yaml');
    expect(detail).toMatch(/^The name shop belongs to shop\.yaml.*: choose another metadata\.name\.$/);
    first.kill('SIGKILL');
    await first.ended;
    const second = place.start();
    const events = await expectPromoted(second, place);
    expect(stepsReached(events)).toEqual([50, 100]);
    expect(await wrong(second)).toMatchObject([{ file: 'aaa.yaml', code: 'SPEC_DUPLICATE_NAME' }]);
  });
});
