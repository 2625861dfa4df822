import { describe, expect, it } from 'vitest';
import { type Applied, apply } from '../../src/controller/apply.ts';
import type { CanaryState, Intent } from '../../src/core/rollout.ts';
import { md5, renderRule } from '../../src/core/rule.ts';
import { initialState } from '../../src/core/state.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';
import { createTraffic, quickSpec, type Traffic } from './rig.ts';

const OPERATION = 'shop-1.1.7';

function content(weight: number, operation = OPERATION): string {
  const managedBy = { controller: 'c', rolloutId: 'shop-1', step: 0, operation, epoch: 1, promoted: false };
  const rule = { canaryVersion: 'v2', canaryWeight: weight, stableVersion: 'v1', enabled: true, managedBy };
  return renderRule(null, 'shop', rule, 0);
}

function anIntent(
  direction: Intent['direction'],
  to: number,
  expectMd5: Intent['expectMd5'],
  purpose: Intent['purpose'] = direction === 'raise' ? 'step' : 'rollback',
): Intent {
  const text = content(to);
  return {
    operation: OPERATION,
    direction,
    purpose,
    from: 5,
    to,
    stepIndex: 0,
    content: text,
    md5: md5(text),
    expectMd5,
    savedAt: 0,
    writtenAt: 0,
    epoch: 1,
    bootId: 'boot',
    attempts: 1,
    retryAt: 0,
  };
}

/** Runs `apply` to its end, moving the clock on as far as it takes. */
async function run(
  intent: Intent,
  prepare: (traffic: Traffic) => void = () => {},
  mayWrite = () => true,
): Promise<Applied & { readonly traffic: Traffic; readonly tookMs: number }> {
  const clock = createVirtualClock();
  const traffic = createTraffic(clock);
  prepare(traffic);
  const state: CanaryState = initialState(quickSpec(), clock.now(), 'boot');
  const deps = { clock, router: traffic, measure: () => new Promise<never>(() => {}) };
  let isOver = false;
  const { signal } = new AbortController();
  const applied = apply(deps, state, intent, { write: signal, reading: signal }, mayWrite).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setImmediate(resolve));
    if (!isOver) clock.advance(clock.nextIn() ?? 0);
  }
  return { ...(await applied), traffic, tookMs: clock.monotonic() };
}

const LIVE = content(5, 'shop-1.1.6');

describe('carrying out an intent', () => {
  it('is over as soon as the rule is read back', async () => {
    const { publish, route, traffic, tookMs } = await run(anIntent('raise', 25, 'absent'));
    expect(publish.result).toBe('accepted');
    expect(route).toMatchObject({ kind: 'document', content: content(25) });
    expect(traffic.reads).toHaveLength(1);
    expect(tookMs).toBe(0);
  });

  it('polls until a lagging server shows it', async () => {
    const { route, traffic, tookMs } = await run(anIntent('raise', 25, 'absent'), (t) => {
      const { read } = t;
      t.read = async (target, signal) => {
        const reading = await read(target, signal);
        return t.reads.length > 5 ? reading : { kind: 'absent', at: 0, authoritative: false };
      };
    });
    expect(route).toMatchObject({ content: content(25) });
    expect(traffic.reads).toHaveLength(6);
    expect(tookMs).toBe(20 + 30 + 50 + 100 + 100);
  });

  it('believes no yes: after three seconds it comes back with what was read', async () => {
    const { publish, route, tookMs } = await run(anIntent('raise', 25, md5(LIVE)), (traffic) => {
      traffic.documents.set('shop', LIVE);
      traffic.refusal = { result: 'accepted', code: '', detail: '' };
    });
    expect(publish.result).toBe('accepted');
    expect(route).toMatchObject({ content: LIVE });
    expect(tookMs).toBe(3_000);
  });

  it('stops polling at the first read that fails', async () => {
    const { route, tookMs } = await run(anIntent('raise', 25, 'absent'), (traffic) => {
      traffic.read = async () => ({ kind: 'unreadable', at: 0, code: 'DOWN', detail: 'down' });
    });
    expect(route).toMatchObject({ kind: 'unreadable' });
    expect(tookMs).toBe(0);
  });

  it('reads once after a refusal, and does not wait for what was never written', async () => {
    const { publish, traffic, tookMs } = await run(anIntent('raise', 25, 'absent'), (t) => {
      t.refusal = { result: 'denied', code: 'NACOS_FORBIDDEN', detail: '403' };
    });
    expect(publish.result).toBe('denied');
    expect(traffic.reads).toHaveLength(1);
    expect(tookMs).toBe(0);
  });

  it('never writes a raise over a rule that was not read', async () => {
    const { publish, traffic } = await run(anIntent('raise', 25, null));
    expect(publish).toMatchObject({ result: 'conflict', code: 'ROUTE_UNREAD' });
    expect(traffic.writes).toEqual([]);
  });

  it('never writes a raise over a rule that is not the one it was decided on', async () => {
    const { publish, traffic } = await run(anIntent('raise', 25, 'absent'), (t) =>
      t.documents.set('shop', LIVE),
    );
    expect(publish.result).toBe('conflict');
    expect(traffic.writes).toEqual(['shop 25 guarded']);
    expect(traffic.documents.get('shop')).toBe(LIVE);
  });

  it('writes a lowering to 0 blindly when the rule was not read', async () => {
    const { publish, traffic } = await run(anIntent('lower', 0, null), (t) => t.documents.set('shop', LIVE));
    expect(publish.result).toBe('accepted');
    expect(traffic.writes).toEqual(['shop 0 blind']);
  });

  it('writes a lowering to 0 blindly when its compare failed', async () => {
    const { publish, traffic } = await run(anIntent('lower', 0, 'absent'), (t) =>
      t.documents.set('shop', LIVE),
    );
    expect(publish.result).toBe('accepted');
    expect(traffic.writes).toEqual(['shop 0 guarded', 'shop 0 blind']);
    expect(traffic.documents.get('shop')).toBe(content(0));
  });

  it('asks before each write whether it may: leadership can be lost between two', async () => {
    let asked = 0;
    const { publish, traffic } = await run(
      anIntent('lower', 0, 'absent'),
      (t) => t.documents.set('shop', LIVE),
      () => {
        asked += 1;
        return asked < 2;
      },
    );
    expect(publish).toMatchObject({ result: 'conflict', code: 'NOT_LEADER' });
    expect(traffic.writes).toEqual(['shop 0 guarded']);
    expect(traffic.documents.get('shop')).toBe(LIVE);
  });

  it('writes a deleted document again only where there still is none', async () => {
    const { publish, traffic } = await run(anIntent('lower', 0, 'absent', 'recreate'), (t) =>
      t.documents.set('shop', LIVE),
    );
    expect(publish.result).toBe('conflict');
    expect(traffic.documents.get('shop')).toBe(LIVE);
  });

  it('does not write any other lowering blindly', async () => {
    const { publish, traffic } = await run(anIntent('lower', 5, 'absent'), (t) =>
      t.documents.set('shop', LIVE),
    );
    expect(publish.result).toBe('conflict');
    expect(traffic.writes).toEqual(['shop 5 guarded']);
  });
});
