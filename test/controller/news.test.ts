import { describe, expect, it } from 'vitest';
import { aRig, quickSpec, type Rig } from './rig.ts';

/** Until the raise to 50 is on its way. */
async function untilRaise(rig: Rig): Promise<void> {
  rig.lead();
  while (!rig.traffic.writes.some((write) => write.startsWith('shop 50'))) await rig.run(100);
}

/** Virtual ms from now until 0 was written. */
async function untilZero(rig: Rig): Promise<number> {
  const from = rig.clock.monotonic();
  while (!rig.traffic.writes.some((write) => write.startsWith('shop 0'))) await rig.run(50);
  return rig.clock.monotonic() - from;
}

describe('a command that arrives while a raise is carried out', () => {
  it('does not wait until the raise is read back', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    const { publish } = rig.traffic;
    rig.traffic.publish = async (...request) => {
      const report = await publish(...request);
      if (rig.traffic.writes.at(-1)?.startsWith('shop 50')) rig.traffic.hanging.add('shop');
      return report;
    };
    await untilRaise(rig);
    await rig.submit('abort');
    expect(await untilZero(rig)).toBeLessThanOrEqual(50);
    rig.traffic.hanging.clear();
    await rig.run(10_000);
    expect(rig.weight()).toBe(0);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
  });

  it('waits for its request, but only for half a second', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    const { publish } = rig.traffic;
    rig.traffic.publish = (target, operation, content, guard, signal) => {
      if (JSON.parse(content).rules[0].condition.canaryWeight !== 50)
        return publish(target, operation, content, guard, signal);
      rig.traffic.writes.push('shop 50 hangs');
      const report = { operation, at: 0, result: 'failed', code: 'TIMEOUT', detail: 'no answer' } as const;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(report)));
    };
    await untilRaise(rig);
    await rig.submit('abort');
    expect(await untilZero(rig)).toBe(500);
    await rig.run(1_000);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
  });

  it('is the same where a weight that someone raised is lowered to the held one', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    const { publish } = rig.traffic;
    let corrections = 0;
    rig.traffic.publish = (target, operation, content, guard, signal) => {
      if (JSON.parse(content).rules[0].condition.canaryWeight === 0)
        return publish(target, operation, content, guard, signal);
      corrections += 1;
      const report = { operation, at: 0, result: 'failed', code: 'TIMEOUT', detail: 'no answer' } as const;
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(report)));
    };
    const raised = JSON.parse(rig.traffic.documents.get('shop') ?? '');
    raised.rules[0].condition.canaryWeight = 60;
    rig.traffic.documents.set('shop', JSON.stringify(raised));
    while (corrections === 0) await rig.run(100);
    await rig.submit('abort');
    expect(await untilZero(rig)).toBe(500);
  });

  it('is not needed for a lowering to be carried out to its end', async () => {
    const rig = await aRig({ specs: [quickSpec()] });
    rig.lead();
    await rig.run(15_000);
    await rig.submit('abort');
    await rig.submit('pause');
    await rig.run(1_000);
    expect(rig.traffic.writes.filter((write) => write.startsWith('shop 0'))).toHaveLength(1);
    expect(rig.controller.state('shop')?.phase).toBe('RolledBack');
  });
});
