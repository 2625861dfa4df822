/**
 * Incidents of the service itself. The pre-flight: no rollout starts while stable burns its error budget so fast that
 * people are paged, which is told as they are told: over a long window and a twelfth of it (Site Reliability Workbook,
 * chapter 5, "Multiwindow, Multi-Burn-Rate Alerts"). During a rollout an incident that hits both versions stops the
 * clocks of the step; the short window is enough for that, for nothing is lost by it but time.
 */
import { formatDuration } from '../lib/duration.ts';
import { compactNumber, percent, roughDuration } from '../lib/text.ts';
import type { Canary, Incident, Metric, MetricSource } from '../spec/canary.ts';
import { type Reason, reasonOf } from './decision.ts';
import type { Arm, Command, Measurement, MeasureRequest, Reading } from './observation.ts';
import type { RolloutState } from './rollout.ts';
import { activeRollout, because, emit, noteExemption, type Turn } from './turn.ts';
import { said } from './words.ts';

/** A metric that can tell of an incident. */
interface Promised {
  readonly name: string;
  readonly objective: number;
  readonly source: Extract<MetricSource, { kind: 'ratio' }>;
}

type Window = 'long' | 'short';

/** How fast an arm burns: so many times what the objective allows; none: it has no traffic. */
type Burn =
  | { readonly kind: 'known'; readonly share: number; readonly rate: number; readonly requests: number }
  | { readonly kind: 'none' }
  | { readonly kind: 'unknown'; readonly detail: string };

/** An answer older than this many intervals is asked for again before a start. */
const FRESH_LOOKS = 2;
const SHORT_PART = 12;

/** Stable over both windows, for each metric that can tell. */
export function preflightRequests(canary: Canary, rollout: RolloutState): MeasureRequest[] {
  const { incident } = canary.analysis;
  if (incident === undefined) return [];
  return promised(canary).flatMap((metric) => [
    request(canary, rollout, metric, 'stable', 'long', incident),
    request(canary, rollout, metric, 'stable', 'short', incident),
  ]);
}

/** Both versions over the short window. At 100 stable has no traffic: an incident of both cannot be told from the canary's. */
export function incidentRequests(canary: Canary, rollout: RolloutState): MeasureRequest[] {
  const { incident } = canary.analysis;
  if (incident === undefined || rollout.frozenAt !== null) return [];
  return promised(canary).flatMap((metric) => [
    request(canary, rollout, metric, 'canary', 'short', incident),
    request(canary, rollout, metric, 'stable', 'short', incident),
  ]);
}

/** Stops the clocks of the step in an incident of both versions, and lets them go on after it. */
export function takeIncident(turn: Turn): void {
  const { canary, now } = turn;
  const rollout = activeRollout(turn.state);
  if (rollout === null) return;
  const { incident } = canary.analysis;
  const metrics = promised(canary);
  const isTold = incident !== undefined && metrics.length > 0;
  if (!isTold || rollout.held.weight === 0 || rollout.frozenAt !== null) {
    endIncident(turn, rollout);
    return;
  }
  const answers = new Map(turn.input.seen.measurements.map((answer) => [answer.id, answer]));
  if (!metrics.some((metric) => answers.has(idOf(metric, 'stable', 'short')))) return;
  const findings = metrics.map((metric) => commonTrouble(rollout, metric, incident, answers));
  const text = findings.find((finding) => finding !== null && finding !== 'unknown') ?? null;
  if (text !== null) {
    const since = rollout.incident?.since ?? now;
    if (rollout.incident === undefined) {
      emit(turn, 'IncidentSeen', `the clock of the step stands still: ${text}`, {
        data: { weight: rollout.held.weight },
      });
    }
    rollout.incident = { since, text };
  } else if (!findings.includes('unknown')) endIncident(turn, rollout);
}

