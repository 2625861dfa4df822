/** The daemons of a soak as real processes: started, watched, ended; one leads, another one may stand by. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { count, type Tally } from '../simulation/weather.ts';
import type { Inside, Question } from './inside.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** What a supervisor does with a daemon that cannot start: it tries again. */
const START_TRIES = 30;
const START_AGAIN_MS = 1_000;
const ANSWER_MS = 20_000;

export interface Daemon {
  readonly pid: number;
  readonly url: string;
  leads(): boolean;
  /** Sends a signal that is not meant to end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  /** Ends it; resolves with its exit code, null when a signal ended it. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null>;
  /** Rejects when it does not answer in time. */
  ask(question: Question): Promise<Inside>;
}

export interface Daemons {
  /** Starts one more, as often as it takes, and resolves once it is ready. */
  start(): Promise<Daemon>;
  alive(): readonly Daemon[];
  leader(): Daemon | null;
  /** Ends of processes that nobody asked for. */
  readonly surprises: readonly string[];
  close(): Promise<void>;
}

/**
 * V8 keeps room for garbage as a machine with much memory lets it, ever more in the first hours, in which a leak could
 * hide; half of the room that it takes by default for what is young bounds that.
 */
const V8_FLAGS = ['--expose-gc', '--max-semi-space-size=16'];

/** What is started, and `inside.ts` in the same language. */
export interface Program {
  readonly main: string;
  readonly inside: string;
}

export interface DaemonsOptions {
  readonly program: Program;
  /** Arguments of `serve`. */
  readonly args: readonly string[];
  /** Where the logs go. */
  readonly directory: string;
  /** Counts starts, starts that were refused, and lines of the log at level error. */
  readonly tally: Tally;
}

interface Running extends Daemon {
  readonly child: ChildProcess;
}

export function createDaemons({ program, args, directory, tally }: DaemonsOptions): Daemons {
  const running = new Set<Running>();
  const surprises: string[] = [];
  let starts = 0;

  const leader = () => [...running].find((daemon) => daemon.leads()) ?? null;

  async function startOnce(): Promise<Running> {
    starts += 1;
    const name = `daemon-${starts}`;
    const child = spawn(
      process.execPath,
      [...V8_FLAGS, '--import', program.inside, program.main, 'serve', '--listen', '127.0.0.1:0', ...args],
      { cwd: ROOT, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: { PATH: process.env['PATH'] } },
    );
    const killAtExit = () => child.kill('SIGKILL');
    process.once('exit', killAtExit);
    const ended = once(child, 'exit').then(([code]) => {
      process.off('exit', killAtExit);
      return code as number | null;
    });
    let leads = false;
    let isWanted = false;
    const url = await follow(child, join(directory, `${name}.log`), tally, (now) => {
      leads = now;
    });
    isWanted = true;
    const daemon: Running = {
      child,
      pid: child.pid ?? 0,
      url,
      leads: () => leads,
      signal: (signal) => void child.kill(signal),
      async end(signal) {
        isWanted = false;
        running.delete(daemon);
        child.kill('SIGCONT');
        child.kill(signal);
        return ended;
      },
      ask: (question) => ask(child, question),
    };
    running.add(daemon);
    void ended.then((code) => {
      running.delete(daemon);
      if (isWanted) surprises.push(`${name} ended by itself with ${code}`);
    });
    return daemon;
  }

  return {
    async start() {
      for (let tries = 1; ; tries += 1) {
        try {
          const daemon = await startOnce();
          count(tally, 'daemon started');
          return daemon;
        } catch (error) {
          count(tally, `start refused: ${reasonOf(error)}`);
          if (tries === START_TRIES) throw error;
          await wait(START_AGAIN_MS);
        }
      }
    },
    alive: () => [...running],
    leader,
    surprises,
    async close() {
      await Promise.all([...running].map((daemon) => daemon.end('SIGKILL')));
    },
  };
}

/** Reads its log for as long as it runs. Resolves with its address when it is ready; rejects when it ends first. */
function follow(
  child: ChildProcess,
  logFile: string,
  tally: Tally,
  onLeading: (leads: boolean) => void,
): Promise<string> {
  const log = createWriteStream(logFile);
  const tail: string[] = [];
  return new Promise((ready, refused) => {
    child.once('error', refused);
    child.once('exit', (code) => refused(new Error(`a daemon ended with ${code}: ${tail.at(-1)}`)));
    if (child.stderr === null) return;
    child.stderr.pipe(log);
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.push(line);
      if (tail.length > 5) tail.shift();
      if (line.includes('"level":"error"')) count(tally, `error logged: ${JSON.parse(line).msg}`);
      if (line.includes('"leadership changed"')) onLeading(JSON.parse(line).leads === true);
      if (line.includes('"canary controller is ready"')) ready(String(JSON.parse(line).url));
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function ask(child: ChildProcess, question: Question): Promise<Inside> {
  const answer = once(child, 'message', { signal: AbortSignal.timeout(ANSWER_MS) });
  // Told by its callback: thrown, it would leave the answer waiting for nobody.
  child.send(question, () => {});
  return (await answer)[0] as Inside;
}
