import { describe, expect, it } from 'vitest';
import { scheduleCells } from './cells.ts';
import { NO_SETTLE, RIVALS } from './contestants.ts';
import { argo } from './rules/argo.ts';
import { ARTICLE } from './rules/article.ts';
import { flagger } from './rules/flagger.ts';
import type { Answer, RuleKind } from './rules/rule.ts';
import { ERROR_SCENARIOS } from './scenarios.ts';
import { createSeries } from './series.ts';
import { BUCKETS, ERRORS, LATENCY, quantile } from './sli.ts';
import { tallyOf } from './tally.ts';

/** Answers of a rule to 100 requests of each version a poll, of which so many fail. */
function answers(kind: RuleKind, canaryFails: readonly number[], stableFails = 1): Answer[] {
  const [canary, stable, before] = [createSeries(2), createSeries(2), createSeries(2)];
  const counts = (bad: number) => Float64Array.of(100 - bad, bad);
  for (let poll = 0; poll < 120; poll += 1) {
    stable.push(counts(stableFails));
    before.push(counts(stableFails));
  }
  const rule = kind.start({ sli: ERRORS, steps: 4, before });
  return canaryFails.map((bad, at) => {
    canary.push(counts(bad));
    stable.push(counts(stableFails));
    const place = { poll: at + 1, step: 0, pollInStep: at + 1, weight: 50 };
    return rule.look({ ...place, canary, stable, baseline: stable });
  });
}

function times<T>(count: number, value: T): T[] {
  return Array<T>(count).fill(value);
}

describe("the article's rule", () => {
  it('rolls back five minutes after the first violation, which is the scrape after the first failure', () => {
    const said = answers(ARTICLE, times(30, 50));
    expect(said.indexOf('rollback') + 1).toBe(22);
  });

  it('advances after five minutes without one', () => {
    expect(answers(ARTICLE, times(30, 1)).indexOf('advance') + 1).toBe(20);
  });

  it('takes no result for no violation: a stable version that never failed hides any failure', () => {
    expect(answers(ARTICLE, times(60, 100), 0)).not.toContain('rollback');
  });

  it('begins anew when one evaluation is good', () => {
    const said = answers(ARTICLE, [...times(10, 2), ...times(10, 0), ...times(40, 2)]);
    // Violated from poll 5 to 13, and again from 36 on.
    expect(said.indexOf('rollback') + 1).toBe(56);
  });
});

describe("Flagger's rule", () => {
  it('rolls back at the tick after the last allowed failed check', () => {
    expect(answers(flagger(5), times(40, 50)).indexOf('rollback') + 1).toBe(24);
  });

  it('never forgives a failed check', () => {
    const minutes = Array.from({ length: 12 }, (_, minute) => times(4, minute % 2 === 0 ? 50 : 1)).flat();
    expect(answers(flagger(5), minutes).indexOf('rollback') + 1).toBe(40);
  });

  it('goes on with every passed check', () => {
    const said = answers(flagger(5), times(8, 1));
    expect(said).toEqual(['wait', 'wait', 'wait', 'advance', 'wait', 'wait', 'wait', 'advance']);
  });
});

describe("Argo's rule", () => {
  it('aborts at the first failed measurement, or after the allowed ones', () => {
    expect(answers(argo(0), times(40, 50)).indexOf('rollback') + 1).toBe(4);
    expect(answers(argo(3), times(40, 50)).indexOf('rollback') + 1).toBe(16);
  });
});

describe('a rule without data', () => {
  it('is not passed by Flagger and Argo, and not failed by the article', () => {
    const empty = createSeries(2);
    const stable = createSeries(2);
    stable.push(Float64Array.of(99, 1));
    const view = { poll: 4, step: 0, pollInStep: 4, weight: 5, canary: empty, stable, baseline: stable };
    const setup = { sli: ERRORS, steps: 4, before: stable };
    expect(flagger(5).start(setup).look(view)).toBe('wait');
    expect(argo(0).start(setup).look(view)).toBe('rollback');
    expect(ARTICLE.start(setup).look(view)).toBe('wait');
  });
});

describe('every rule', () => {
  it('rolls back a canary that fails every request', () => {
    const everything = ERROR_SCENARIOS.find(({ id }) => id === 'R4')!;
    const cells = scheduleCells(everything, 50, [...RIVALS, NO_SETTLE], 10, 1);
    const onSchedule = cells.filter(({ mode }) => mode === 'schedule');
    expect(onSchedule.map(({ tally }) => tally.rolledBack)).toEqual(times(RIVALS.length + 1, 1));
  });

  it('that keeps the schedule promotes at its end what it has not rolled back', () => {
    const good = ERROR_SCENARIOS.find(({ id }) => id === 'N1')!;
    const [onSchedule, atPace] = scheduleCells(good, 50, [argo(0)], 30, 1);
    expect(atPace).toMatchObject({ mode: 'pace', rule: 'Argo (default)' });
    expect(atPace!.tally.promoted).toBeGreaterThan(0);
    expect(atPace!.tally).toMatchObject({
      rolledBack: onSchedule!.tally.rolledBack,
      promoted: onSchedule!.tally.inconclusive,
      inconclusive: 0,
      promoteMedian: 40,
    });
  });

  it('sees the same rollouts, whatever others play beside it', () => {
    const noisy = ERROR_SCENARIOS.find(({ id }) => id === 'N2')!;
    const [alone] = scheduleCells(noisy, 5, [ARTICLE], 30, 1);
    const [, beside] = scheduleCells(noisy, 5, [flagger(5), ARTICLE], 30, 1);
    expect(beside).toEqual(alone);
    expect(scheduleCells(noisy, 5, [ARTICLE], 30, 2)[0]).not.toEqual(alone);
  });
});

describe('the latency that rules see', () => {
  it('is linear inside the bucket of the rank', () => {
    const counts = new Float64Array(LATENCY.classes);
    counts[BUCKETS.indexOf(200)] = 98;
    counts[BUCKETS.indexOf(300)] = 2;
    expect(quantile(counts, 0.99)).toBe(275);
    expect(quantile(new Float64Array(LATENCY.classes), 0.99)).toBeNaN();
  });
});

describe('the tally', () => {
  it('counts endings, and times only what was detected after it began', () => {
    const ending = (kind: 'rolledBack' | 'promoted' | 'inconclusive', polls: number, onset = 0) => ({
      kind,
      polls,
      pollsSinceOnset: polls - onset,
      excess: polls,
    });
    const tally = tallyOf([
      ending('rolledBack', 8),
      ending('rolledBack', 40),
      ending('rolledBack', 8, 80),
      ending('promoted', 20),
      ending('inconclusive', 24),
    ]);
    expect(tally).toEqual({
      runs: 5,
      rolledBack: 0.6,
      promoted: 0.2,
      inconclusive: 0.2,
      early: 0.2,
      detectMean: 6,
      detectMedian: 2,
      detectMedianLeast: 2,
      detectP90: 10,
      promoteMedian: 5,
      promoteMedianLeast: 5,
      excess: 20,
    });
  });
});
