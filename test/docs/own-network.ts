/** A network of its own for commands that take the ports they are documented with: nobody else's are in the way. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Cleanup } from '../system/world.ts';
import { type Ended, run } from '../terraform/tools.ts';

const UP = 'ip link set lo up';

/** Null where such a network can be made; else the reason why not. */
export async function noOwnNetwork(): Promise<string | null> {
  const { code, said } = await run('unshare', ['--map-root-user', '--net', 'sh', '-c', UP]);
  return code === 0 ? null : `no network of its own can be made here: ${said.trim() || `exit code ${code}`}`;
}

export interface Running {
  /** All that it printed so far. */
  output(): string;
  /** Resolves when it printed this; rejects when it ended first. */
  printed(words: string): Promise<void>;
}

export interface OwnNetwork {
  /** Runs a line of shell to its end. */
  run(line: string, env: NodeJS.ProcessEnv): Promise<Ended>;
  /** Starts one that goes on until the test is over. */
  start(line: string, env: NodeJS.ProcessEnv): Running;
}

/** All that runs in it ends with the test. */
export async function ownNetwork(cleanup: Cleanup, cwd: string): Promise<OwnNetwork> {
  const holder = spawn(
    'unshare',
    ['--map-root-user', '--net', 'sh', '-c', `${UP} && echo up && exec sleep infinity`],
    {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  cleanup(() => end(holder));
  await once(createInterface(holder.stdout), 'line');
  const enter = [
    '--target',
    String(holder.pid),
    '--user',
    '--net',
    '--preserve-credentials',
    '--',
    'bash',
    '-ec',
  ];
  return {
    run: (line, env) => run('nsenter', [...enter, line], { cwd, env }),
    start(line, env) {
      const child = spawn('nsenter', [...enter, line], {
        cwd,
        env,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      cleanup(() => end(child));
      return follow(line, child);
    },
  };
}

function follow(line: string, child: ChildProcess): Running {
  let output = '';
  const watchers = new Set<() => void>();
  const tell = () => {
    for (const watcher of watchers) watcher();
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      tell();
    });
  }
  let isOver = false;
  child.once('close', () => {
    isOver = true;
    tell();
  });
  return {
    output: () => output,
    printed: (words) =>
      new Promise((found, failed) => {
        const look = () => {
          if (output.includes(words)) found();
          else if (isOver) failed(new Error(`${line} ended without "${words}":\n${output}`));
        };
        watchers.add(look);
        look();
      }),
  };
}

/** Its whole group: what `npm run` started too. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
