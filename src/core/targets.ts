/** Asking Prometheus whether a version has live targets: `up`, narrowed to the job that the metrics name. */
import type { Canary, Metric } from '../spec/canary.ts';
import { parseSelector, printSelector } from '../spec/promql.ts';
import type { MeasureRequest } from './observation.ts';

/** Whether the old version is alive, asked before an `undo`. */
export const UNDO_REQUEST = 'undo';
/** Whether any canary target is up, asked while a metric has no data. */
export const TARGETS_REQUEST = 'targets';

const PRESENCE_WINDOW_MS = 60_000;

export function targetsRequest(canary: Canary, id: string, version: string): MeasureRequest {
  return {
    id,
    source: { kind: 'presence', selector: upSelector(canary) },
    version,
    versionLabel: canary.analysis.versionLabel,
    windowMs: PRESENCE_WINDOW_MS,
    at: null,
    intervalMs: canary.analysis.intervalMs,
  };
}

/** `job` is set by Prometheus itself, so `up` carries the same value as the metrics of a target. */
function upSelector(canary: Canary): string {
  for (const { source } of canary.analysis.metrics) {
    const parsed = parseSelector(selectorOf(source));
    if (!parsed.ok) continue;
    const job = parsed.value.matchers.find(({ label, op }) => label === 'job' && op === '=');
    if (job !== undefined) return printSelector({ metric: 'up', matchers: [job] });
  }
  return 'up';
}

function selectorOf(source: Metric['source']): string {
  if (source.kind === 'ratio') return source.total;
  return source.kind === 'latency' ? source.histogram : '';
}
