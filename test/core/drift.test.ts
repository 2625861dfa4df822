import { describe, expect, it } from 'vitest';
import { aDocument, createDesk, type Desk, quickSpec, unreadable } from './desk.ts';

const at25 = (parts = {}): Desk => {
  const desk = createDesk(quickSpec(parts));
  desk.reach(25);
  return desk;
};
const promoted = (): Desk => {
  const desk = at25();
  desk.reach(100);
  for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
  expect(desk.state().phase).toBe('Succeeded');
  return desk;
};
const reasons = (desk: Desk) => desk.rollout().pauses.map(({ reason }) => reason);

describe('a document edited by someone', () => {
  it('is kept and adopted when only fields that are not ours changed', () => {
    const desk = at25();
    desk.edit({ other: 'theirs' });
    desk.tick();
    expect(desk.types()).toContain('DocumentAdopted');
    desk.reach(100);
    expect(JSON.parse(desk.document() ?? '')['other']).toBe('theirs');
  });

  it('goes back to our weight when a foreign weight lies above it', () => {
    const desk = at25();
    desk.edit({ canaryWeight: 60 });
    desk.tick();
    expect(desk.rule().canaryWeight).toBe(25);
    expect(desk.types()).toContain('DriftCorrected');
    expect(desk.rollout().metrics['error-rate']?.passes).toBe(0);
  });

  it('keeps a foreign weight below ours and pauses DriftLower; resume goes on from the greatest step not above it', () => {
    const desk = at25();
    desk.edit({ canaryWeight: 7 });
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftLower']);
    desk.tick({ after: 60_000 });
    expect(desk.rule().canaryWeight).toBe(7);
    desk.command({ verb: 'resume' });
    expect(desk.rollout().held).toMatchObject({ index: 0, weight: 7, bakedMs: 0 });
    desk.reach(25);
  });

  it('goes on at index -1 when the live weight lies below the first step', () => {
    const desk = at25();
    desk.edit({ canaryWeight: 3 });
    desk.tick();
    desk.command({ verb: 'resume' });
    expect(desk.rollout()).toMatchObject({ stepIndex: -1, weight: 3, held: { index: -1, weight: 3 } });
    expect(desk.state().phase).toBe('Progressing');
    desk.reach(5);
    expect(desk.rollout().stepIndex).toBe(0);
  });

  it('starts the first step again after a resume at 0', () => {
    const desk = at25();
    desk.edit({ canaryWeight: 0 });
    desk.tick();
    desk.command({ verb: 'resume' });
    desk.tick();
    expect(desk.rollout().held.weight).toBe(5);
  });

  it('sets enabled: true by the resume only, at weight 0', () => {
    const desk = at25();
    desk.edit({ enabled: false });
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftLower']);
    expect(desk.rollout().pauses[0]?.detail).toContain('the rule was disabled by someone');
    expect(desk.rule().enabled).toBe(false);
    const decision = desk.command({ verb: 'resume' }, { lands: false });
    expect(decision.state.intent).toMatchObject({ direction: 'hold', to: 0 });
    desk.setDocument(decision.state.intent?.content ?? null);
    expect(desk.rule()).toMatchObject({ enabled: true, canaryWeight: 0 });
    desk.reach(5);
    expect(desk.rule().enabled).toBe(true);
  });

  it('does not switch on a rule that was disabled before the first step', () => {
    const desk = createDesk(quickSpec({ revision: 'v1' }));
    desk.setDocument(aDocument({ canaryVersion: 'v1', enabled: false }));
    desk.tick();
    desk.respec({});
    desk.tick();
    desk.tick({ after: 30_000 });
    expect(reasons(desk)).toEqual(['DriftLower']);
    expect(desk.rule().enabled).toBe(false);
    desk.command({ verb: 'resume' });
    desk.reach(5);
  });

  it('takes a disabled rule that someone switched on again for what it is: more than we gave', () => {
    const desk = createDesk(quickSpec({ revision: 'v1' }));
    desk.setDocument(
      aDocument({ canaryVersion: 'v2', stableVersion: 'v1', canaryWeight: 20, enabled: false }),
    );
    desk.tick();
    desk.tick({ after: 60_000 });
    expect(desk.state().phase).toBe('Stable');
    desk.edit({ enabled: true });
    desk.tick({ after: 60_000 });
    desk.tick({ after: 1_000 });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
  });

  it('lowers and then pauses Drift with onDrift: pause', () => {
    const desk = at25({ onDrift: 'pause' });
    desk.edit({ canaryWeight: 60 });
    desk.tick();
    expect(desk.rule().canaryWeight).toBe(25);
    expect(reasons(desk)).toEqual(['Drift']);
  });

  it('adopts a foreign weight with onDrift: adopt: index as after an edit, evidence again, not analysed, actor nacos', () => {
    const desk = at25({ onDrift: 'adopt' });
    desk.edit({ canaryWeight: 60 });
    desk.tick();
    expect(desk.rollout()).toMatchObject({
      analysed: false,
      stepIndex: 1,
      held: { weight: 60, index: 1, bakedMs: 0 },
    });
    expect(desk.rollout().exemptions).toMatchObject([{ kind: 'adopt', actor: 'nacos' }]);
    expect(desk.rule().canaryWeight).toBe(60);
  });

  it('goes to 0 when a rollout is aborted whose only weight was adopted', () => {
    const desk = createDesk(quickSpec({ onDrift: 'adopt' }));
    desk.reach(5);
    desk.command({ verb: 'abort' });
    desk.respec({ onDrift: 'adopt', suspend: true });
    desk.command({ verb: 'retry' });
    desk.tick();
    desk.edit({ canaryWeight: 3 });
    desk.tick();
    expect(desk.rollout().held.weight).toBe(3);
    desk.command({ verb: 'abort' });
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('freezes stable at the last look when someone sets 100 with onDrift: adopt', () => {
    const desk = at25({ onDrift: 'adopt' });
    const before = desk.now();
    desk.edit({ canaryWeight: 100 });
    desk.tick({ after: 20_000 });
    expect(desk.rollout().frozenAt).toBe(before);
  });

  it('never takes a 0 for a place to go on from, also with onDrift: adopt', () => {
    const desk = at25({ onDrift: 'adopt' });
    desk.edit({ canaryWeight: 0 });
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftLower']);
  });

  it('pauses DriftFight after three corrections; there a weight above is lowered at most every 30 s', () => {
    const desk = at25();
    for (let times = 1; times <= 3; times += 1) {
      desk.edit({ canaryWeight: 60 });
      desk.tick({ after: 40_000 });
      expect(desk.rule().canaryWeight).toBe(25);
      expect(reasons(desk)).toEqual(times === 3 ? ['DriftFight'] : []);
    }
    desk.edit({ canaryWeight: 61 });
    const held = desk.tick({ after: 10_000 });
    expect(desk.rule().canaryWeight).toBe(61);
    expect(held.nextCheckAt - desk.now()).toBeLessThanOrEqual(20_000);
    desk.tick({ after: 20_000 });
    expect(desk.rule().canaryWeight).toBe(25);
    desk.command({ verb: 'resume' });
    expect(desk.rollout()).toMatchObject({ corrections: 0, pauses: [] });
  });

  it('counts one edit as one correction however long the lowering takes', () => {
    const desk = at25();
    desk.edit({ canaryWeight: 60 });
    for (let runs = 0; runs < 8; runs += 1) desk.tick({ after: 1_000, lands: false });
    expect(desk.rollout().corrections).toBe(1);
    expect(reasons(desk)).toEqual([]);
    desk.tick({ after: 5_000 });
    expect(desk.rule().canaryWeight).toBe(25);
  });

  it('never corrects a changed pair: DriftPair shows both; a failure still writes our pair with 0', () => {
    const desk = at25();
    desk.edit({ canaryVersion: 'vX', stableVersion: 'vY' });
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftPair']);
    expect(desk.rollout().pauses[0]?.detail).toMatch(/vX over vY.*v2 over v1/);
    for (let looks = 0; looks < 4; looks += 1) desk.look('fail');
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', stableVersion: 'v1', canaryWeight: 0 });
    expect(desk.state().phase).toBe('RolledBack');
  });

  it('rewrites the pair with the first raise after DriftPair was resumed', () => {
    const desk = at25();
    desk.edit({ canaryVersion: 'vX', stableVersion: 'vY' });
    desk.tick();
    desk.command({ verb: 'resume' });
    expect(desk.rollout().reached.slice(-2)).toMatchObject([{ weight: 0 }, { weight: 5 }]);
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', stableVersion: 'v1', canaryWeight: 5 });
  });

  it('takes traffic from a version that is neither stable nor released when a person goes on over it', () => {
    const desk = at25();
    desk.edit({ canaryVersion: 'vX', canaryWeight: 30 });
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftPair']);
    desk.respec({ suspend: true });
    desk.command({ verb: 'resume' });
    desk.tick();
    expect(desk.rule()).toMatchObject({ canaryVersion: 'vX', stableVersion: 'v1', canaryWeight: 0 });
    desk.respec({ suspend: true, revision: 'v1' });
    desk.tick();
    expect(desk.state().phase).toBe('Stable');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('pauses StateConflict when the rollout that went on over a changed stable ends without a write', () => {
    const desk = createDesk(quickSpec({ suspend: true }));
    desk.setDocument(aDocument({ canaryVersion: 'v2', canaryWeight: 0, stableVersion: 'v9' }));
    desk.tick();
    desk.command({ verb: 'resume' });
    desk.respec({ revision: 'v1' });
    desk.tick({ after: 1_000 });
    desk.tick({ after: 1_000 });
    expect(desk.state()).toMatchObject({
      phase: 'Paused',
      stable: 'v1',
      pauses: [{ reason: 'StateConflict' }],
    });
    desk.command({ verb: 'resume' });
    expect(desk.state()).toMatchObject({ stable: 'v9', pauses: [] });
  });

  it('refuses to resume over an unreadable document and says how to go on', () => {
    const desk = at25();
    desk.setDocument('{not json');
    desk.tick();
    expect(reasons(desk)).toEqual(['DriftPair']);
    const decision = desk.command({ verb: 'resume' });
    expect(decision.events).toContainEqual(
      expect.objectContaining({
        type: 'CommandRefused',
        message: expect.stringMatching(/unreadable.*correct or delete/),
      }),
    );
    expect(reasons(desk)).toEqual(['DriftPair']);
  });

  it('promotes nobody by a promoted mark that somebody wrote', () => {
    const desk = at25();
    desk.edit({ promoted: true });
    desk.tick();
    expect(desk.rollout().outcome).toBeNull();
    expect(desk.state().stable).toBe('v1');
  });

  it('does not take a changed pair for its own write because the operation is the same', () => {
    const desk = at25();
    const decision = desk.command({ verb: 'abort' }, { lands: false });
    desk.setDocument(decision.state.intent?.content ?? null);
    desk.edit({ canaryVersion: 'vX' });
    desk.tick({ after: 1_000, lands: false });
    expect(desk.state().phase).toBe('RollingBack');
    desk.tick({ after: 5_000 });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
  });
});

describe('the live weight when a rollout begins', () => {
  it('is not said to give the next revision what the promoted one has', () => {
    const desk = promoted();
    expect(desk.state().observed?.weight).toBe(100);
    desk.respec({ revision: 'v3', suspend: true });
    desk.tick();
    expect(desk.state()).toMatchObject({ phase: 'Waiting', observed: { weight: 0 } });
  });

  it('is not known for the next revision while it cannot be read', () => {
    const desk = promoted();
    desk.respec({ revision: 'v3', suspend: true });
    desk.tick({ route: unreadable });
    expect(desk.state()).toMatchObject({ phase: 'Waiting', observed: null });
    desk.tick();
    expect(desk.state().observed?.weight).toBe(0);
  });
});

describe('drift while nothing runs', () => {
  it('pauses DriftLower in Succeeded; resume writes 100 again with a recorded exemption', () => {
    const desk = promoted();
    desk.edit({ canaryWeight: 40 });
    desk.tick();
    expect(desk.state()).toMatchObject({ phase: 'Paused', pauses: [{ reason: 'DriftLower' }] });
    const decision = desk.command({ verb: 'resume', actor: 'ben' });
    expect(decision.events.map(({ type }) => type)).toContain('Exempted');
    expect(desk.rule()).toMatchObject({ canaryWeight: 100, managedBy: { promoted: true } });
    expect(desk.rollout().exemptions.at(-1)).toMatchObject({ kind: 'resume', actor: 'ben' });
    expect(desk.state().phase).toBe('Succeeded');
  });

  it('pauses DriftLower in Succeeded; undo accepts the old version', () => {
    const desk = promoted();
    desk.edit({ canaryWeight: 40 });
    desk.tick();
    desk.command({ verb: 'undo', force: true });
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.state()).toMatchObject({ phase: 'RolledBack', stable: 'v1' });
  });

  it('pauses StateConflict showing both when the document says that something else is stable; resume takes the live one', () => {
    const desk = promoted();
    desk.setDocument(aDocument({ canaryVersion: 'v9', canaryWeight: 100, stableVersion: 'v2' }));
    desk.tick();
    expect(desk.state().pauses[0]).toMatchObject({ reason: 'StateConflict' });
    expect(desk.state().pauses[0]?.detail).toMatch(/v2 is stable, the document says v9/);
    desk.command({ verb: 'resume' });
    expect(desk.state().stable).toBe('v9');
  });

  it('finds a split that nobody remembers through Initializing when a conflict is resumed', () => {
    const desk = promoted();
    desk.respec({ revision: null });
    desk.setDocument(aDocument({ canaryVersion: 'v9', canaryWeight: 30, stableVersion: 'v2' }));
    desk.tick();
    desk.command({ verb: 'resume' });
    desk.tick();
    expect(desk.rollout()).toMatchObject({
      revision: 'v9',
      stable: 'v2',
      pauses: [{ reason: 'StateRebuilt' }],
    });
  });

  it('writes a deleted document again naming the live stable twice at weight 0', () => {
    const desk = promoted();
    desk.setDocument(null);
    desk.tick();
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', stableVersion: 'v2', canaryWeight: 0 });
    expect(desk.state()).toMatchObject({ phase: 'Stable', stable: 'v2', diagnostics: [] });
  });
});

describe('a document deleted mid-rollout', () => {
  it('holds and alerts, never writes it again upward, and asks for new evidence once it is back', () => {
    const desk = at25();
    const text = desk.document();
    desk.look('pass');
    desk.setDocument(null);
    const decision = desk.look('pass');
    expect(decision.events.map(({ type }) => type)).toContain('DocumentMissing');
    expect(decision.publish).toBe(false);
    desk.look('pass');
    expect(desk.document()).toBeNull();
    expect(desk.state().diagnostics).toMatchObject([{ code: 'DOCUMENT_MISSING' }]);
    desk.setDocument(text);
    desk.look('pass');
    expect(desk.state().diagnostics).toEqual([]);
    expect(desk.rollout().held.weight).toBe(25);
    desk.look('pass');
    expect(desk.rule().canaryWeight).toBe(25);
    desk.reach(100);
  });

  it('does not believe a runtime read at once', () => {
    const desk = at25();
    const route = { kind: 'absent', at: 0, authoritative: false } as const;
    desk.tick({ after: 1_000, route });
    expect(desk.state().diagnostics).toEqual([]);
    desk.tick({ after: 5_000, route });
    expect(desk.state().diagnostics).toMatchObject([{ code: 'DOCUMENT_MISSING' }]);
  });

  it('still goes to 0 when asked', () => {
    const desk = at25();
    desk.setDocument(null);
    desk.tick();
    desk.command({ verb: 'abort' });
    expect(desk.rule()).toMatchObject({ canaryVersion: 'v2', canaryWeight: 0 });
    expect(desk.state().phase).toBe('RolledBack');
  });
});
