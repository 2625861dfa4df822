/** Runs a scenario through the whole controller: real queue, store, commit and apply, on a virtual clock. */
import { type Controller, createController } from '../../src/controller/controller.ts';
import type { Changes, SpecIndex } from '../../src/controller/specs.ts';
import { editedSpec } from '../../src/core/simulation/run.ts';
import { moments } from '../../src/core/simulation/simulate.ts';
import { createWorld, EPOCH_MS } from '../../src/core/simulation/world.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type { Spec } from '../../src/spec/canary.ts';
import type { Scenario, ScenarioChange } from '../../src/spec/scenario.ts';
import { createJournal } from '../../src/store/journal.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Event } from '../../src/store/store.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import { silentLog } from '../support/silent-log.ts';
import { createVirtualClock } from '../support/virtual-clock.ts';

export interface TimedEvent {
  /** Virtual ms since the start. */
  readonly at: number;
  readonly event: Event;
}

const STOP = { changed: [], settling: false, massDeletion: null, fresh: [] } satisfies Changes;
/** Events that only a running daemon has. */
const OUTSIDE_CORE: readonly Event['type'][] = ['CommandReceived', 'LeaderChanged'];

export async function runController(
  first: Spec,
  scenario: Scenario,
  dbFile: string,
): Promise<readonly TimedEvent[]> {
  const world = createWorld(scenario, first.canary.strategy.ready?.min);
  const virtual = createVirtualClock(EPOCH_MS);
  const at = () => EPOCH_MS + virtual.monotonic();
  const clock: Clock = { now: () => world.wall(at()), monotonic: virtual.monotonic, after: virtual.after };
  const store = openStore(dbFile, { clock });
  const journal = createJournal(`${dbFile}.journal`, store.storeId);
  const events: TimedEvent[] = [];
  store.onCommit((committed) => {
    for (const event of committed) {
      if (!OUTSIDE_CORE.includes(event.type)) events.push({ at: virtual.monotonic(), event });
    }
  });
  let spec = first;
  let file: 'present' | 'gone' = 'present';
  let controller = await boot();

  async function boot(): Promise<Controller> {
    const epoch = store.claimEpoch('scenario', clock.now());
    const next = createController({
      store,
      journal,
      router: routerOf(world, at),
      measure: (request) => Promise.resolve(world.measure(request, at())),
      specs: specsOf(() => ({ spec, file })),
      clock,
      log: silentLog,
      tickMs: 3_600_000,
      epoch: () => epoch,
      confirmLeader: () => true,
      isPrometheusUp: () => true,
      metrics: { looked() {}, wrote() {}, reconciled() {}, reconcileFailed() {} },
    });
    await next.start();
    next.lead();
    await turn();
    return next;
  }

  async function change(next: ScenarioChange): Promise<void> {
    world.apply(next);
    const edited = editedSpec(spec, next);
    const isEdit = edited !== spec || next.file !== undefined;
    spec = edited;
    if (next.file === 'removed') file = 'gone';
    if (next.daemon === 'restart') {
      await controller.stop(0);
      controller = await boot();
    }
    if (isEdit) await controller.rescan();
    if (next.command !== undefined) void submit(next);
    controller.enqueue(spec.canary.name);
    await turn();
  }

  function submit(next: ScenarioChange): Promise<unknown> {
    return controller.submit({
      canary: spec.canary.name,
      verb: next.command ?? 'pause',
      actor: 'operator',
      source: 'scenario',
      reason: next.reason ?? '',
      force: next.force ?? false,
      full: next.full ?? false,
      revision: next.revision ?? null,
      restart: next.restart ?? false,
    });
  }

  const pending = moments(scenario);
  const until = scenario.world.until;
  for (;;) {
    const changeIn =
      pending[0] === undefined ? Number.POSITIVE_INFINITY : pending[0].at - virtual.monotonic();
    const stepMs = Math.min(virtual.nextIn() ?? Number.POSITIVE_INFINITY, Math.max(0, changeIn));
    if (virtual.monotonic() + stepMs > until) break;
    world.advance(at() + stepMs);
    const due = pending[0];
    if (due !== undefined && changeIn <= stepMs) {
      virtual.freeze(stepMs);
      pending.shift();
      await change(due);
    } else {
      virtual.advance(stepMs);
      await turn();
    }
  }
  await controller.stop(0);
  store.close();
  journal.close();
  return events;
}

/** Lets everything that became possible happen: with nothing real to wait for, one turn of the event loop is all. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function routerOf(world: ReturnType<typeof createWorld>, at: () => number): TrafficRouter {
  return {
    read: () => Promise.resolve(world.read(at())),
    publish: (_target, operation, content, { expectMd5 }) =>
      Promise.resolve(world.publish(operation, content, expectMd5, at())),
    beta: () => Promise.resolve('none' as const),
    listeners: () => Promise.resolve({ kind: 'unknown' as const, detail: 'nobody listens in a scenario' }),
    facts: () => null,
    isUp: () => true,
    close: () => Promise.resolve(),
  };
}

function specsOf(now: () => Changes['changed'][number]): SpecIndex {
  return {
    rescan: () => Promise.resolve({ ...STOP, changed: [now()] }),
    forget() {},
    save() {},
    watch() {},
    close: () => Promise.resolve(),
    specs: () => [now().spec],
    diagnostics: () => [],
    massDeletion: () => null,
    counts: () => ({ valid: 1, invalid: 0, kept: 0 }),
  };
}
