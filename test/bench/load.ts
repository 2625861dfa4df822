/** A span of time in which the daemon is watched as in production: `/metrics` is scraped every 15 s. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Daemon, Sample } from './daemon.ts';
import { cpuMsOf } from './usage.ts';

const SCRAPE_MS = 15_000;

export interface Span {
  readonly before: Sample;
  readonly after: Sample;
  readonly seconds: number;
  /** User and system time of the daemon, ms. */
  readonly cpuMs: number;
  /** How long each scrape took; infinite for those that were given up. */
  readonly scrapesMs: readonly number[];
  /** Percent of one core that everything beside the daemon took. */
  readonly othersPercent: number;
}

export async function watch(daemon: Daemon, others: readonly number[], ms: number): Promise<Span> {
  const before = await daemon.sample();
  const othersBefore = cpuOf(others);
  const scrapesMs: number[] = [];
  const endsAt = before.atMs + ms;
  for (let at = before.atMs + SCRAPE_MS / 2; at < endsAt; at += SCRAPE_MS) {
    await wait(Math.max(0, at - performance.now()));
    scrapesMs.push(await daemon.scrapeMs());
  }
  await wait(Math.max(0, endsAt - performance.now()));
  const othersMs = cpuOf(others) - othersBefore;
  const after = await daemon.sample();
  const passedMs = after.atMs - before.atMs;
  return {
    before,
    after,
    seconds: passedMs / 1_000,
    cpuMs: after.cpuMs - before.cpuMs,
    scrapesMs,
    othersPercent: (othersMs / passedMs) * 100,
  };
}

function cpuOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
}
