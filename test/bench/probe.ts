/**
 * Loaded with `--import` into the daemon that is measured: answers what only the process itself knows, its heap and
 * how long its event loop stood still. It does nothing until it is asked.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Inside } from './daemon.ts';

const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();

process.on('message', () => {
  const inside: Inside = {
    heapBytes: process.memoryUsage().heapUsed,
    loopDelayMs: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
  };
  delay.reset();
  process.send?.(inside);
});
// The channel must not keep a daemon alive that was told to stop.
process.channel?.unref();
