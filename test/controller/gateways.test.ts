/** Gateways are counted when somebody asks, never by the loop. */
import { expect, it } from 'vitest';
import { aRig, quickSpec } from './rig.ts';

it('are counted through the traffic router, once for each question', async () => {
  const rig = await aRig({ specs: [quickSpec()] });
  rig.lead();
  await rig.run(15_000);
  expect(rig.traffic.listenersAsked).toEqual([]);
  expect(await rig.controller.gateways('shop')).toEqual({ current: 3, total: 4 });
  expect(rig.traffic.listenersAsked).toEqual(['shop']);
});

it('are counted by the standby as well', async () => {
  const rig = await aRig({ specs: [quickSpec()] });
  const standby = await aRig({ beside: rig });
  rig.lead();
  await rig.run(15_000);
  expect(await standby.controller.gateways('shop')).toEqual({ current: 3, total: 4 });
});

it('are null where the router cannot tell, and nobody is asked about an unknown name', async () => {
  const rig = await aRig({ specs: [quickSpec()] });
  rig.lead();
  await rig.run(15_000);
  rig.traffic.listening = { kind: 'unknown', detail: 'a file has no listeners' };
  expect(await rig.controller.gateways('shop')).toBeNull();
  expect(await rig.controller.gateways('nobody')).toBeNull();
  expect(rig.traffic.listenersAsked).toEqual(['shop']);
});

it('are null after a second without an answer', async () => {
  const rig = await aRig({ specs: [quickSpec()] });
  rig.lead();
  await rig.run(15_000);
  rig.traffic.hanging.add('shop');
  let answer: unknown = 'none yet';
  void rig.controller.gateways('shop').then((gateways) => {
    answer = gateways;
  });
  await rig.run(999);
  expect(answer).toBe('none yet');
  await rig.run(1);
  expect(answer).toBeNull();
});
