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

describe('our own documents seen late', () => {
  it('adopts a cancelled raise that lands within 5 s: it was earned', () => {
    const { desk, text } = raising();
    desk.tick({ after: 30_000, route: unreadable });
    desk.setDocument(text);
    desk.tick({ after: 4_000 });
    expect(desk.rollout()).toMatchObject({
      stepIndex: 1,
      weight: 25,
      held: { index: 1, weight: 25, bakedMs: 0 },
    });
    expect(desk.rollout().withdrawDue).toBe(false);
  });

  it('keeps the moment at which stable is frozen when the adopted raise was the one to 100', () => {
    const desk = createDesk();
    desk.reach(25);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass', { lands: false });
    const { content, savedAt } = desk.state().intent as { content: string; savedAt: number };
    desk.tick({ after: 30_000, route: unreadable });
    desk.setDocument(content);
    desk.tick({ after: 3_000 });
    expect(desk.rollout()).toMatchObject({ held: { weight: 100 }, frozenAt: savedAt });
  });

  it('does not take the withdrawal of a first raise for that raise: it names the revision promoted before', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.state().phase).toBe('Succeeded');
    desk.respec({ revision: 'v3' });
    desk.tick({ lands: false });
    expect(desk.state().intent).toMatchObject({ direction: 'raise', to: 5 });
    desk.tick({ after: 60_000, lands: false });
    expect(desk.state().intent).toMatchObject({ purpose: 'withdraw', to: 100 });
    const { content } = desk.state().intent as { content: string };
    desk.tick({ after: 60_000, route: unreadable });
    expect(desk.state().intent).toBeNull();
    desk.setDocument(content);
    desk.tick({ after: 3_000, lands: false });
    expect(desk.rollout()).toMatchObject({ revision: 'v3', held: { index: -1, weight: 0 } });
  });

  it('lowers it at once when it lands later, which is not drift', () => {
    const { desk, text } = raising();
    desk.tick({ after: 30_000 });
    expect(desk.rollout().withdrawDue).toBe(false);
    desk.tick({ after: 20_000 });
    desk.setDocument(text);
    const decision = desk.tick({ after: 1_000 });
    expect(decision.events.map(({ type }) => type)).toContain('LateWriteLowered');
    expect(desk.rule().canaryWeight).toBe(5);
    expect(desk.rollout()).toMatchObject({ corrections: 0, pauses: [] });
  });

  it('takes an older write for read lag for 5 s', () => {
    const { desk, held, text } = raising();
    desk.setDocument(text);
    desk.tick({ after: 500 });
    expect(desk.rollout().held.weight).toBe(25);
    const lagging: RouteReading = {
      kind: 'document',
      at: 0,
      content: held,
      md5: md5(held),
      authoritative: false,
    };
    desk.tick({ after: 1_000, route: lagging });
    expect(desk.rollout().pauses).toEqual([]);
    desk.tick({ after: 6_000, route: lagging });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'DriftLower' }]);
  });

  it('raises nothing over a reading that lags, not even at a person’s word', () => {
    const desk = createDesk();
    desk.reach(5);
    const held = desk.document() ?? '';
    desk.reach(25);
    const lagging: RouteReading = {
      kind: 'document',
      at: 0,
      content: held,
      md5: md5(held),
      authoritative: false,
    };
    const promote = { verb: 'promote' } as const;
    expect(desk.command(promote, { after: 1_000, route: lagging, looks: 'pass' }).publish).toBe(false);
    expect(desk.tick({ after: 1_000 }).state.intent).toMatchObject({ direction: 'raise', to: 100 });
  });

  it('pauses DriftLower when an older document with less was put back', () => {
    const desk = createDesk();
    desk.reach(5);
    const old = desk.document();
    desk.reach(25);
    desk.tick({ after: 20_000 });
    desk.setDocument(old);
    desk.tick({ after: 1_000 });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'DriftLower' }]);
    expect(desk.rule().canaryWeight).toBe(5);
  });

  it('lowers a late raise of a rollout that has ended, also while the next one waits', () => {
    for (const revision of ['v2', 'v3']) {
      const { desk, text } = raising();
      desk.command({ verb: 'abort' });
      expect(desk.state().phase).toBe('RolledBack');
      desk.respec({ revision, suspend: true });
      desk.tick({ after: 60_000 });
      expect(desk.state().phase).toBe(revision === 'v3' ? 'Waiting' : 'RolledBack');
      desk.setDocument(text);
      desk.tick({ after: 1_000 });
      expect(desk.types()).toContain('LateWriteLowered');
      expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
    }
  });

  it('does not mark a late first raise as promoted when it is lowered, over the promoted document before it', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.respec({ revision: 'v3' });
    desk.tick({ lands: false });
    const { content } = desk.state().intent as { content: string };
    desk.tick({ after: 60_000 });
    desk.tick({ after: 1_000 });
    desk.setDocument(content);
    desk.tick({ after: 60_000 });
    expect(desk.types()).toContain('LateWriteLowered');
    expect(desk.rule()).toMatchObject({
      canaryVersion: 'v3',
      canaryWeight: 0,
      managedBy: { promoted: false },
    });
  });

  it('does not take a put back document of an earlier promotion for the live one', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    const old = desk.document();
    desk.respec({ revision: 'v3' });
    desk.tick();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(desk.state().stable).toBe('v3');
    desk.setDocument(old);
    desk.tick({ after: 20_000 });
    expect(desk.state().pauses).toMatchObject([{ reason: 'StateConflict' }]);
  });
});