/** What keeps every raise and the promotion back while the incident lasts. */
export function incidentObstacle({ incident }: RolloutState): Reason | null {
  if (incident === undefined) return null;
  const text = `${incident.text}; bake and maxHold stand still until that is over`;
  return reasonOf('incident', text);
}

function endIncident(turn: Turn, rollout: RolloutState): void {
  const { incident } = rollout;
  if (incident === undefined) return;
  delete rollout.incident;
  const lasted = roughDuration(turn.now - incident.since);
  const message = `the incident of both versions is over; the clock of the step stood still for ${lasted}`;
  emit(turn, 'IncidentOver', message, { data: { weight: rollout.held.weight } });
}

/** A sentence where both versions burn; null: not both of them; unknown: that cannot be told now. */
function commonTrouble(
  { stable, revision }: RolloutState,
  metric: Promised,
  incident: Incident,
  answers: ReadonlyMap<string, Measurement>,
): string | null {
  const burn = (arm: Arm) => burnOf(metric, answers.get(idOf(metric, arm, 'short'))?.reading);
  const arms = { stable: burn('stable'), canary: burn('canary') };
  if (arms.stable.kind === 'unknown' || arms.canary.kind === 'unknown') return 'unknown';
  if (arms.stable.kind === 'none' || arms.canary.kind === 'none') return null;
  const isBurning = ({ rate, requests }: { readonly rate: number; readonly requests: number }) =>
    rate >= incident.burnRate && requests >= metric.source.minRequests;
  if (!isBurning(arms.stable) || !isBurning(arms.canary)) return null;
  const window = formatDuration(windowOf(incident, 'short'));
  const line = percent(incident.burnRate * (1 - metric.objective));
  return `an incident hits both versions: ${metric.name}: ${percent(arms.stable.share)} of stable ${stable} and ${percent(arms.canary.share)} of canary ${revision} failed over ${window}, ${line} is an incident (${incident.burnRate} times what objective ${metric.objective} allows)`;
}

/** Keeps what the look of this run says about stable. */
export function takePreflight(turn: Turn): void {
  const { canary, now } = turn;
  const rollout = activeRollout(turn.state);
  const { incident } = canary.analysis;
  if (rollout === null || incident === undefined) return;
  const answers = new Map(turn.input.seen.measurements.map((answer) => [answer.id, answer]));
  const metrics = promised(canary);
  if (!metrics.some((metric) => answers.has(idOf(metric, 'stable', 'long')))) return;
  const troubles = metrics.map((metric) => troubleOf(rollout, metric, incident, answers));
  const trouble = troubles.find((text) => text !== null) ?? null;
  const isNews = trouble !== null && (rollout.preflight?.trouble ?? null) === null;
  rollout.preflight = { at: now, trouble };
  if (isNews && !isOverridden(rollout)) {
    emit(turn, 'StartHeld', `the rollout waits: ${trouble}`, { data: { revision: rollout.revision } });
  }
}

/** What keeps the first step back; null: nothing does, or a person's word stands against it. */
export function preflightObstacle({ canary, now }: Turn, rollout: RolloutState): Reason | null {
  const { incident, intervalMs } = canary.analysis;
  if (incident === undefined || promised(canary).length === 0 || isOverridden(rollout)) return null;
  const { preflight } = rollout;
  if (preflight === undefined || now - preflight.at > FRESH_LOOKS * intervalMs) {
    return held('whether stable burns its error budget was not asked yet');
  }
  if (preflight.trouble === null) return null;
  return held(`${preflight.trouble}; it starts once that is over, or by start with force`);
}

function held(text: string): Reason {
  return reasonOf('preflight', text);
}

/** Whether a `start` with force would change anything. */
export function isHeldByPreflight({ analysis }: Canary, rollout: RolloutState): boolean {
  const isHeld = (rollout.preflight?.trouble ?? null) !== null;
  return analysis.incident !== undefined && isHeld && !isOverridden(rollout);
}

