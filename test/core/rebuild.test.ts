import { describe, expect, it } from 'vitest';
import type { Rule } from '../../src/core/observation.ts';
import type { CanaryParts } from '../support/a-canary.ts';
import { aDocument, createDesk, type Desk, OURS, quickSpec, unreadable } from './desk.ts';

/** A daemon without any memory that finds `rule` live. */
function found(rule: Partial<Rule> | null, parts: CanaryParts = {}): Desk {
  const desk = createDesk(quickSpec({ stableRevision: null, ...parts }), { route: unreadable });
  expect(desk.state().phase).toBe('Initializing');
  desk.setDocument(rule === null ? null : aDocument(rule));
  desk.tick({ after: 1_000 });
  return desk;
}
const plain = (canaryWeight: number): Partial<Rule> => ({ canaryWeight });
const ours = (canaryWeight: number, promoted = false): Partial<Rule> => ({
  canaryWeight,
  managedBy: { ...OURS, promoted },
});

describe('a database that was lost', () => {
  it('holds a rollout found at 100 against stable as it was until then', () => {
    const desk = found(ours(100));
    expect(desk.rollout()).toMatchObject({ frozenAt: desk.now(), held: { weight: 100 } });
    expect(found(ours(30)).rollout().frozenAt).toBeNull();
  });

  it.each<[string, Partial<Rule>, CanaryParts, object]>([
    ['the article’s 100: its canaryVersion is stable', plain(100), {}, { phase: 'Succeeded', stable: 'v2' }],
    [
      'the article’s 0: its stableVersion is stable',
      plain(0),
      { revision: 'v1' },
      { phase: 'Stable', stable: 'v1' },
    ],
    [
      'ours at 100 and promoted: its canaryVersion',
      ours(100, true),
      {},
      { phase: 'Succeeded', stable: 'v2' },
    ],
    [
      'ours at 100, not promoted: stable is its stableVersion',
      ours(100),
      {},
      { phase: 'Paused', stable: 'v1' },
    ],
    [
      'ours at 0, the file names another revision',
      ours(0),
      { revision: 'v1' },
      { phase: 'Stable', stable: 'v1' },
    ],
    [
      'ours at 0, the file names its canaryVersion: RolledBack',
      ours(0),
      {},
      { phase: 'RolledBack', stable: 'v1' },
    ],
    ['1 to 99, plain', plain(30), {}, { phase: 'Paused', stable: 'v1' }],
    ['1 to 99, ours', ours(30), {}, { phase: 'Paused', stable: 'v1' }],
    [
      'disabled: nothing goes to the canary',
      { ...ours(30), enabled: false },
      { revision: 'v1' },
      { phase: 'Stable', stable: 'v1' },
    ],
  ])('%s', (_name, rule, parts, expected) => {
    expect(found(rule, parts).state()).toMatchObject(expected);
  });

  it('says StateRebuilt for what went back to 0 and starts it again only by retry', () => {
    const desk = found(ours(0));
    expect(desk.state().reason).toMatch(/StateRebuilt/);
    desk.tick({ after: 60_000 });
    expect(desk.state().rollout).toBeNull();
    desk.command({ verb: 'retry' });
    expect(desk.rollout().revision).toBe('v2');
  });

  it.each([
    [3, -1],
    [5, 0],
    [30, 1],
    [99, 1],
  ])('makes a new record at weight %i with index %i, not analysed, paused StateRebuilt', (weight, index) => {
    const desk = found(ours(weight));
    expect(desk.rollout()).toMatchObject({
      revision: 'v2',
      stable: 'v1',
      analysed: false,
      stepIndex: index,
      held: { index, weight },
      pauses: [{ reason: 'StateRebuilt' }],
      exemptions: [{ kind: 'rebuilt', actor: 'nacos' }],
    });
  });

  it('looks at once and rolls back while it is paused', () => {
    const desk = found(ours(30));
    for (let looks = 0; looks < 5; looks += 1) desk.look('fail');
    expect(desk.state().phase).toBe('RolledBack');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('applies a third revision in the file after resume, not before', () => {
    const desk = found(ours(30), { revision: 'v3' });
    desk.tick({ after: 60_000 });
    expect(desk.rollout()).toMatchObject({ revision: 'v2', outcome: null });
    desk.command({ verb: 'resume' });
    desk.tick();
    expect(desk.rollout()).toMatchObject({ revision: 'v3', outcome: null });
  });

  it('reverts at once when the file names the stable revision', () => {
    const desk = found(ours(30), { revision: 'v1' });
    expect(desk.rollout().outcome).toBe('Reverted');
    expect(desk.rule().canaryWeight).toBe(0);
  });

  it('goes for the document’s canaryVersion when the file names none', () => {
    const desk = found(ours(30), { revision: null });
    expect(desk.state().target).toBe('v2');
    desk.command({ verb: 'resume' });
    desk.reach(100);
  });

  it('takes another controller’s document for the same case: there is nothing to disagree with', () => {
    const managedBy = { ...OURS, controller: 'canary-controller/22222222' };
    const desk = found({ canaryWeight: 30, managedBy });
    expect(desk.rollout().pauses).toMatchObject([{ reason: 'StateRebuilt' }]);
  });
});

describe('nothing known about stable', () => {
  it('stays Initializing, says so once, writes nothing and refuses start', () => {
    const desk = found(null);
    for (let runs = 0; runs < 3; runs += 1) desk.tick({ after: 5_000 });
    expect(desk.state()).toMatchObject({ phase: 'Initializing', diagnostics: [{ code: 'STABLE_UNKNOWN' }] });
    expect(desk.types().filter((type) => type === 'Diagnostic')).toHaveLength(1);
    const decision = desk.command({ verb: 'start', revision: 'v2' });
    expect(decision.events[0]?.data).toEqual({ code: 'STABLE_UNKNOWN' });
    expect(desk.document()).toBeNull();
  });

  it('says what stableRevision may be: the revision of the file, where the file names one', () => {
    expect(found(null).state().reason).toContain('(equal to spec.revision to declare that one live)');
    const { reason } = found(null, { revision: null }).state();
    expect(reason).toMatch(/set spec\.stableRevision in \S+ to the version that is live$/);
  });

  it('takes stableRevision, and writes nothing before the first step', () => {
    const desk = found(null, { stableRevision: 'v1', suspend: true });
    desk.tick({ after: 60_000 });
    expect(desk.state()).toMatchObject({ phase: 'Waiting', stable: 'v1', diagnostics: [] });
    expect(desk.document()).toBeNull();
  });

  it('declares the revision live when stableRevision equals it', () => {
    const desk = found(null, { stableRevision: 'v2' });
    expect(desk.state()).toMatchObject({ phase: 'Stable', stable: 'v2' });
  });

  it('prefers the live document to stableRevision', () => {
    expect(found(plain(100), { stableRevision: 'v1' }).state().stable).toBe('v2');
  });

  it('waits while the document is unreadable, and shows only what is true now', () => {
    const desk = found(null);
    desk.setDocument('[]');
    desk.tick({ after: 5_000 });
    expect(desk.state().diagnostics.map(({ code }) => code)).toEqual(['DOCUMENT_MALFORMED']);
    desk.setDocument(null);
    desk.tick({ after: 5_000 });
    expect(desk.state().diagnostics.map(({ code }) => code)).toEqual(['STABLE_UNKNOWN']);
    desk.setDocument(aDocument(plain(100)));
    desk.tick({ after: 5_000 });
    expect(desk.state()).toMatchObject({ phase: 'Succeeded', diagnostics: [] });
  });
});
