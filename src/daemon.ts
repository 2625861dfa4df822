/** The composition root of `canary serve`: settings to parts, parts to a running daemon, and the way back in reverse. */
import { type Config, effectiveSettings } from './config.ts';
import { type Controller, createController } from './controller/controller.ts';
import { createLeader, type Leader } from './controller/leader.ts';
import { createSpecIndex } from './controller/specs.ts';
import { timedNacos, timedPrometheus } from './controller/timed.ts';
import { sleep, systemClock } from './lib/clock.ts';
import { createLiveSettings } from './live-settings.ts';
import { createMeasure } from './metrics/batch.ts';
import { createNotifier, type Notifier } from './notify/notifier.ts';
import { createWebhook } from './notify/webhook.ts';
import { openNacos, openPrometheus } from './providers.ts';
import { isLoopbackAddress } from './server/guards.ts';
import { createServer } from './server/server.ts';
import { lockFileOf } from './store/file-lock.ts';
import { createJournal, type Journal } from './store/journal.ts';
import { openStore } from './store/sqlite.ts';
import type { Store, StoreError } from './store/store.ts';
import { packageVersion } from './telemetry/build.ts';
import { createLogger, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createSupervisor } from './telemetry/supervisor.ts';
import { createFileRouter } from './traffic/file.ts';
import type { TrafficRouter } from './traffic/router.ts';
import { createRouters } from './traffic/routers.ts';

/** A stop finishes the runs in hand within this time. */
const STOP_GRACE_MS = 4_000;
/** Whatever hangs, the process is gone after this long: supervisors wait for 10 s. */
const STOP_LIMIT_MS = 9_000;

/** What has to be closed, in the order of its making; closed in reverse. */
type Closers = (() => unknown)[];

/**
 * Runs until SIGTERM or SIGINT, or until something makes going on impossible. Resolves with the exit code; rejects
 * when it cannot start, with a readable message.
 */
export async function runDaemon(config: Config): Promise<number> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const version = packageVersion();
  log.info({ version, settings: effectiveSettings(config) }, 'canary controller starts');
  const supervisor = createSupervisor({ env: process.env, clock: systemClock, log });
  const closers: Closers = [supervisor.close];
  const end = awaitEnd(log);
  try {
    // What other daemons take for "read your configuration again". Without a listener it would end the process, also
    // in the moment between being ready and listening to it: so it is there first.
    const started = Promise.withResolvers<Started>();
    process.on('SIGHUP', () => void started.promise.then(({ readAgain }) => readAgain()));
    started.resolve(await start(config, version, log, closers, end.corrupt));
    supervisor.ready();
    const { code, reason } = await end.reached;
    process.exitCode = code;
    log.info({ reason }, 'canary controller stops; weights are left alone');
    return code;
  } finally {
    supervisor.stopping();
    await closeAll(closers, log);
  }
}

interface End {
  readonly code: number;
  readonly reason: string;
}

/**
 * What ends the daemon. A signal that comes again changes nothing, because the stop is bounded anyway: `npm run` hands
 * on what the terminal has sent to everyone already.
 */
function awaitEnd(log: Log): {
  readonly reached: Promise<End>;
  readonly corrupt: (error: StoreError) => void;
} {
  const { promise: reached, resolve } = Promise.withResolvers<End>();
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => resolve({ code: 0, reason: signal }));
  }
  // Nothing that was left half-done by a bug is trusted: a restart goes on from what was committed.
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'the daemon ends by a fault of the program; what is committed is safe');
    resolve({ code: 1, reason: 'a fault of the program' });
  });
  return {
    reached,
    corrupt(error) {
      log.error({ detail: error.message }, 'the database is damaged; the next start moves it aside');
      resolve({ code: 1, reason: 'the database is damaged' });
    },
  };
}

/** Closes everything that was made, also when some of it fails or hangs. */
async function closeAll(closers: Closers, log: Log): Promise<void> {
  const inReverse = async () => {
    for (const close of closers.toReversed()) {
      try {
        await close();
      } catch (error) {
        log.error({ err: error }, 'a part could not be closed');
      }
    }
  };
  const done = new AbortController();
  const limit = sleep(systemClock, STOP_LIMIT_MS, done.signal).then(() => 'hangs' as const);
  if ((await Promise.race([inReverse(), limit])) === 'hangs') {
    log.error({ afterMs: STOP_LIMIT_MS }, 'a part does not close; the process ends without it');
    process.exit(process.exitCode ?? 1);
  }
  done.abort();
}

interface Started {
  /** Looks at every file that may have changed, without waiting for the next tick. */
  readAgain(): void;
}

