/** One Canary for people: where it is, its steps, its metrics, what is next and why. */
import { alignColumns, clockTime, compactNumber, relativeTime, roughDuration } from '../../lib/text.ts';
import { VERDICT_GLYPHS } from '../../view/explain-text.ts';
import type { CanaryView, DiagnosticView, MetricView, StepView } from '../../view/schemas.ts';
import { PHASE_GLYPHS } from './glyphs.ts';

/** Looks in a row that each metric must pass before a step is left. */
const PASSES_NEEDED = 3;
const BAR_CELLS = 12;

export function renderCanary(view: CanaryView, now: number): string {
  return [
    ...alignColumns(head(view, now)),
    ...section(steps(view, now)),
    ...section(metrics(view, now)),
    '',
    ...alignColumns(tail(view, now)),
  ].join('\n');
}

function head(view: CanaryView, now: number): string[][] {
  const { name, phase, step, canaryRevision, stableRevision, weight, since } = view;
  const place = step === null || step.index < 0 ? '' : `, step ${step.index + 1} of ${step.count}`;
  const revision =
    canaryRevision === null
      ? `${stableRevision ?? 'unknown'} is live`
      : `${canaryRevision} (${stableRevision ?? 'unknown'} is stable)`;
  return [
    ['Canary', name, 'Phase', `${PHASE_GLYPHS[phase]} ${phase}${place}`],
    ['Revision', revision, 'Since', since === null ? 'unknown' : when(since, now)],
    [
      'Weight',
      `canary ${share(weight.observed)}${bar(weight.observed)}`,
      'Desired',
      `${share(weight.desired)}, observed ${share(weight.observed)}${
        weight.readAt === null ? '' : ` ${relativeTime(Date.parse(weight.readAt), now)}`
      }`,
    ],
  ];
}

function share(weight: number | null): string {
  return weight === null ? 'unknown' : `${weight} %`;
}

function bar(weight: number | null): string {
  if (weight === null) return '';
  const filled = Math.round((weight / 100) * BAR_CELLS);
  return `  ${'▓'.repeat(filled)}${'░'.repeat(BAR_CELLS - filled)}`;
}

function section(rows: string[][]): string[] {
  return rows.length < 2 ? [] : ['', ...alignColumns(rows)];
}

function steps(view: CanaryView, now: number): string[][] {
  if (view.step === null) return [];
  return [
    ['STEP', 'WEIGHT', 'BAKE', 'STATE', 'TOOK'],
    ...view.steps.map((step) => {
      const bake = roughDuration(step.bakeSeconds * 1000);
      const { glyph, state } = stepState(step, view);
      const gate = step.approval ? `${bake}, then approval` : bake;
      return [
        `${glyph} ${step.index + 1}`,
        `${step.weight} %`,
        gate,
        state,
        took(step, step.index === view.step?.index, now),
      ];
    }),
  ];
}

function stepState(
  step: StepView,
  { step: current, phase, bakedSeconds }: CanaryView,
): { glyph: string; state: string } {
  const index = current?.index ?? -1;
  const glyph = PHASE_GLYPHS[phase];
  if (step.verifiedAt === null) {
    if (step.index === index) return { glyph, state: 'being written' };
    return step.index < index ? { glyph: '✓', state: 'passed over' } : { glyph: ' ', state: '' };
  }
  if (step.index < index || step.leftAt !== null) return { glyph: '✓', state: 'done' };
  if (step.index > index)
    return { glyph, state: phase === 'RollingBack' ? 'going back' : 'gone back from here' };
  if (phase === 'Paused') return { glyph, state: 'paused' };
  return { glyph, state: (bakedSeconds ?? 0) >= step.bakeSeconds ? 'baked' : 'baking' };
}

/** Empty for a step that was not reached, and for the last one of a rollout that went back: its end is not known here. */
function took({ verifiedAt, leftAt }: StepView, isCurrent: boolean, now: number): string {
  if (verifiedAt === null || (leftAt === null && !isCurrent)) return '';
  return roughDuration((leftAt === null ? now : Date.parse(leftAt)) - Date.parse(verifiedAt));
}

function metrics(view: CanaryView, now: number): string[][] {
  return [
    ['METRIC', 'JUDGE', 'CANARY', 'STABLE', 'LIMIT', 'VERDICT'],
    ...view.metrics.map((metric) => [
      metric.name,
      metric.judge,
      number(metric.canary),
      number(metric.stable),
      metric.bound,
      verdict(metric, view.step !== null && view.step.index >= 0, now),
    ]),
  ];
}

