import { describe, expect, it } from 'vitest';
import type { PublishReport, RouteReading } from '../../src/core/observation.ts';
import { md5 } from '../../src/core/rule.ts';
import { createDesk, type Desk, quickSpec, unreadable } from './desk.ts';

/** A desk whose raise to 25 was saved and not seen yet; `text` is what it wrote. */
function raising(parts = {}): { desk: Desk; held: string; text: string; operation: string } {
  const desk = createDesk(quickSpec(parts));
  desk.reach(5);
  for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
  const intent = desk.state().intent;
  if (intent === null || intent.direction !== 'raise') throw new Error('no raise');
  return { desk, held: desk.document() ?? '', text: intent.content, operation: intent.operation };
}

const report = (operation: string, result: PublishReport['result']): PublishReport => ({
  operation,
  at: 0,
  result,
  code: result.toUpperCase(),
  detail: 'said so',
});
const runtimeRead = (desk: Desk): RouteReading => {
  const content = desk.document() ?? '';
  return { kind: 'document', at: desk.now(), content, md5: md5(content), authoritative: false };
};

describe('a raise', () => {
  it('is saved with operation, weights, expected md5 and epoch before it is written', () => {
    const { desk, held } = raising();
    expect(desk.state().intent).toMatchObject({
      from: 5,
      to: 25,
      expectMd5: md5(held),
      epoch: 1,
      stepIndex: 1,
    });
    expect(desk.rollout()).toMatchObject({ stepIndex: 1, held: { index: 0, weight: 5 } });
  });

  it('is never written twice, and is given up after verifyTimeout', () => {
    const { desk } = raising();
    for (let seconds = 1; seconds < 30; seconds += 1) {
      expect(desk.tick({ after: 1_000, lands: false }).publish).toBe(false);
    }
    const decision = desk.tick({ after: 1_000, lands: false });
    expect(decision.events.map(({ type }) => type)).toContain('RaiseCancelled');
    expect(desk.rollout()).toMatchObject({ stepIndex: 0, weight: 5, held: { weight: 5 } });
  });

  it('is not done because the server says so', () => {
    const { desk, operation } = raising();
    desk.tick({ after: 1_000, publish: report(operation, 'accepted'), lands: false });
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().intent).toMatchObject({ operation });
    expect(desk.types().filter((type) => type === 'WeightVerified')).toHaveLength(1);
  });

  it('keeps verifiedAt and bake of the held step when it is cancelled, and needs three new passes', () => {
    const { desk } = raising();
    const { verifiedAt } = desk.rollout().held;
    desk.tick({ after: 30_000 });
    expect(desk.rollout().held).toMatchObject({ verifiedAt, bakedMs: expect.any(Number) });
    expect(desk.rollout().held.bakedMs).toBeGreaterThanOrEqual(90_000);
    desk.look('pass');
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(5);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('is withdrawn also when the daemon died before it wrote the withdrawal', () => {
    const desk = createDesk(quickSpec());
    desk.reach(5);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    const raise = desk.state().intent;
    desk.restart();
    desk.tick({ after: 1_000, lands: false });
    expect(desk.state().intent?.purpose).toBe('withdraw');
    desk.restart();
    desk.tick({ after: 1_000 });
    desk.tick({ after: 5_000 });
    const live = desk.document() ?? '';
    expect(md5(live), 'a delayed raise must fail its own compare').not.toBe(raise?.expectMd5);
  });

  it('is withdrawn: the held rule is published once more under a new operation', () => {
    const { desk, held, operation } = raising();
    const decision = desk.tick({ after: 30_000, lands: false });
    expect(decision.state.intent).toMatchObject({ purpose: 'withdraw', to: 5, expectMd5: md5(held) });
    expect(decision.state.intent?.operation).not.toBe(operation);
  });

  it('leaves no pause behind that only a look would end, when nothing is looked at any more', () => {
    const desk = createDesk(quickSpec(), { lands: false });
    desk.look('structural', { after: 1_000, route: unreadable });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'BadQuery' }]);
    desk.tick({ after: 30_000, route: unreadable });
    expect(desk.state().phase).toBe('Waiting');
    expect(desk.rollout().pauses).toEqual([]);
  });

  it('leaves none behind either where it is cancelled by an edit, in the run of the look that would pause', () => {
    const desk = createDesk(quickSpec());
    desk.reach(5);
    desk.look('guard');
    desk.respec({ revision: 'v3' });
    desk.tick({ after: 1_000, lands: false });
    expect(desk.state().intent?.direction).toBe('raise');
    desk.edit({ canaryWeight: 64 });
    desk.look('structural', { after: 1_000 });
    expect(desk.state().phase).toBe('Waiting');
    expect(desk.rollout().pauses).toEqual([]);
  });

  it('goes back to Waiting when the first one is cancelled', () => {
    const desk = createDesk(quickSpec(), { lands: false });
    expect(desk.state().intent?.direction).toBe('raise');
    desk.tick({ after: 30_000, route: unreadable });
    expect(desk.state().phase).toBe('Waiting');
    expect(desk.rollout()).toMatchObject({ stepIndex: -1, weight: 0 });
  });

  it('is cancelled at once when its compare failed', () => {
    const { desk, operation } = raising();
    const decision = desk.tick({ after: 100, publish: report(operation, 'conflict'), lands: false });
    expect(decision.events.map(({ type }) => type)).toContain('RaiseCancelled');
  });

  it('shows a diagnostic while writes are denied, until one is verified', () => {
    const { desk, operation } = raising();
    desk.tick({ after: 100, publish: report(operation, 'denied'), lands: false });
    expect(desk.state().diagnostics).toMatchObject([{ code: 'TRAFFIC_DENIED' }]);
    desk.setDocument(desk.state().intent?.content ?? null);
    desk.tick();
    expect(desk.state().diagnostics).toEqual([]);
  });

  it('backs off longer each time, at most 60 s', () => {
    const desk = createDesk(quickSpec(), { lands: false });
    const waits: number[] = [];
    for (let tries = 0; tries < 8; tries += 1) {
      while (desk.state().intent?.direction !== 'raise') {
        if (desk.state().intent !== null) desk.setDocument(desk.state().intent?.content ?? null);
        desk.look('pass', { lands: false });
      }
      const { operation } = desk.state().intent as { operation: string };
      desk.tick({ after: 10, publish: report(operation, 'conflict'), route: unreadable });
      waits.push(desk.rollout().raiseAfter - desk.now());
    }
    expect(waits).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('counts failures for the step below while it is unverified, and no passes', () => {
    const { desk } = raising();
    desk.look('pass', { after: 10_000, lands: false });
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
    desk.look('fail', { after: 10_000, lands: false });
    expect(desk.rollout().metrics['error-rate']).toMatchObject({ failures: 1 });
    expect(desk.rollout().metrics['error-rate']?.verdict?.counted).toBe(true);
  });

  it('is replaced at once by a decision to lower', () => {
    const { desk, operation } = raising();
    const decision = desk.command({ verb: 'abort' }, { lands: false, route: unreadable });
    expect(decision.publish).toBe(true);
    expect(decision.state.intent).toMatchObject({ direction: 'lower', to: 0, expectMd5: null });
    expect(decision.state.intent?.operation).not.toBe(operation);
  });
});

