/**
 * Many readers of the event stream in one process: `reader-process.ts URL COUNT`, by `fork`. Says when all of them
 * listen; told the commits of the daemon, it says how long after them the events arrived. Bare sockets, so that a
 * thousand readers do not take from Prometheus and Nacos the core that they share.
 */
import { connect } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import type { Commit } from './inside.ts';

export interface Heard {
  readonly events: number;
  readonly deliveries: number;
  readonly missing: number;
  readonly doubled: number;
  /** Streams that did not last. */
  readonly ended: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** All of them have one address, which may ask 1,000 times a second. */
const PER_SECOND = 500;

const [url = '', number = ''] = process.argv.slice(2);
const { hostname, port, host } = new URL(url);
const readers = Number(number);

/** When each reader heard of an event, by its number: Unix ms with fractions, NaN: not yet. */
const arrivals = new Map<number, Float64Array>();
/** Events up to this one were committed before everybody listened, and do not count. */
let before = 0;
let doubled = 0;
let ended = 0;

function arrive(reader: number, event: number): void {
  const times = arrivals.get(event) ?? new Float64Array(readers).fill(Number.NaN);
  arrivals.set(event, times);
  if (!Number.isNaN(times[reader])) doubled += 1;
  times[reader] = performance.timeOrigin + performance.now();
}

/** Resolves with the number after which this reader hears everything. */
function listen(reader: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let rest = '';
    const socket = connect(Number(port), hostname);
    socket.setEncoding('latin1');
    socket.write(`GET /api/v1/stream HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    socket.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('id: ')) resolve(Number(line.slice('id: '.length)));
        const [, event] = /^data: \{"id":(\d+),/.exec(line) ?? [];
        if (event !== undefined) arrive(reader, Number(event));
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      ended += 1;
    });
  });
}

/** Of the events that were committed while everybody listened. */
function heardOf(commits: readonly Commit[]): Heard {
  const first = before + 1;
  const last = commits.at(-1)?.[0] ?? 0;
  const delays: number[] = [];
  let missing = 0;
  let commit = 0;
  for (let event = first; event <= last; event += 1) {
    while ((commits[commit]?.[0] ?? Infinity) < event) commit += 1;
    const at = commits[commit]?.[1] ?? Number.NaN;
    for (const time of arrivals.get(event) ?? new Float64Array(readers).fill(Number.NaN)) {
      if (Number.isNaN(time)) missing += 1;
      else delays.push(time - at);
    }
  }
  const sorted = Float64Array.from(delays).sort();
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
  return {
    events: Math.max(0, last - first + 1),
    deliveries: delays.length,
    missing,
    doubled,
    ended,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    longestMs: at(1),
  };
}

const places = await Promise.all(
  Array.from({ length: readers }, async (_, reader) => {
    await wait((1_000 * reader) / PER_SECOND);
    return listen(reader);
  }),
);
before = Math.max(...places);
process.send?.('listening');
process.once('message', (commits: readonly Commit[]) => process.send?.(heardOf(commits)));
