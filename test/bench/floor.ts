/** What the machine itself can do, measured in the same run as everything that is compared with it. */
import { execFile } from 'node:child_process';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Cores } from './cores.ts';
import type { Figure } from './outcome.ts';
import { quantile } from './quantile.ts';

const EMPTY_LOOP = resolve(import.meta.dirname, 'empty-loop.ts');
const SYNCS = 400;
const PAGE = Buffer.alloc(4_096, 1);

export interface Floor {
  /** Milliseconds of 4 KiB written and fdatasync'd, as a small commit does. */
  readonly syncMs: { readonly p50: number; readonly p99: number };
  /** User and system time of one look of the empty loop, ms. */
  readonly emptyLookMs: number;
}

/** What the empty loop prints. */
export interface EmptyLoop {
  readonly cpuMs: number;
  readonly looks: number;
}

/** `directory`: on the disk that the databases are on. */
export async function measureFloor(directory: string, nacosUrl: string, cores: Cores): Promise<Floor> {
  const times = syncTimes(join(directory, 'floor'));
  const args = [EMPTY_LOOP, nacosUrl, join(directory, 'floor.db')];
  const [command, pinned] = cores.onDaemonCore(process.execPath, args);
  const { stdout } = await promisify(execFile)(command, pinned);
  const { cpuMs, looks } = JSON.parse(stdout) as EmptyLoop;
  return {
    syncMs: { p50: quantile(times, 0.5), p99: quantile(times, 0.99) },
    emptyLookMs: cpuMs / looks,
  };
}

function syncTimes(file: string): number[] {
  const descriptor = openSync(file, 'w');
  try {
    return Array.from({ length: SYNCS }, () => {
      const startedAt = performance.now();
      writeSync(descriptor, PAGE);
      fdatasyncSync(descriptor);
      return performance.now() - startedAt;
    });
  } finally {
    closeSync(descriptor);
  }
}

export function floorFigures({ syncMs, emptyLookMs }: Floor): Figure[] {
  return [
    { name: 'fdatasync of 4 KiB, p50', value: syncMs.p50, unit: 'ms' },
    { name: 'fdatasync of 4 KiB, p99', value: syncMs.p99, unit: 'ms' },
    { name: 'CPU of one look of the empty loop', value: emptyLookMs, unit: 'ms' },
  ];
}
