import { expect, it } from 'vitest';
import type { MeasureRequest, Reading } from '../../src/core/observation.ts';
import { counterSeries } from '../../src/core/simulation/counters.ts';
import { aMetric } from '../support/a-canary.ts';
import { aRig, quickSpec, type Rig } from './rig.ts';

const SCRAPE_MS = 5_000;
/** Requests a second, and the share of them that fails. */
const TRAFFIC = { v1: [90, 0.001], v2: [10, 0.0045] } as const;

function aBudgetedSpec(share: number) {
  const { source } = quickSpec().canary.analysis.metrics[0]!;
  const sequential = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: 1 };
  const metric = aMetric({ judge: 'sequential', forMs: null, source, sequential, objective: 0.999 });
  return quickSpec('shop', {
    analysis: { metrics: [metric], rolloutBudget: { share, windowMs: 3_600_000 } },
  });
}

/** Counters as of both versions having served all the time. */
function counters(request: MeasureRequest): Reading {
  const { source, version, at, windowMs } = request;
  if (source.kind !== 'counters' || at === null) throw new Error('no request for counters');
  const [rps, share] = TRAFFIC[version === 'v1' ? 'v1' : 'v2'];
  const first = Math.floor((at - windowMs) / SCRAPE_MS) + 1;
  const times: number[] = [];
  for (let scrape = first; scrape * SCRAPE_MS <= at; scrape += 1) times.push(scrape * SCRAPE_MS);
  const origin = Math.floor(at / 86_400_000) * 86_400_000 - 86_400_000;
  const flows = (time: number) => {
    const requests = (rps * (time - origin)) / 1000;
    return [{ requests, bad: requests * share, p99: 0.1 }];
  };
  return { kind: 'series', series: counterSeries({ ...request, source }, times, flows) };
}

const spentOf = ({ controller }: Rig) => controller.state('shop')?.rollout?.spent?.['error-rate'];

it('keeps what a rollout has spent over a restart, and goes back once it is more than its budget', async () => {
  // 5.2 requests of the 324 that an hour may lose.
  const first = await aRig({ specs: [aBudgetedSpec(0.016)] });
  first.answers.counters = counters;
  first.lead();
  await first.run(95_000);
  const spent = spentOf(first)!;
  expect(spent.canary.requests).toBeGreaterThan(500);
  expect(first.weight()).toBe(10);
  await first.controller.stop(0);

  const second = await aRig({ beside: first });
  second.lead();
  await second.run(1_000);
  expect(spentOf(second)!.canary.requests).toBeGreaterThanOrEqual(spent.canary.requests);
  await second.run(120_000);
  const { reason, phase } = second.controller.state('shop')!;
  expect(phase).toBe('RolledBack');
  expect(reason).toMatch(/the rollout budget is spent: error-rate: about \d\.\d+ failed requests more/);
  expect(spentOf(second)!.canary.requests).toBeGreaterThan(spent.canary.requests);
  expect(second.weight()).toBe(0);
});

it('lets a rollout go on that has budget left', async () => {
  const rig = await aRig({ specs: [aBudgetedSpec(1)] });
  rig.answers.counters = counters;
  rig.lead();
  await rig.run(215_000);
  expect(rig.controller.state('shop')?.phase).toBe('Progressing');
  const { notBecause } = rig.controller.explanation('shop')!;
  expect(notBecause).toMatchObject([{ code: 'budget', facts: { metric: 'error-rate' } }]);
});

it('holds a start while stable burns, over a restart too, until a start with force, and says who forced it', async () => {
  const { source } = quickSpec().canary.analysis.metrics[0]!;
  const metrics = [aMetric({ source, windowMs: 10_000, objective: 0.999 })];
  const incident = { burnRate: 14.4, windowMs: 3_600_000 };
  const spec = quickSpec('shop', { analysis: { metrics, incident } });
  const first = await aRig({ specs: [spec] });
  first.answers.burning = { kind: 'value', value: 0.1, requests: 1_000 };
  first.lead();
  await first.run(60_000);
  expect(first.controller.state('shop')).toMatchObject({
    phase: 'Waiting',
    reason: expect.stringMatching(/stable v1 burns its error budget/),
  });
  expect(first.events().filter((type) => type === 'StartHeld')).toHaveLength(1);
  await first.controller.stop(0);

  const second = await aRig({ beside: first });
  second.lead();
  await second.run(30_000);
  expect(second.controller.state('shop')?.phase).toBe('Waiting');
  expect(second.events().filter((type) => type === 'StartHeld')).toHaveLength(1);
  const asked = { revision: 'v2', actor: 'alice' };
  expect(await second.submit('start', asked)).toMatchObject({ changed: false });
  expect(await second.submit('start', { ...asked, force: true })).toMatchObject({ changed: true });
  await second.run(1_000);
  expect(second.weight()).toBe(10);
  const [record] = second.store.rollouts('shop', 1);
  expect(record?.exemptions).toMatchObject([{ kind: 'preflight', actor: 'alice' }]);
  expect(record?.analysed).toBe(true);
});

it('stops the clock of a step while both versions burn, over a restart, and goes on afterwards', async () => {
  const { source } = quickSpec().canary.analysis.metrics[0]!;
  const metrics = [aMetric({ source, windowMs: 10_000, objective: 0.999 })];
  const spec = quickSpec('shop', {
    analysis: { metrics, incident: { burnRate: 14.4, windowMs: 3_600_000 } },
  });
  const first = await aRig({ specs: [spec] });
  first.lead();
  await first.run(15_000);
  expect(first.weight()).toBe(10);
  first.answers.burning = { kind: 'value', value: 0.1, requests: 1_000 };
  await first.run(120_000);
  const { rollout, reason } = first.controller.state('shop')!;
  expect(reason).toMatch(/an incident hits both versions/);
  await first.controller.stop(0);

  const second = await aRig({ beside: first });
  second.lead();
  await second.run(120_000);
  expect(second.weight()).toBe(10);
  expect(second.controller.state('shop')?.rollout?.held.bakedMs).toBe(rollout?.held.bakedMs);
  second.answers.burning = null;
  await second.run(70_000);
  expect(second.weight()).toBe(50);
  const told = second.events().filter((type) => type.startsWith('Incident'));
  expect(told.sort()).toEqual(['IncidentOver', 'IncidentSeen']);
});
