/** A server on a virtual clock that is not listening yet, and the stand-in that it speaks for. */
import { onTestFinished } from 'vitest';
import type { ServerDeps } from '../../src/server/deps.ts';
import { createServer, type Server } from '../../src/server/server.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { silentLog } from '../support/silent-log.ts';
import { tempStore } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { NOW } from '../view/states.ts';
import { OPEN_WEBHOOKS, type StandIn, standIn } from './stand-in.ts';

export interface Prepared {
  readonly server: Server;
  readonly behind: StandIn;
  readonly clock: VirtualClock;
}

/** Closed when the test is over. */
export function aServer(behind: StandIn = standIn(), more: Partial<ServerDeps> = {}): Prepared {
  const clock = createVirtualClock(NOW);
  const server = createServer({
    controls: behind.controls,
    store: tempStore().open(),
    metrics: createMetrics({ clock, version: '1.2.3' }),
    clock,
    log: silentLog,
    version: '1.2.3',
    webhooks: OPEN_WEBHOOKS,
    ...more,
  });
  onTestFinished(() => server.close());
  return { server, behind, clock };
}
