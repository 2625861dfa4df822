/** A network of its own for commands that take the ports they are documented with: nobody else's are in the way. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Cleanup } from '../system/world.ts';
import { type Ended, run } from '../terraform/tools.ts';

const UP = 'ip link set lo up';
const NAMESPACES = ['--map-root-user', '--net'];

/** Null where such a network can be made; else the reason why not. */
export async function noOwnNetwork(): Promise<string | null> {
  const { code, said } = await run('setpriv', ['unshare', ...NAMESPACES, '--pid', '--fork', 'sh', '-c', UP]);
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

/**
 * All that runs in it ends with the test, and also when the test's own process is killed: the processes have a
 * namespace, too, which ends with its first one.
 */
export async function ownNetwork(cleanup: Cleanup, cwd: string): Promise<OwnNetwork> {
  const first = ['sh', '-c', `${UP} && echo up && exec sleep infinity`];
  const holder = spawn(
    'setpriv',
    ['--pdeathsig', 'KILL', 'unshare', ...NAMESPACES, '--pid', '--fork', '--kill-child', ...first],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const gone = once(holder, 'exit');
  cleanup(async () => {
    holder.kill('SIGKILL');
    await gone;
  });
  await once(createInterface(holder.stdout), 'line');
  const pid = `--pid=/proc/${holder.pid}/ns/pid_for_children`;
  const target = ['--target', String(holder.pid), '--user', '--net', pid, '--preserve-credentials'];
  const enter = [...target, '--', 'bash', '-ec'];
  return {
    run: (line, env) => run('nsenter', [...enter, line], { cwd, env }),
    start(line, env) {
      const child = spawn('nsenter', [...enter, line], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
      const ended = once(child, 'close');
      cleanup(async () => {
        holder.kill('SIGKILL');
        await ended;
      });
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
