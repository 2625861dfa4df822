/** Times what is asked of the outside, for the metrics: the same ports, with a stopwatch around them. */
import type { Clock } from '../lib/clock.ts';
import type { Prometheus } from '../metrics/prometheus.ts';
import type { TrafficRouter } from '../traffic/router.ts';

export type Asked = (provider: 'nacos' | 'prometheus', seconds: number) => void;

async function timed<T>(clock: Clock, done: (seconds: number) => void, work: Promise<T>): Promise<T> {
  const startedAt = clock.monotonic();
  try {
    return await work;
  } finally {
    done((clock.monotonic() - startedAt) / 1000);
  }
}

export function timedPrometheus(prometheus: Prometheus, clock: Clock, asked: Asked): Prometheus {
  const done = (seconds: number) => asked('prometheus', seconds);
  return { ...prometheus, query: (promql, options) => timed(clock, done, prometheus.query(promql, options)) };
}

export function timedNacos(router: TrafficRouter, clock: Clock, asked: Asked): TrafficRouter {
  const done = (seconds: number) => asked('nacos', seconds);
  return {
    ...router,
    read: (target, signal) => timed(clock, done, router.read(target, signal)),
    publish: (target, operation, content, guard, signal) =>
      timed(clock, done, router.publish(target, operation, content, guard, signal)),
    beta: (target, signal) => timed(clock, done, router.beta(target, signal)),
    listeners: (target, signal) => timed(clock, done, router.listeners(target, signal)),
  };
}
