import { describe, expect, it } from 'vitest';
import type { Desk } from '../desk.ts';
import { lookAtCounters, sequentialDesk, sequentialVerdict } from './sequential-desk.ts';

const MAX_HOLD_MS = 300_000;

/** Four requests of the canary a look, which tell nothing within `maxHold`, until its verdict says so. */
function undecided(onInconclusive: 'hold' | 'pause' | 'rollback'): Desk {
  const desk = sequentialDesk(MAX_HOLD_MS, { onInconclusive });
  for (let looks = 0; looks < 20 && sequentialVerdict(desk)?.class !== 'inconclusive'; looks += 1) {
    expect(desk.state().phase).toBe('Progressing');
    lookAtCounters(desk, { canary: 4 });
  }
  return desk;
}

const SAID = /^error-rate: no answer within maxHold 5m, odds [\d.]+ : 1 against "too bad to promote", /;

describe('a step without an answer after maxHold', () => {
  it('is held with onInconclusive: hold, says why, and goes on by itself once the evidence is there', () => {
    const desk = undecided('hold');
    expect(desk.state()).toMatchObject({ phase: 'Progressing', reason: expect.stringMatching(SAID) });
    for (let looks = 0; looks < 5; looks += 1) lookAtCounters(desk, { canary: 4 });
    expect(sequentialVerdict(desk)?.class).toBe('inconclusive');
    expect(desk.rollout()).toMatchObject({ outcome: null, pauses: [] });
    expect(desk.rule().canaryWeight).toBe(10);
    for (let looks = 0; looks < 10; looks += 1) lookAtCounters(desk);
    expect(desk.rule().canaryWeight).toBe(100);
    expect(desk.types()).not.toContain('Exempted');
  });

  it('asks a person with onInconclusive: pause, who alone lets it go on, which is recorded as an exemption', () => {
    const desk = undecided('pause');
    expect(desk.state().phase).toBe('Paused');
    expect(desk.rollout().pauses).toMatchObject([
      { reason: 'Inconclusive', detail: expect.stringMatching(SAID) },
    ]);
    for (let looks = 0; looks < 10; looks += 1) lookAtCounters(desk);
    expect(sequentialVerdict(desk)?.class).toBe('pass');
    expect(desk.state().phase).toBe('Paused');
    expect(desk.rule().canaryWeight).toBe(10);
    desk.command({ verb: 'resume' });
    lookAtCounters(desk);
    expect(desk.rule().canaryWeight).toBe(100);
    expect(desk.rollout().analysed).toBe(false);
    expect(desk.types()).toContain('Exempted');
  });

  it('is a rollback with onInconclusive: rollback', () => {
    const desk = undecided('rollback');
    expect(desk.rule().canaryWeight).toBe(0);
    expect(desk.rollout().outcome).toBe('RolledBack');
    expect(desk.state().failed['v2']).toMatchObject({ reason: expect.stringMatching(SAID) });
  });
});
