/** Judges what Prometheus recorded, many Canaries side by side, so that their queries travel together. */
import type { Measurement, MeasureRequest } from '../core/observation.ts';
import { createRuleDocument } from '../core/simulation/rule-document.ts';
import { createRun, type Run } from '../core/simulation/run.ts';
import { calledFor, type Story, storyOf } from '../core/simulation/story.ts';
import { err, ok, type Result } from '../lib/result.ts';
import type { Spec } from '../spec/canary.ts';

/** One question about the past. */
export type AskPast = (request: MeasureRequest) => Promise<Measurement>;

/** Both Unix ms. */
export interface Period {
  readonly from: number;
  readonly to: number;
}

/** Nobody waits for a decision: a query may take as long as the longest deadline. */
const PATIENT_INTERVAL_MS = 60_000;
const TRIES = 3;

interface Subject {
  readonly run: Run;
  readonly intervalMs: number;
  /** Why it cannot be judged. */
  trouble: string | null;
}

/**
 * The story of each Canary, in their order, as if its rollout had begun at `from`; an error says why it could not be
 * judged. A weight is what the judge would have had: the recorded split is not held against it.
 *
 * @param onTime hears how far everything has come, Unix ms
 */
export async function backtestAll(
  specs: readonly Spec[],
  { from, to }: Period,
  ask: AskPast,
  onTime: (at: number) => void,
): Promise<readonly Result<Story, string>[]> {
  const subjects = specs.map((spec): Subject => {
    const run = createRun(ofAnySplit(spec), createRuleDocument(), from);
    return { run, intervalMs: spec.canary.analysis.intervalMs, trouble: null };
  });
  // What is due within one interval is asked for together: looks of one Canary do not wait for those of another.
  const slotMs = Math.min(...subjects.map(({ intervalMs }) => intervalMs));
  const slotOf = ({ run }: Subject) => Math.floor(run.dueAt() / slotMs);
  for (;;) {
    const open = subjects.filter((subject) => isOpen(subject, to));
    if (open.length === 0) break;
    const slot = Math.min(...open.map(slotOf));
    await Promise.all(open.filter((subject) => slotOf(subject) === slot).map((one) => tick(one, ask)));
    onTime(slot * slotMs);
  }
  return subjects.map(({ run, trouble }) =>
    trouble === null ? ok(storyOf(run.result(), from)) : err(trouble),
  );
}

/** The share of the traffic that the canary got is not held against its weight. */
export function ofAnySplit(spec: Spec): Spec {
  const { canary } = spec;
  return { ...spec, canary: { ...canary, analysis: { ...canary.analysis, anySplit: true } } };
}

function isOpen({ run, trouble }: Subject, to: number): boolean {
  const { rollout } = run.state();
  const isDecided = rollout !== null && (rollout.outcome !== null || calledFor(rollout) !== null);
  return trouble === null && !isDecided && run.dueAt() <= to;
}

async function tick(subject: Subject, ask: AskPast): Promise<void> {
  const { run, intervalMs } = subject;
  const now = run.dueAt();
  run.moveTo(now);
  const at = Math.floor(now / intervalMs) * intervalMs;
  const requests = run.requests().map((request) => ({ ...request, at: request.at ?? at }));
  const answers = await Promise.all(requests.map((request) => askUntilAnswered(request, ask)));
  for (const { id, reading } of answers) {
    if (reading.kind === 'error') subject.trouble ??= `${id}: ${reading.detail}`;
  }
  if (subject.trouble === null) run.tick(answers);
}

/** That Prometheus is away now says nothing about what was recorded. */
async function askUntilAnswered(request: MeasureRequest, ask: AskPast): Promise<Measurement> {
  const patient = { ...request, intervalMs: Math.max(request.intervalMs, PATIENT_INTERVAL_MS) };
  for (let tries = 1; ; tries += 1) {
    const answer = await ask(patient);
    const { reading } = answer;
    const isOver = reading.kind !== 'error' || reading.structural || tries === TRIES;
    if (isOver) return { ...answer, skewMs: 0 };
  }
}
