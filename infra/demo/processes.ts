/** Starts the demo's processes, each in a group of its own with its output in a log file, and ends them for certain. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

export interface ProcessPlan {
  /** For messages. */
  readonly name: string;
  /** Script and arguments for the Node that runs this. */
  readonly args: readonly string[];
  readonly logFile: string;
  /** A line of output that says it is ready; the first group is its address. */
  readonly ready: RegExp;
  readonly readyWithinMs: number;
  /** Called once when it ends after it was ready and without having been stopped. */
  onDeath(reason: string): void;
}

export interface StartedProcess {
  readonly name: string;
  readonly pid: number;
  /** What the ready line gave. */
  readonly address: string;
  /** Ends it and whatever it started: SIGTERM, and SIGKILL for what is left after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
}

const GRACE_MS = 5_000;

const alive = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of alive) killGroup(child, 'SIGKILL');
});

/**
 * Starts one process and resolves when it is ready. Rejects, with the process gone, when it ends first or takes too
 * long. Whatever happens to this process short of SIGKILL, no group started here outlives it.
 */
export async function startProcess(plan: ProcessPlan): Promise<StartedProcess> {
  const child = spawn(process.execPath, plan.args, {
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: quietEnvironment(),
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : `signal ${signal}`));
  });
  alive.add(child);
  let isWanted = false;
  void ended.then((reason) => {
    alive.delete(child);
    if (isWanted) plan.onDeath(reason);
  });

  const stop = async (graceMs = GRACE_MS) => {
    isWanted = false;
    killGroup(child, 'SIGTERM');
    const force = setTimeout(() => killGroup(child, 'SIGKILL'), graceMs);
    await ended;
    clearTimeout(force);
  };
  try {
    const address = await readyAddress(plan, child, ended);
    isWanted = true;
    return { name: plan.name, pid: child.pid ?? 0, address, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readyAddress(plan: ProcessPlan, child: ChildProcess, ended: Promise<string>): Promise<string> {
  const log = createWriteStream(plan.logFile, { flags: 'a' });
  const { promise: ready, resolve, reject } = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    stream.pipe(log, { end: false });
    createInterface({ input: stream }).on('line', (line) => {
      const address = plan.ready.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
  }
  const late = setTimeout(
    () => reject(new Error(`${plan.name} was not ready after ${plan.readyWithinMs / 1_000} s`)),
    plan.readyWithinMs,
  );
  void ended.then((reason) => reject(new Error(`${plan.name} ended before it was ready: ${reason}`)));
  try {
    return await ready;
  } finally {
    clearTimeout(late);
  }
}

function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** The caller's environment without settings meant for a controller of its own. */
function quietEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('CANARY_')));
}