describe('a crash between write and commit', () => {
  it('believes the same operation: the raise is done', () => {
    const { desk, text } = raising();
    desk.setDocument(text);
    desk.restart();
    desk.tick({ after: 2_000 });
    expect(desk.rollout().held.weight).toBe(25);
  });

  it('cancels a raise at once when the database read still shows the expected document', () => {
    const { desk } = raising();
    desk.restart();
    const decision = desk.tick({ after: 2_000, lands: false });
    expect(decision.events.map(({ type }) => type)).toContain('RaiseCancelled');
    expect(decision.state.intent?.direction).toBe('hold');
  });

  it('believes runtime reads only after 3 s without a break', () => {
    const { desk } = raising();
    desk.restart();
    const seen = () => desk.tick({ after: 1_000, route: runtimeRead(desk), lands: false });
    for (let runs = 0; runs < 2; runs += 1) seen();
    desk.tick({ after: 1_000, route: unreadable, lands: false });
    for (let runs = 0; runs < 3; runs += 1) seen();
    expect(desk.types()).not.toContain('RaiseCancelled');
    seen();
    expect(desk.types()).toContain('RaiseCancelled');
  });

  it('writes a lowering again at once', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' }, { lands: false });
    desk.restart();
    const decision = desk.tick({ after: 1_000, route: unreadable });
    expect(decision.publish).toBe(true);
    expect(decision.state.intent).toMatchObject({ direction: 'lower', to: 0 });
  });

  it('goes on mid-rollout with the same step, weight and counted failures, and asks one fresh pass of each metric', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.look('fail');
    desk.look('pass');
    desk.look('pass');
    desk.respec({ strategy: { progressDeadlineMs: 0 } });
    const before = desk.rollout();
    desk.restart();
    const decision = desk.tick({ after: 3_600_000 });
    expect(desk.rollout()).toMatchObject({ stepIndex: 0, weight: 5, id: before.id });
    expect(desk.rollout().metrics['error-rate']?.failures).toBe(1);
    expect(desk.rollout().held.bakedMs).toBe(before.held.bakedMs);
    expect(decision.publish).toBe(false);
  });

  it('needs a fresh pass after a restart although three were seen before it', () => {
    const desk = createDesk(
      quickSpec({
        strategy: {
          steps: [
            { weight: 5, bakeMs: 600_000, approval: false },
            { weight: 100, bakeMs: 0, approval: false },
          ],
        },
      }),
    );
    desk.reach(5);
    for (let looks = 0; looks < 19; looks += 1) desk.look('pass');
    desk.restart();
    desk.tick({ after: 1_000 });
    desk.tick({ after: 30_000 });
    expect(desk.rollout().held.weight).toBe(5);
    expect(desk.state().reason).toMatch(/fresh pass is needed after the restart/);
    desk.look('pass');
    expect(desk.rollout().held.weight).toBe(100);
  });
});
