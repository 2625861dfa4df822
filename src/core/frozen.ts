/** Stable's reading at weight 100, where it has no traffic left. */
import type { Measurement, Reading } from './observation.ts';
import type { MetricState, RolloutState } from './rollout.ts';

/** A value of stable that is older than so many looks says nothing about when the raise to 100 was decided. */
const RECENT_INTERVALS = 3;

/**
 * At weight 100 stable has no traffic left: its arm is asked once, at the time the raise was saved, and kept. An
 * error and a partial answer are asked again. Where it had no data at that very moment (scrapes that were missed), its
 * last value counts, by which the raise was decided.
 */
export function freeze(
  rollout: RolloutState,
  state: MetricState,
  measured: Measurement | null,
  intervalMs: number,
): Reading | null {
  const { frozenAt } = rollout;
  const reading = measured?.reading ?? null;
  if (frozenAt === null) {
    state.frozen = null;
    if (measured?.reading.kind === 'value') {
      const { value, requests } = measured.reading;
      state.lastStable = { at: measured.at, value, requests };
    }
    return reading;
  }
  if (state.frozen?.at !== frozenAt && reading !== null && isFinal(reading)) {
    const known = reading.kind === 'value' ? reading : lastStable(state, frozenAt, intervalMs);
    state.frozen = { at: frozenAt, value: known?.value ?? null, requests: known?.requests ?? null };
  }
  if (state.frozen?.at !== frozenAt) return reading;
  const { value, requests } = state.frozen;
  return value === null
    ? { kind: 'noData', why: 'empty', detail: 'stable had no value when it was frozen for weight 100' }
    : { kind: 'value', value, requests };
}

/** Of a look that can have been one of the three before the raise. */
function lastStable({ lastStable: last }: MetricState, frozenAt: number, intervalMs: number) {
  return last !== undefined && Math.abs(frozenAt - last.at) <= RECENT_INTERVALS * intervalMs ? last : null;
}

function isFinal(reading: Reading): boolean {
  return reading.kind !== 'error' && !(reading.kind === 'noData' && reading.why === 'partial');
}