/** Only the threshold judge collects passes: one of another judge holds all the evidence before it. */
function passNotes({ counted, judge, passes }: MetricView): string[] {
  if (!counted) return ['settling, not counted yet'];
  return judge === 'threshold' ? [`${Math.min(passes, PASSES_NEEDED)}/${PASSES_NEEDED}`] : [];
}

function verdict(metric: MetricView, isCounting: boolean, now: number): string {
  const notes = [
    ...(isCounting && metric.verdict === 'pass' ? passNotes(metric) : []),
    ...(metric.dryRun ? ['dry run, never counted'] : []),
    ...(metric.stableFrozenAt === null ? [] : [`stable, frozen at ${time(metric.stableFrozenAt, now)}`]),
    ...(metric.verdict === 'pass' || metric.detail === '' ? [] : [metric.detail]),
  ];
  const said = notes.length === 0 ? '' : `  (${notes.join('; ')})`;
  return `${VERDICT_GLYPHS[metric.verdict]} ${metric.verdict}${said}`;
}

function number(value: number | null): string {
  return value === null ? '-' : compactNumber(value);
}

function tail(view: CanaryView, now: number): string[][] {
  const { nextCheckAt, reason, pauses, alerts, canaryRevision, gateways, file, line, diagnostics } = view;
  const failed = view.failedRevisions.filter((revision) => revision !== canaryRevision);
  return [
    ...(nextCheckAt === null ? [] : [['Next', next(view, nextCheckAt, now)]]),
    ['Why', reason],
    ...pauses.map((pause) => [
      'Paused',
      `${pause.reason}: ${pause.detail} (since ${time(pause.since, now)})`,
    ]),
    ...measured(view, now),
    ...alerts.map((alert) => ['Alert', alertLine(alert, now)]),
    ...(failed.length === 0 ? [] : [['Failed', `${failed.join(', ')}: not started again without \`retry\``]]),
    ...(gateways === null ? [] : [['Gateways', gatewaysLine(gateways)]]),
    ...(file === null ? [] : [['File', line === null ? file : `${file}:${line}`]]),
    ...diagnostics.map((diagnostic) => ['Trouble', diagnosticLine(diagnostic)]),
  ];
}

/** Whoever must say how it goes on decides by these numbers; a pass has no other sentence. */
function measured({ step, pauses, metrics }: CanaryView, now: number): string[][] {
  if (pauses.length === 0 || step === null || step.index < 0) return [];
  return metrics.flatMap(({ name, measured: text, at }) =>
    text === '' || at === null
      ? []
      : [['Measured', `${name}: ${text} (${relativeTime(Date.parse(at), now)})`]],
  );
}

/** At rest nothing happens by itself: the daemon only reads the live rule. */
function next({ phase, name }: CanaryView, nextCheckAt: string, now: number): string {
  if (phase === 'RolledBack') return `nothing by itself: \`canary retry ${name}\`, or another revision`;
  if (phase === 'Stable' || phase === 'Succeeded') return 'nothing until another revision is named';
  return `look again ${time(nextCheckAt, now)}`;
}

function alertLine({ alert, action, summary, startedAt }: CanaryView['alerts'][number], now: number): string {
  const said = summary === '' ? '' : `: ${summary}`;
  return `${alert} asks for ${action}${said} (since ${time(startedAt, now)})`;
}

/** Gateways behind one address are one address, and one that only polls is none. */
function gatewaysLine({ current, total }: NonNullable<CanaryView['gateways']>): string {
  return `${current} of ${total} addresses have this rule (addresses, not proof)`;
}

/** "canaries/x.yaml:3:4 error SPEC_RANGE ..." as far as the place is known. */
export function diagnosticLine({ file, line, column, severity, code, detail }: DiagnosticView): string {
  const place = file === null ? '' : `${[file, line, column].filter((part) => part !== null).join(':')} `;
  return `${place}${severity} ${code}: ${detail}`;
}

function time(text: string, now: number): string {
  return clockTime(Date.parse(text), now);
}

function when(text: string, now: number): string {
  return `${time(text, now)} (${relativeTime(Date.parse(text), now)})`;
}
