/** What a process used up, as the kernel counts it. */
import { readFileSync } from 'node:fs';

/** The clock of /proc/PID/stat on Linux. */
const TICK_MS = 10;

/** User and system time of a process with all of its threads, ms. */
export function cpuMsOf(pid: number): number {
  // The name in brackets may hold spaces; utime and stime are the 14th and 15th field.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** User and system time of all processes that this one started and saw end, ms. */
export function cpuMsOfEnded(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[13]) + Number(fields[14])) * TICK_MS;
}

export function rssBytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024;
}
