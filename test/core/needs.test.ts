import { describe, expect, it } from 'vitest';
import { needs } from '../../src/core/needs.ts';
import type { Command } from '../../src/core/observation.ts';
import { md5 } from '../../src/core/rule.ts';
import { createDesk, type Desk, quickMetric, quickSpec, unreadable } from './desk.ts';

const undo: Command = {
  id: 1,
  at: 0,
  verb: 'undo',
  actor: 'ann',
  reason: '',
  force: false,
  full: false,
  revision: null,
  restart: false,
};
const ids = (desk: Desk, spec = quickSpec(), commands: Command[] = [], later = 60_000) =>
  needs(spec, desk.state(), commands, desk.now() + later).requests.map(({ id }) => id);

describe('what is asked', () => {
  it('is nothing while nothing runs', () => {
    const spec = quickSpec({ revision: 'v1' });
    const desk = createDesk(spec);
    expect(needs(spec, desk.state(), [], desk.now() + 600_000)).toEqual({ requests: [], beta: false });
  });

  it('is both arms of every metric once a look is due, not before', () => {
    const query = quickMetric({
      name: 'free',
      source: { kind: 'query', query: 'up{version="{{version}}"}' },
      bounds: { max: 1 },
    });
    const spec = quickSpec({ analysis: { metrics: [quickMetric(), query] } });
    const desk = createDesk(spec);
    desk.look('pass');
    expect(ids(desk, spec, [], 1_000)).toEqual([]);
    expect(ids(desk, spec)).toEqual(['error-rate/canary', 'error-rate/stable', 'free/canary']);
    const free = needs(spec, desk.state(), [], desk.now() + 60_000).requests.at(-1);
    expect(free).toMatchObject({ source: { query: 'up{version="v2"}' }, version: 'v2', at: null });
  });

  it('is asked in Paused as well, and no longer on the way back to 0', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.command({ verb: 'pause' });
    expect(ids(desk)).toContain('error-rate/canary');
    desk.command({ verb: 'abort' }, { lands: false });
    expect(ids(desk)).toEqual([]);
  });

  it('is stable at the time of the raise to 100, once', () => {
    const desk = createDesk();
    desk.reach(100);
    const { frozenAt } = desk.rollout();
    const stable = needs(quickSpec(), desk.state(), [], desk.now() + 60_000).requests[1];
    expect(stable).toMatchObject({ id: 'error-rate/stable', at: frozenAt });
    desk.look('pass');
    expect(ids(desk)).toEqual(['error-rate/canary']);
  });

  it('is stable at that time again for a metric that was edited at 100', () => {
    const desk = createDesk();
    desk.reach(100);
    desk.look('pass');
    const parts = { analysis: { metrics: [quickMetric({ bounds: { maxDelta: 0.1 } })] } };
    desk.respec(parts);
    desk.tick();
    expect(ids(desk, quickSpec(parts))).toEqual(['error-rate/canary', 'error-rate/stable']);
  });

  it('is whether canary targets are up, of the metrics’ own job, while there are no data', () => {
    const desk = createDesk();
    desk.reach(5);
    desk.look('noData');
    const targets = needs(quickSpec(), desk.state(), [], desk.now() + 60_000).requests.at(-1);
    expect(targets).toMatchObject({
      id: 'targets',
      source: { kind: 'presence', selector: 'up{job="shop"}' },
      version: 'v2',
    });
    desk.look('pass');
    expect(ids(desk)).not.toContain('targets');
  });

  it('is strategy.ready and the beta variant before the first step', () => {
    const spec = quickSpec({ strategy: { ready: { query: 'count(up{version="{{canary}}"})', min: 1 } } });
    const desk = createDesk(spec);
    expect(needs(spec, desk.state(), [], desk.now() + 60_000)).toMatchObject({
      beta: true,
      requests: [{ id: 'ready', source: { query: 'count(up{version="v2"})' } }],
    });
  });

  it('is the beta variant again at each look while one is known', () => {
    const desk = createDesk(quickSpec(), { beta: { rule: '10.0.0.1' } });
    expect(desk.state().diagnostics).toMatchObject([{ code: 'BETA_PRESENT' }]);
    expect(needs(quickSpec(), desk.state(), [], desk.now() + 60_000).beta).toBe(true);
    desk.look('pass', { beta: 'none' });
    expect(desk.state().diagnostics).toEqual([]);
    expect(needs(quickSpec(), desk.state(), [], desk.now() + 60_000).beta).toBe(false);
  });

  it('takes the end of a beta from a read where the server does not tell of betas', () => {
    const desk = createDesk(quickSpec(), { beta: { rule: 'for this host, at least' } });
    const content = desk.document() ?? '';
    const read = (authoritative: boolean) =>
      ({ kind: 'document', at: 0, content, md5: md5(content), authoritative }) as const;
    const codes = () => desk.state().diagnostics.map(({ code }) => code);
    desk.look('pass', { beta: 'unknown', route: unreadable });
    desk.look('pass', { beta: 'unknown', route: read(true) });
    expect(codes(), 'the database holds no word of the beta').toEqual(['BETA_PRESENT']);
    desk.look('pass', { beta: 'unknown', route: read(false) });
    expect(codes(), 'the runtime would have shown it to this host').toEqual([]);
  });

  it('is the old version’s targets before an undo without force', () => {
    const desk = createDesk();
    desk.reach(100);
    for (let looks = 0; looks < 3; looks += 1) desk.look('pass');
    expect(needs(quickSpec(), desk.state(), [undo], desk.now()).requests).toMatchObject([
      { id: 'undo', version: 'v1', source: { selector: 'up{job="shop"}' } },
    ]);
    expect(ids(desk, quickSpec(), [{ ...undo, force: true }])).toEqual([]);
  });
});
