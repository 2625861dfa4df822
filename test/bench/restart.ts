/** A daemon is started again with every rollout in flight, and a standby takes over from one that was killed. */
import type { Daemon } from './daemon.ts';
import type { Found } from './outcome.ts';
import { quantile } from './quantile.ts';
import { say } from './say.ts';
import type { World } from './world.ts';

const STARTS = 3;

/**
 * Stops `first`, which began on an empty database, and starts others on what it left; files are unchanged. `last` is
 * the one that runs now.
 */
export async function measureRestart(
  world: World,
  first: Daemon,
): Promise<{ readonly found: Found; readonly last: Daemon }> {
  const canaries = world.services.length;
  say(`starting again, ${STARTS} times`);
  const findings: string[] = [];
  const readyS: number[] = [];
  const stopS: number[] = [];
  let daemon = first;
  for (let start = 0; start < STARTS; start += 1) {
    const stoppedAt = performance.now();
    await daemon.stop();
    stopS.push((performance.now() - stoppedAt) / 1_000);
    daemon = await world.daemon();
    readyS.push(daemon.readyMs / 1_000);
    if (!daemon.leads) findings.push('it was ready and did not lead');
  }
  const inFlight = await daemon.inPhase('Progressing');
  if (inFlight !== canaries)
    findings.push(`${inFlight ?? 'an unknown number'} of the rollouts are in flight`);
  const found: Found = {
    title: `Start with ${canaries} rollouts in flight`,
    load: { canaries },
    figures: [
      { name: 'ready and leading, files unchanged, median', value: quantile(readyS, 0.5), unit: 's' },
      { name: 'ready and leading, files unchanged, longest', value: Math.max(...readyS), unit: 's', most: 5 },
      {
        name: 'ready and leading, empty database, files never seen',
        value: first.readyMs / 1_000,
        unit: 's',
      },
      { name: 'stopped by SIGTERM, longest', value: Math.max(...stopS), unit: 's' },
    ],
    findings,
  };
  return { found, last: daemon };
}

/** Kills the leader, `first`, beside a standby, and the next one beside the next. */
export async function measureTakeover(world: World, first: Daemon): Promise<Found> {
  const canaries = world.services.length;
  say(`killing the leader, ${STARTS} times`);
  const takenS: number[] = [];
  const findings: string[] = [];
  let leader = first;
  for (let kill = 0; kill < STARTS; kill += 1) {
    const standby = await world.daemon();
    if (standby.leads) findings.push('two daemons led at once');
    const killedAt = performance.now();
    void leader.stop('SIGKILL');
    await standby.leading();
    takenS.push((performance.now() - killedAt) / 1_000);
    leader = standby;
  }
  return {
    title: `The leader of ${canaries} rollouts is killed beside a standby`,
    load: { canaries },
    figures: [
      { name: 'the standby leads, median', value: quantile(takenS, 0.5), unit: 's' },
      { name: 'the standby leads, longest', value: Math.max(...takenS), unit: 's', most: 1 },
    ],
    findings,
  };
}
