import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/core/observation.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { aRig, type Rig } from './rig.ts';

/** Looks every ten seconds, a point at each, six points a step. */
function aSpecOf(name: string) {
  const { specs, diagnostics } = parseFile(
    `apiVersion: canary/v1
kind: Canary
metadata: {name: ${name}}
spec:
  revision: v2
  stableRevision: v1
  traffic: {nacos: {dataId: ${name}.json}, settle: 10s}
  strategy:
    steps: [{setWeight: 10, bake: 30s}, {setWeight: 50, bake: 30s}, {setWeight: 100, bake: 30s}]
  analysis:
    interval: 10s
    window: 10s
    judge: mannWhitney
    minPoints: 6
    metrics:
      - name: error-rate
        ratio: {bad: 'r{job="${name}",code="500"}', total: 'r{job="${name}"}'}
`,
    `${name}.yaml`,
  );
  expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
  return specs[0]!;
}

const WORSE: Reading = { kind: 'value', value: 0.05, requests: 1_000 };
const SILENT: Reading = { kind: 'noData', why: 'nan', detail: 'no requests in the window' };

const rollout = (rig: Rig, name: string) => rig.controller.state(name)?.rollout;
const points = (rig: Rig, name: string) => rollout(rig, name)?.metrics['error-rate']?.points?.canary.length;

describe('a controller with the mannWhitney judge', () => {
  it('promotes what is good, rolls back what is bad and never promotes what nobody hears of', async () => {
    const rig = await aRig({ specs: ['shop', 'cart', 'mute'].map(aSpecOf) });
    rig.answers.canary.set('cart', WORSE);
    rig.answers.canary.set('mute', SILENT);
    rig.lead();
    await rig.run(50_000);
    expect([rig.weight('shop'), rig.weight('cart'), rig.weight('mute')]).toEqual([10, 10, 10]);
    await rig.run(600_000);
    expect(rig.controller.state('shop')?.phase).toBe('Succeeded');
    expect(rollout(rig, 'shop')).toMatchObject({ outcome: 'Promoted', judge: 'mannWhitney' });
    expect(rig.controller.state('cart')?.phase).toBe('RolledBack');
    expect(rollout(rig, 'cart')?.endReason).toMatch(/^error-rate: canary is higher: .*; score 0 is below/);
    expect(rig.weight('cart')).toBe(0);
    await rig.run(7_200_000);
    expect(rollout(rig, 'mute')).toMatchObject({ outcome: null, weight: 10 });
    expect(rig.weight('mute')).toBe(10);
  });

  it('goes on with its points after another process took over in the middle of a step', async () => {
    const first = await aRig({ specs: ['shop', 'cart'].map(aSpecOf) });
    first.answers.canary.set('cart', WORSE);
    first.lead();
    await first.run(60_000);
    const before = points(first, 'shop') ?? 0;
    expect(before).toBeGreaterThan(2);
    expect(first.weight('shop')).toBe(10);
    first.follow(true);
    const second = await aRig({ beside: first });
    second.lead();
    await second.run(10_000);
    expect(points(second, 'shop')).toBeGreaterThanOrEqual(before);
    expect(second.weight('shop')).toBe(10);
    // Fewer than six looks more: without the points of the first one it could not know yet.
    await second.run(30_000);
    expect(second.weight('shop')).toBe(50);
    expect(second.controller.state('cart')?.phase).toBe('RolledBack');
    await second.run(300_000);
    expect(second.controller.state('shop')?.phase).toBe('Succeeded');
  });
});
