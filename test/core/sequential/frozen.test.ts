import { expect, it } from 'vitest';
import { lookAtCounters, sequentialDesk, sequentialVerdict } from './sequential-desk.ts';

it('says at weight 100, and only there, when stable was frozen', () => {
  const desk = sequentialDesk(1_200_000);
  for (let looks = 0; looks < 40 && desk.rollout().held.weight < 100; looks += 1) {
    lookAtCounters(desk);
    if (desk.rollout().frozenAt === null) expect(sequentialVerdict(desk)?.stableFrozenAt).toBeNull();
  }
  const raisedAt = desk.now();
  lookAtCounters(desk);
  expect(sequentialVerdict(desk)).toMatchObject({ class: 'pass', stable: 0, stableFrozenAt: raisedAt });
  expect(sequentialVerdict(desk)?.detail).toContain(
    `of stable, frozen at ${new Date(raisedAt).toISOString().slice(11, 19)}Z, at most `,
  );
});
