/** The composition root of `canary serve`: settings to parts, parts to a running daemon, and the way back in reverse. */
import { execFile } from 'node:child_process';
import { type Config, effectiveSettings } from './config.ts';
import { type Controller, createController } from './controller/controller.ts';
import { createLeader, type Leader } from './controller/leader.ts';
import { createSpecIndex } from './controller/specs.ts';
import { timedNacos, timedPrometheus } from './controller/timed.ts';
import { systemClock } from './lib/clock.ts';
import { createMeasure } from './metrics/batch.ts';
import { createPrometheus } from './metrics/prometheus.ts';
import { createNotifier, type Notifier } from './notify/notifier.ts';
import { createWebhook } from './notify/webhook.ts';
import { createServer } from './server/server.ts';
import { lockFileOf } from './store/file-lock.ts';
import { createJournal } from './store/journal.ts';
import { openStore } from './store/sqlite.ts';
import type { Store } from './store/store.ts';
import { packageVersion } from './telemetry/build.ts';
import { createLogger, type Log } from './telemetry/log.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { createFileRouter } from './traffic/file.ts';
import { createNacosRouter } from './traffic/nacos/router.ts';
import type { TrafficRouter } from './traffic/router.ts';
import { createRouters } from './traffic/routers.ts';

/** A stop finishes the runs in hand within this time; the whole stop stays under 10 s. */
const STOP_GRACE_MS = 6_000;

/** Runs until SIGTERM or SIGINT. Resolves with the exit code; rejects when it cannot start, with a readable message. */
export async function runDaemon(config: Config): Promise<number> {
  const log = createLogger({ level: config.logLevel, format: config.logFormat });
  const version = packageVersion();
  log.info({ version, settings: effectiveSettings(config) }, 'canary controller starts');
  const stack: (() => unknown)[] = [];
  const stopSignal = awaitSignal();
  try {
    await start(config, version, log, stack);
    notifySystemd('READY=1');
    log.info({ signal: await stopSignal }, 'canary controller stops; weights are left alone');
    notifySystemd('STOPPING=1');
    return 0;
  } finally {
    for (const close of stack.reverse()) await close();
  }
}

/** Builds and starts every part; what has to be closed goes on the stack in the order of its making. */
async function start(config: Config, version: string, log: Log, stack: (() => unknown)[]): Promise<void> {
  const clock = systemClock;
  const store = openStore(config.db, { clock });
  stack.push(() => store.close());
  for (const notice of store.notices) log.error({ notice }, 'the database needed care');
  const journal = createJournal(`${config.db}.journal`);
  stack.push(() => journal.close());
  if (journal.problem !== null) log.warn({ problem: journal.problem }, 'no emergency journal');

  const metrics = createMetrics({ clock, version });
  const prometheus = createPrometheus({ ...prometheusOptions(config), clock });
  stack.push(() => prometheus.close());
  const measure = createMeasure({ prometheus: timedPrometheus(prometheus, clock, metrics.asked), clock });
  stack.push(() => measure.close());
  const router = createRouter(config, metrics, log);
  stack.push(() => router.close());
  const specs = createSpecIndex(config.canaries, store, clock);
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
  stack.push(() => leader.stop());
  const controller: Controller = createController({
    store,
    journal,
    router,
    measure,
    specs,
    clock,
    log,
    tickMs: config.tickMs,
    epoch: () => leader.epoch(),
    confirmLeader: () => leader.confirm(),
    isPrometheusUp: () => prometheus.isUp(),
    metrics,
  });
  const notifier =
    config.notifyUrl === null ? null : startNotifier(config.notifyUrl, store, leader, log, stack);
  function lead(): void {
    controller.lead();
    notifier?.wake();
  }
  stack.push(store.onCommit((events) => metrics.committed(events, (id) => store.rollout(id))));
  stack.push(() => controller.stop(STOP_GRACE_MS));
  await controller.start();
  leader.start();
  const server = createServer({ controls: controller, store, metrics, clock, log, version });
  stack.push(() => server.close());
  const { url } = await server.listen(config.listen.host, config.listen.port);
  log.info(
    { url, leader: leader.isLeader(), canaries: controller.names().length },
    'canary controller is ready',
  );
}

function prometheusOptions({ prometheus }: Config): Omit<Parameters<typeof createPrometheus>[0], 'clock'> {
  const { url, token, basic, ca, headers } = prometheus;
  return {
    url,
    headers,
    ...(token === null ? {} : { token }),
    ...(basic === null ? {} : { basic }),
    ...(ca === null ? {} : { ca }),
  };
}

function createRouter(config: Config, metrics: Metrics, log: Log): TrafficRouter {
  const { urls, api, credentials, ca } = config.nacos;
  const nacos = createNacosRouter({
    urls,
    api,
    username: credentials?.username,
    password: credentials?.password,
    ca: ca ?? undefined,
    clock: systemClock,
    log,
  });
  const file = createFileRouter({ directory: config.canaries, clock: systemClock });
  return createRouters({ nacos: timedNacos(nacos, systemClock, metrics.asked), file });
}

function startNotifier(
  url: string,
  store: Store,
  leader: Leader,
  log: Log,
  stack: (() => unknown)[],
): Notifier {
  const webhook = createWebhook({ url, clock: systemClock });
  stack.push(() => webhook.close());
  const notifier = createNotifier({
    source: store,
    send: webhook.send,
    clock: systemClock,
    isLeader: () => leader.isLeader(),
    log,
  });
  stack.push(() => notifier.stop());
  return notifier;
}

function awaitSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve('SIGTERM'));
    process.once('SIGINT', () => resolve('SIGINT'));
  });
}

/** No native sd_notify package builds without install scripts: systemd's own tool says it (NotifyAccess=all). */
function notifySystemd(state: string): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  execFile('systemd-notify', ['--no-block', state], () => {});
}
