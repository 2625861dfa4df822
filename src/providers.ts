/** Nacos and Prometheus as the settings name them. */
import type { Traffic } from './cli/forecasts.ts';
import type { Config } from './config.ts';
import { systemClock } from './lib/clock.ts';
import { createMeasure } from './metrics/batch.ts';
import { createPrometheus, type Prometheus } from './metrics/prometheus.ts';
import { createNacosRouter } from './traffic/nacos/router.ts';
import type { NacosLog } from './traffic/nacos/servers.ts';
import type { TrafficRouter } from './traffic/router.ts';

export function openPrometheus({ prometheus }: Pick<Config, 'prometheus'>): Prometheus {
  const { url, token, basic, ca, headers } = prometheus;
  return createPrometheus({
    url,
    headers,
    ...(token === null ? {} : { token }),
    ...(basic === null ? {} : { basic }),
    ...(ca === null ? {} : { ca }),
    clock: systemClock,
  });
}

/** Prometheus for a command that asks once. Throws as `createPrometheus` does. */
export function openTraffic(config: Pick<Config, 'prometheus'>): Traffic {
  const prometheus = openPrometheus(config);
  const { delayMs } = config.prometheus;
  const measure = createMeasure({ prometheus, clock: systemClock, delayMs });
  const { signal } = new AbortController();
  return {
    ask: (request) => measure(request, signal),
    async close() {
      await measure.close();
      await prometheus.close();
    },
  };
}

/** @param log null: nothing is said of what the server proves to be */
export function openNacos({ nacos }: Pick<Config, 'nacos'>, log: NacosLog | null): TrafficRouter {
  const { urls, api, credentials, ca } = nacos;
  return createNacosRouter({
    urls,
    api,
    username: credentials?.username,
    password: credentials?.password,
    ca: ca ?? undefined,
    clock: systemClock,
    ...(log === null ? {} : { log }),
  });
}