/** Writes down that the rollout starts whatever stable does, by whose word. */
export function overridePreflight(
  turn: Turn,
  rollout: RolloutState,
  { actor, reason }: Pick<Command, 'actor' | 'reason'>,
): void {
  if (turn.canary.analysis.incident === undefined || isOverridden(rollout)) return;
  noteExemption(rollout, { kind: 'preflight', actor, reason, stepIndex: -1, at: turn.now });
  const text = `the rollout starts whatever stable burns of its error budget: start with force by ${actor}${said(reason)}`;
  emit(turn, 'Exempted', text, { actor });
  because(turn, 'exempted', text, { kind: 'preflight', actor });
}

function isOverridden({ exemptions }: RolloutState): boolean {
  return exemptions.some(({ kind }) => kind === 'preflight');
}

/** Ratios with an objective; of a latency stable's own quantile is the measure, which stable never misses. */
function promised({ analysis }: Canary): Promised[] {
  return analysis.metrics.flatMap(({ name, objective, source, dryRun }: Metric) =>
    objective === undefined || source.kind !== 'ratio' || dryRun ? [] : [{ name, objective, source }],
  );
}

function request(
  { analysis }: Canary,
  rollout: RolloutState,
  metric: Promised,
  arm: Arm,
  window: Window,
  incident: Incident,
): MeasureRequest {
  return {
    id: idOf(metric, arm, window),
    source: metric.source,
    version: arm === 'stable' ? rollout.stable : rollout.revision,
    versionLabel: analysis.versionLabel,
    windowMs: windowOf(incident, window),
    at: null,
    intervalMs: analysis.intervalMs,
  };
}

function idOf({ name }: Promised, arm: Arm, window: Window): string {
  return `${name}/burn/${window}/${arm}`;
}

function windowOf({ windowMs }: Incident, window: Window): number {
  return window === 'long' ? windowMs : windowMs / SHORT_PART;
}

/** A sentence where stable burns over both windows, or where that cannot be told; null: it does not. */
function troubleOf(
  { stable }: RolloutState,
  metric: Promised,
  incident: Incident,
  answers: ReadonlyMap<string, Measurement>,
): string | null {
  const burn = (window: Window) => burnOf(metric, answers.get(idOf(metric, 'stable', window))?.reading);
  const [short, long] = [burn('short'), burn('long')];
  const blind = (detail: string) =>
    `whether stable ${stable} burns its error budget cannot be told: ${metric.name}: ${detail}`;
  if (short.kind === 'none' || long.kind === 'none') return null;
  if (short.kind === 'unknown') return blind(short.detail);
  if (long.kind === 'unknown') return blind(long.detail);
  if (short.rate < incident.burnRate || long.rate < incident.burnRate) return null;
  const over = ({ share }: { readonly share: number }, window: Window) =>
    `${percent(share)} over ${formatDuration(windowOf(incident, window))}`;
  const rates = `${compactNumber(short.rate)} and ${compactNumber(long.rate)} times what objective ${metric.objective} allows, ${incident.burnRate} is an incident`;
  return `stable ${stable} burns its error budget: ${metric.name}: ${over(short, 'short')} and ${over(long, 'long')} failed, ${rates}`;
}

/** Without traffic nothing burns. What should have been answered and was not is no good news. */
function burnOf({ objective }: Promised, reading: Reading | undefined): Burn {
  if (reading === undefined) return { kind: 'unknown', detail: 'it was not asked' };
  if (reading.kind === 'value') {
    // Twelve digits: 1 - 0.999 is not quite a thousandth.
    const rate = reading.value / Number((1 - objective).toPrecision(12));
    return { kind: 'known', share: reading.value, rate, requests: reading.requests ?? 0 };
  }
  if (reading.kind === 'noData') {
    const { why, detail } = reading;
    return why === 'empty' || why === 'nan' ? { kind: 'none' } : { kind: 'unknown', detail };
  }
  return { kind: 'unknown', detail: reading.kind === 'error' ? reading.detail : 'it is no plain number' };
}