/** Builds and starts every part. */
async function start(
  config: Config,
  version: string,
  log: Log,
  closers: Closers,
  onCorrupt: (error: StoreError) => void,
): Promise<Started> {
  const clock = systemClock;
  const store = openStore(config.db, { clock, onCorrupt });
  closers.push(() => store.close());
  for (const notice of store.notices) log.error({ notice }, 'the database needed care');
  const journal = createJournal(`${config.db}.journal`, store.storeId);
  closers.push(() => journal.close());
  if (journal.problem !== null) log.warn({ problem: journal.problem }, 'no emergency journal');

  const metrics = createMetrics({ clock, version });
  closers.push(store.onCommit((events) => metrics.committed(events, (id) => store.rollout(id))));
  const leader: Leader = createLeader({
    lockFile: lockFileOf(config.db),
    store,
    clock,
    log,
    onChange: ({ leader: leads, epoch, reason }) => {
      log.info({ leads, epoch, reason }, 'leadership changed');
      if (leads) lead();
      else controller.follow();
    },
  });
  const controller = buildController(config, { store, journal, metrics, leader, log, closers });
  const notifier =
    config.notifyUrl === null ? null : startNotifier(config.notifyUrl, store, leader, log, closers);
  function lead(): void {
    controller.lead();
    notifier?.wake();
  }
  const live = createLiveSettings(config, {
    ...{ clock, log, metrics },
    onCertificate: (certificate) => server.renewCertificate(certificate),
  });
  // Listening comes before the first write: a daemon whose port is taken has done nothing yet.
  const { tokens, webhooks, certificate } = live;
  const server = createServer({
    controls: {
      ...controller,
      diagnostics: () => [...controller.diagnostics(), ...live.diagnostics()],
    },
    ...{ store, metrics, clock, tokens, webhooks, certificate, log, version, limits: config.limits },
  });
  closers.push(
    () => leader.stop(),
    () => controller.stop(STOP_GRACE_MS),
    () => server.close(),
    () => live.stop(),
  );
  const { url } = await server.listen(config.listen.host, config.listen.port);
  await controller.start();
  leader.start();
  live.start();
  sayWhoMay(config, log);
  log.info(
    { url, leader: leader.isLeader(), canaries: controller.names().length },
    'canary controller is ready',
  );
  return {
    readAgain() {
      void controller.rescan();
      void live.look();
    },
  };
}

/** What an operator must know of a door that stands open. */
function sayWhoMay({ tokens, tls, listen: { host } }: Config, log: Log): void {
  const isReachable = host !== 'localhost' && !isLoopbackAddress(host);
  if (tokens === null) {
    log[isReachable ? 'warn' : 'info'](
      { host },
      'there is no tokens file: reads are open, and changes are taken from this machine only',
    );
  } else if (tls === null && isReachable) {
    log.warn({ host }, 'tokens travel in clear text: set --tls-cert and --tls-key, or put TLS in front');
  }
}

interface Parts {
  readonly store: Store;
  readonly journal: Journal;
  readonly metrics: Metrics;
  readonly leader: Leader;
  readonly log: Log;
  readonly closers: Closers;
}

function buildController(
  config: Config,
  { store, journal, metrics, leader, log, closers }: Parts,
): Controller {
  const clock = systemClock;
  const prometheus = openPrometheus(config);
  closers.push(() => prometheus.close());
  const asked = timedPrometheus(prometheus, clock, metrics.asked);
  const measure = createMeasure({ prometheus: asked, clock, delayMs: config.prometheus.delayMs });
  closers.push(() => measure.close());
  const router = createRouter(config, metrics, log);
  closers.push(() => router.close());
  return createController({
    store,
    journal,
    router,
    measure,
    specs: createSpecIndex(config.canaries, store, clock),
    clock,
    log,
    tickMs: config.tickMs,
    epoch: () => leader.epoch(),
    confirmLeader: () => leader.confirm(),
    isPrometheusUp: () => prometheus.isUp(),
    metrics,
  });
}

function createRouter(config: Config, metrics: Metrics, log: Log): TrafficRouter {
  const nacos = openNacos(config, log);
  const file = createFileRouter({ directory: config.canaries, clock: systemClock });
  return createRouters({ nacos: timedNacos(nacos, systemClock, metrics.asked), file });
}

function startNotifier(url: string, store: Store, leader: Leader, log: Log, closers: Closers): Notifier {
  const webhook = createWebhook({ url, clock: systemClock });
  closers.push(() => webhook.close());
  const notifier = createNotifier({
    source: store,
    send: webhook.send,
    clock: systemClock,
    isLeader: () => leader.isLeader(),
    log,
  });
  closers.push(() => notifier.stop());
  return notifier;
}
