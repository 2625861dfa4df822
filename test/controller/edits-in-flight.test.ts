import { describe, expect, it } from 'vitest';
import type { Reading } from '../../src/core/observation.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { aMetric } from '../support/a-canary.ts';
import { aRig, quickSpec, type Rig } from './rig.ts';

const value = (number: number): Reading => ({ kind: 'value', value: number, requests: null });

function latencySpec(query: string, max: number): Spec {
  const source = { kind: 'query', query } as const;
  const bounds = { max };
  const metric = aMetric({ name: 'latency', source, bounds, windowMs: 10_000, forMs: 0, critical: true });
  return quickSpec('shop', { analysis: { metrics: [metric] } });
}

/** At the first step, with a look under way that was made for `spec` and takes four seconds. */
async function aLookInFlight(spec: Spec): Promise<Rig> {
  const rig = await aRig({ specs: [spec] });
  rig.answers.canary.set('shop', value(200));
  rig.lead();
  await rig.run(25_000);
  expect(rig.weight()).toBe(10);
  rig.answers.lateMs = 4_000;
  const { asked } = rig.answers;
  while (rig.answers.asked === asked) await rig.run(100);
  return rig;
}

async function edit(rig: Rig, spec: Spec): Promise<void> {
  rig.files.set('shop', { spec, file: 'present' });
  await rig.controller.rescan();
}

describe('a file that is edited while a look is under way', () => {
  it('is not judged by what the old query measured', async () => {
    const rig = await aLookInFlight(latencySpec('milliseconds{job="shop"}', 500));
    await edit(rig, latencySpec('seconds{job="shop"}', 0.5));
    await rig.run(4_050);
    rig.answers.canary.set('shop', value(0.2));
    await rig.run(12_000);
    expect(rig.controller.state('shop')?.phase).toBe('Progressing');
    expect(rig.controller.state('shop')?.rollout?.metrics['latency']?.verdict).toMatchObject({
      class: 'pass',
      canary: 0.2,
    });
  });

  it('makes nothing evidence that the old query measured, and is looked at again at once', async () => {
    const rig = await aLookInFlight(latencySpec('old{job="shop"}', 500));
    await edit(rig, latencySpec('new{job="shop"}', 1_000));
    await rig.run(8_200);
    const look = rig.controller.state('shop')?.rollout?.metrics['latency'];
    expect(look).toMatchObject({ passes: 1, verdict: { query: 'new{job="shop"}' } });
  });
});
