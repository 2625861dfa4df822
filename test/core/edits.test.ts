import { describe, expect, it } from 'vitest';
import { steps } from '../support/a-canary.ts';
import { createDesk, quickMetric, quickSpec } from './desk.ts';

const quick = (...weights: number[]) => steps(...weights).map((step) => ({ ...step, bakeMs: 60_000 }));

describe('an edit mid-rollout', () => {
  it('keeps the weight when steps change and continues from the greatest new step not above it; evidence starts again', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.look('pass');
    desk.respec({ strategy: { steps: quick(10, 20, 40, 100) } });
    const decision = desk.tick();
    expect(decision.publish).toBe(false);
    expect(desk.rule().canaryWeight).toBe(25);
    expect(desk.rollout()).toMatchObject({ stepIndex: 1, weight: 25, held: { index: 1, bakedMs: 0 } });
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
    desk.look('pass');
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(40);
  });

  it.each([
    ['the service', { service: 'elsewhere' }],
    ['the version label', { analysis: { versionLabel: 'app_version' } }],
  ])('starts all counters again when %s is edited: other series are asked for from now on', (_, parts) => {
    const desk = createDesk();
    desk.reach(5);
    desk.look('pass');
    desk.look('pass');
    desk.respec(parts);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(1);
  });

  it('holds a weight below all new steps at index -1 until the next raise', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ strategy: { steps: quick(30, 100) } });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ stepIndex: -1, weight: 5, held: { index: -1, weight: 5 } });
    expect(desk.state().phase).toBe('Progressing');
    desk.reach(30);
    expect(desk.rollout().stepIndex).toBe(0);
  });

  it('starts the counters of an edited metric again, but a failure already counted stays counted', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.look('fail');
    const counted = desk.rollout().metrics['error-rate']?.lastFailureCountedAt;
    desk.respec({ analysis: { metrics: [quickMetric({ bounds: { maxDelta: 0.01 } })] } });
    desk.tick();
    expect(desk.rollout().metrics['error-rate']).toMatchObject({
      failures: 1,
      lastFailureCountedAt: counted,
      failingMs: 0,
      passes: 0,
      lastFailAt: null,
    });
  });

  it('never raises on passes of the metric before its edit', () => {
    const metrics = [quickMetric()];
    const slow = { steps: quick(5, 25, 100).map((step) => ({ ...step, bakeMs: 150_000 })) };
    const desk = createDesk(quickSpec({ strategy: slow, analysis: { metrics } }));
    desk.reach(5);
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    desk.respec({ strategy: slow, analysis: { metrics: [quickMetric({ bounds: { max: 0.01 } })] } });
    desk.tick({ after: 31_000 });
    expect(desk.rollout().held.weight).toBe(5);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('forgets a metric that was removed and waits for one that was added', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ analysis: { metrics: [quickMetric({ name: 'other' })] } });
    desk.tick();
    expect(Object.keys(desk.rollout().metrics)).toEqual(['other']);
    desk.look('pass');
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(5);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('refuses another traffic target until idle and shows that as a diagnostic', () => {
    const desk = createDesk();
    desk.reach(5);
    const target = { kind: 'nacos', namespace: '', group: 'CANARY_GROUP', dataId: 'other.json' } as const;
    desk.respec({ target });
    desk.tick();
    expect(desk.state()).toMatchObject({
      route: { dataId: 'canary-rules.shop.json' },
      diagnostics: [{ code: 'TRAFFIC_TARGET_CHANGED' }],
    });
    desk.respec({ target, revision: 'v1' });
    desk.tick();
    desk.tick();
    expect(desk.state()).toMatchObject({ route: target, diagnostics: [] });
  });

  it('does not judge the new target by what was read of the old one', () => {
    const desk = createDesk(quickSpec({ revision: 'v1' }));
    desk.respec({});
    desk.tick();
    desk.respec({ revision: 'v1' });
    desk.tick();
    expect(desk.document()).not.toBeNull();
    const target = { kind: 'file', path: 'weights.json' } as const;
    desk.respec({ revision: 'v1', target });
    const decision = desk.tick();
    expect(decision.state).toMatchObject({ route: target, known: null, phase: 'Stable' });
    expect(decision.nextCheckAt).toBe(desk.now());
    desk.setDocument(null);
    desk.tick();
    expect(desk.document()).toBeNull();
  });

  it('takes labels at once and keeps the evidence', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.look('pass');
    desk.respec({ labels: { team: 'shop' } });
    desk.tick();
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(1);
  });

  it('pauses Suspended: raises stop, looks, failures and rollbacks go on; the bake too', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ suspend: true });
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.rollout()).toMatchObject({ weight: 5, pauses: [{ reason: 'Suspended' }] });
    expect(desk.rollout().held.bakedMs).toBe(120_000);
    const refused = desk.command({ verb: 'resume' });
    expect(refused.events.map(({ type }) => type)).toEqual(['CommandRefused']);
    for (let looks = 0; looks < 4; looks += 1) desk.look('fail');
    expect(desk.state().phase).toBe('RolledBack');
  });

  it('goes on when suspend is taken away', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ suspend: true });
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    desk.respec({});
    desk.tick();
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('waits with the first step while suspended', () => {
    const desk = createDesk(quickSpec({ suspend: true }));
    desk.tick({ after: 600_000 });
    expect(desk.state()).toMatchObject({ phase: 'Waiting', reason: expect.stringMatching(/suspend: true/) });
    desk.respec({});
    desk.tick();
    expect(desk.rollout().held.weight).toBe(5);
  });

  it('records analysis.skip as an exemption that names the file, also when it came by an edit', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.respec({ analysis: { skip: true, metrics: [] } });
    for (let runs = 0; runs < 3; runs += 1) desk.tick({ after: 30_000 });
    expect(desk.rollout()).toMatchObject({ analysed: false, held: { weight: 25 } });
    expect(desk.rollout().exemptions).toMatchObject([{ kind: 'skip', actor: 'shop.yaml' }]);
  });

  it('voids an approval given before it', () => {
    const approving = { steps: quick(5, 25, 100).map((step, at) => ({ ...step, approval: at === 0 })) };
    const desk = createDesk(quickSpec({ strategy: approving }));
    desk.reach(5);
    desk.command({ verb: 'approve', actor: 'ben' });
    desk.respec({ strategy: approving, labels: { a: 'b' } });
    for (let looks = 0; looks < 4; looks += 1) desk.look('pass');
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.rollout().pauses).toMatchObject([
      { reason: 'Approval', detail: expect.stringMatching(/the one by ben is void/) },
    ]);
    desk.command({ verb: 'approve' });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('voids a promotion that did not take effect yet', () => {
    const desk = createDesk(quickSpec({ settleMs: 60_000 }));
    desk.reach(5);
    desk.look('pass');
    desk.command({ verb: 'promote', full: true, actor: 'ben' });
    desk.respec({ settleMs: 60_000, labels: { a: 'b' } });
    desk.tick();
    expect(desk.rollout().promote).toBeNull();
    expect(desk.log()).toContainEqual(expect.stringMatching(/SpecChanged: .*asked by ben is void/));
  });
});
