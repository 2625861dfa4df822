import { describe, expect, it } from 'vitest';
import type { Decision } from '../../src/core/decision.ts';
import { reasonsToLeave } from '../../src/core/leaving.ts';
import type { Turn } from '../../src/core/turn.ts';
import { deskWith, twoSteps } from './asking.ts';
import { createDesk, type Desk, type Look, quickMetric, quickSpec } from './desk.ts';

const steps = (approval: boolean) => ({ strategy: { steps: twoSteps(approval) } });
const QUERY = { kind: 'query', query: 'up' } as const;
const texts = ({ explanation }: Decision) => explanation.because.map(({ text }) => text);
const codes = ({ explanation }: Decision) => explanation.because.map(({ code }) => code);
const left = ({ events }: Decision) => events.find(({ type }) => type === 'StepLeft');

function lastOf(desk: Desk, looks: readonly Look[]): Decision {
  const decisions = looks.map((look) => desk.look(look));
  return decisions.at(-1)!;
}

describe('a step that is left', () => {
  it('is explained by its bake and the passes of each metric, each with its window, query and numbers', () => {
    const metrics = [quickMetric(), quickMetric({ name: 'second' })];
    const raised = lastOf(createDesk(quickSpec({ analysis: { metrics } })), ['pass', 'pass', 'pass']);
    expect(raised.explanation.action).toBe('raise');
    expect(texts(raised)).toEqual([
      'baked for 1m30s (bake: 1m)',
      'error-rate: 3 of 3 passes: canary 0 is within stable 0, maxDelta 0.005',
      'second: 3 of 3 passes: canary 0 is within stable 0, maxDelta 0.005',
      'step 2: 5 % -> 25 %',
    ]);
    const ofMetrics = raised.explanation.because.flatMap(({ facts }) => facts['metric'] ?? []);
    expect(ofMetrics).toEqual(raised.explanation.verdicts.map(({ metric }) => metric));
  });

  it('counts no passes of a judge of which one holds the evidence of all looks before it', () => {
    const { desk, spec } = deskWith();
    desk.look('pass');
    const metrics = spec.canary.analysis.metrics.map((metric) => ({
      ...metric,
      judge: 'sequential' as const,
    }));
    const turn = {
      canary: { ...spec.canary, analysis: { ...spec.canary.analysis, metrics } },
    } as unknown as Turn;
    const told = reasonsToLeave(turn, desk.rollout(), spec.canary.strategy.steps[0]!);
    expect(told.map(({ text }) => text)).toEqual([
      'error-rate pass: canary 0 is within stable 0, maxDelta 0.005',
    ]);
  });

  it('has the numbers of each metric in its event, as words and as facts', () => {
    const metrics = [quickMetric(), quickMetric({ name: 'alone', bounds: { max: 1 }, source: QUERY })];
    const raised = lastOf(createDesk(quickSpec({ analysis: { metrics } })), ['pass', 'pass', 'pass']);
    expect(left(raised)).toMatchObject({
      message: 'step 1 (5 %) is good after 1m30s: error-rate 0, stable 0; alone 0',
      data: {
        step: 0,
        weight: 5,
        seconds: 90,
        'error-rate/canary': 0,
        'error-rate/stable': 0,
        'alone/canary': 0,
        'alone/stable': null,
      },
    });
  });

  it('says of a metric without a number that it has none', () => {
    const { desk } = deskWith();
    desk.look('noData');
    const raised = desk.command({ verb: 'promote', force: true });
    expect(left(raised)).toMatchObject({
      message: 'step 1 (5 %) is left after 30s: error-rate noData',
      data: { 'error-rate/canary': null, 'error-rate/stable': 0 },
    });
  });

  it('names the approver where the approval comes first, and where it is waited for', () => {
    const early = createDesk(quickSpec(steps(true)));
    early.command({ verb: 'approve', actor: 'ben', reason: 'looks fine' });
    expect(texts(lastOf(early, ['pass', 'pass', 'pass']))).toContain('step 1 approved by ben: looks fine');

    const late = createDesk(quickSpec(steps(true)));
    lastOf(late, ['pass', 'pass', 'pass']);
    const raised = late.command({ verb: 'approve', actor: 'ben' });
    expect(texts(raised).filter((text) => text === 'step 1 approved by ben')).toHaveLength(1);
    expect(raised.events).toContainEqual(
      expect.objectContaining({
        type: 'PauseEnded',
        actor: 'ben',
        message: 'pause ended (Approval): approved by ben',
      }),
    );
  });

  it('names who asked for the promotion, with all evidence and without', () => {
    const { desk } = deskWith(steps(true));
    lastOf(desk, ['pass', 'pass', 'pass']);
    const proven = desk.command({ verb: 'promote', actor: 'ben', reason: 'sale' });
    expect(texts(proven)).toContain('promotion of step 1 asked by ben: sale');
    expect(codes(proven)).not.toContain('exempted');

    const early = deskWith().desk;
    early.look('pass');
    const exempted = early.command({ verb: 'promote', actor: 'ben' });
    expect(codes(exempted)).toEqual(['command', 'exempted', 'raise']);
  });

  it('names what stood in the place of passes: the word of a person, or the file', () => {
    const silent = createDesk(quickSpec({ analysis: { noDataGraceMs: 0, onNoData: 'pause' } }));
    lastOf(silent, ['noData']);
    silent.command({ verb: 'resume', actor: 'ben' });
    expect(silent.rollout().pauses).toEqual([]);
    expect(texts(lastOf(silent, ['noData']))).toContain(
      'step 1 (5 %) goes on without full evidence: resume by ben',
    );

    const skipped = createDesk(quickSpec({ analysis: { skip: true } }));
    expect(texts(lastOf(skipped, ['pass', 'pass']))).toContain(
      'no pass is asked for: the file says analysis.skip: true',
    );
  });
});
