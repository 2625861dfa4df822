/** Command lines against a loopback server: inside this process with a clock of the test's, or as real processes. */
import { execFile } from 'node:child_process';
import { onTestFinished } from 'vitest';
import { runCli } from '../../src/cli/cli.ts';
import type { ExitCode } from '../../src/cli/exit-codes.ts';
import type { OpenTraffic } from '../../src/cli/forecasts.ts';
import type { Io } from '../../src/cli/io.ts';
import { createServer } from '../../src/server/server.ts';
import { STREAM_LIMITS, type StreamLimits } from '../../src/server/stream-hub.ts';
import type { Store } from '../../src/store/store.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { OPEN_WEBHOOKS, type StandIn, standIn } from '../server/stand-in.ts';
import { silentLog } from '../support/silent-log.ts';
import { tempStore } from '../support/temp-store.ts';
import { createVirtualClock, type VirtualClock } from '../support/virtual-clock.ts';
import { NOW, paymentExplanation, paymentSpec, progressingState } from '../view/states.ts';

export const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** A port of this machine at which nobody listens: 1 is privileged and unused. */
export const NOBODY = 'http://127.0.0.1:1';

export interface Scene {
  readonly behind: StandIn;
  readonly store: Store;
  readonly clock: VirtualClock;
  readonly url: string;
  /** Takes the server away. */
  close(): Promise<void>;
  /** Brings it back at the same address. */
  reopen(): Promise<void>;
}

/** A server that shows payment-service at its second step. */
export async function scene(streamLimits: StreamLimits = STREAM_LIMITS): Promise<Scene> {
  const spec = paymentSpec();
  const behind = standIn({
    specs: [spec],
    states: [progressingState(spec)],
    explanations: [paymentExplanation()],
  });
  const clock = createVirtualClock(NOW);
  const store = tempStore().open();
  async function open(port: number): Promise<{ url: string; close: () => Promise<void> }> {
    const server = createServer({
      controls: behind.controls,
      store,
      metrics: createMetrics({ clock, version: '1.2.3' }),
      clock,
      log: silentLog,
      version: '1.2.3',
      webhooks: OPEN_WEBHOOKS,
      streamLimits,
    });
    onTestFinished(() => server.close());
    return { ...(await server.listen('127.0.0.1', port)), close: server.close };
  }
  const { url, close } = await open(0);
  return {
    behind,
    store,
    clock,
    url,
    close,
    async reopen() {
      await open(Number(new URL(url).port));
    },
  };
}

export interface Ran {
  readonly code: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly talk: string;
}

export interface Run {
  /** What was printed so far. */
  readonly out: string[];
  readonly talk: string[];
  readonly ended: Promise<Ran>;
}

/** Begins a command in this process. Null: there is no server, and none is named. */
export function begin(
  at: Pick<Scene, 'url' | 'clock'> | null,
  argv: readonly string[],
  over: Partial<Io> = {},
  openTraffic: OpenTraffic = () => Promise.reject(new Error('nothing is measured here')),
): Run {
  const out: string[] = [];
  const talk: string[] = [];
  const io: Io = {
    out: (text) => out.push(text),
    talk: (text) => talk.push(text),
    clear: () => out.push('<clear>'),
    isTerminal: false,
    columns: null,
    env: {},
    clock: at?.clock ?? createVirtualClock(NOW),
    ...over,
  };
  const serve = { flags: [], run: async (): Promise<ExitCode> => 0 };
  const backUp = () => Promise.reject(new Error('nothing is copied here'));
  const examine = () => Promise.reject(new Error('nothing is examined here'));
  const options = { io, version: '1.2.3', serve, backUp, examine, openTraffic };
  const code = runCli(at === null ? argv : [...argv, '--server', at.url], options);
  const ended = code.then((ended) => ({ code: ended, out: out.join('\n'), talk: talk.join('\n') }));
  return { out, talk, ended };
}

/** Runs a command in this process to its end. */
export function run(at: Pick<Scene, 'url' | 'clock'>, ...argv: readonly string[]): Promise<Ran> {
  return begin(at, argv).ended;
}

/** Runs the program as a process of its own. Only what `env` says is in its environment. */
export function runProcess(argv: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...argv], { env }, (error, out, talk) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, out, talk });
    });
  });
}