describe('a lowering', () => {
  const aborting = () => {
    const desk = createDesk();
    desk.reach(25);
    desk.command({ verb: 'abort' }, { lands: false });
    return desk;
  };

  it('is written again with a back-off of at most 5 s until it is read back', () => {
    const desk = aborting();
    let tries = 1;
    for (let seconds = 0; seconds < 60; seconds += 1) {
      const { operation } = desk.state().intent as { operation: string };
      if (desk.tick({ after: 1_000, publish: report(operation, 'failed'), lands: false }).publish) tries += 1;
    }
    expect(tries).toBeGreaterThanOrEqual(13);
    expect(tries).toBeLessThanOrEqual(18);
  });

  it('is written over a document that changed meanwhile, keeping the fields of others', () => {
    const desk = aborting();
    desk.edit({ other: 'theirs', canaryWeight: 40 });
    desk.tick({ after: 10_000 });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
    expect(JSON.parse(desk.document() ?? '')['other']).toBe('theirs');
  });

  it('to more than 0 is not written blindly: it might give more than is live', () => {
    const desk = createDesk();
    desk.reach(25);
    desk.edit({ canaryWeight: 60 });
    desk.tick({ lands: false });
    expect(desk.state().intent).toMatchObject({ direction: 'lower', to: 25 });
    expect(desk.tick({ after: 10_000, route: unreadable, lands: false }).publish).toBe(false);
    expect(desk.tick({ after: 10_000 }).publish).toBe(true);
    expect(desk.rule().canaryWeight).toBe(25);
  });

  describe('to more than 0 that was lost', () => {
    const correcting = () => {
      const desk = createDesk();
      desk.reach(25);
      desk.edit({ canaryWeight: 60 });
      desk.tick({ lands: false });
      expect(desk.state().intent).toMatchObject({ direction: 'lower', to: 25 });
      return desk;
    };

    it('is given up when the document is deleted meanwhile: it would be recreated upward', () => {
      const desk = correcting();
      desk.setDocument(null);
      for (let runs = 0; runs < 5; runs += 1) desk.tick({ after: 10_000 });
      expect(desk.document()).toBeNull();
      expect(desk.state()).toMatchObject({ intent: null, diagnostics: [{ code: 'DOCUMENT_MISSING' }] });
    });

    it('is not written over a document that a runtime read does not find', () => {
      const desk = correcting();
      const route = { kind: 'absent', at: 0, authoritative: false } as const;
      for (let runs = 0; runs < 10; runs += 1) {
        expect(desk.tick({ after: 1_000, route, lands: false }).publish).toBe(false);
      }
      expect(desk.state().intent).toBeNull();
    });

    it('is given up when the document becomes unreadable meanwhile', () => {
      const desk = correcting();
      desk.setDocument('{"rules": [');
      for (let runs = 0; runs < 5; runs += 1) desk.tick({ after: 10_000 });
      expect(desk.document()).toBe('{"rules": [');
      expect(desk.state().intent).toBeNull();
      expect(desk.rollout().pauses).toMatchObject([{ reason: 'DriftPair' }]);
    });

    it('is given up when an older document of ours with less is put back meanwhile', () => {
      const desk = createDesk();
      desk.reach(5);
      const atFive = desk.document();
      desk.reach(25);
      desk.edit({ canaryWeight: 60 });
      desk.tick({ lands: false });
      desk.setDocument(atFive);
      for (let runs = 0; runs < 5; runs += 1) desk.tick({ after: 3_000 });
      expect(desk.rule().canaryWeight).toBe(5);
      expect(desk.state().intent).toBeNull();
      expect(desk.rollout().pauses).toMatchObject([{ reason: 'DriftLower' }]);
    });
  });

  it('of a promoted document keeps its promoted mark when it is written again', () => {
    const desk = createDesk(
      quickSpec({ strategy: { steps: [{ weight: 100, bakeMs: 0, approval: false }] } }),
    );
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    desk.edit({ enabled: true, canaryWeight: 100, other: 'x' });
    desk.tick();
    expect(desk.rule().managedBy?.promoted).toBe(true);
  });

  it('does not say that 0 is verified while somebody gives the revision traffic', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.edit({ canaryWeight: 0 });
    desk.tick();
    desk.respec({ suspend: true });
    desk.command({ verb: 'resume' });
    expect(desk.rollout()).toMatchObject({ stepIndex: -1, held: { weight: 0 } });
    for (let times = 0; times < 4; times += 1) {
      desk.edit({ canaryWeight: 30 });
      desk.tick({ after: 10_000 });
    }
    expect(desk.rollout().pauses.map(({ reason }) => reason)).toContain('DriftFight');
    expect(desk.rule().canaryWeight).toBe(30);
    desk.command({ verb: 'abort' });
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.rollout().outcome).toBe('Aborted');
  });
});
