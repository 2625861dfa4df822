/** What a schema cannot say about one document: the rules between its fields. `directory.ts` has those between files. */
import { formatDuration } from '../lib/duration.ts';
import { type Draft, isMapping, valueAt } from './draft.ts';
import { doubtful, type Finding, type Path, wrongField, wrongValue } from './finding.ts';
import { judgeOf } from './judge-choice.ts';
import { lintBudget } from './lint-budget.ts';
import { lintPointTimes, lintScore } from './lint-mann-whitney.ts';
import { lintMetric } from './lint-metric.ts';
import { lintQuery } from './lint-query.ts';
import { defaultDataId } from './resolve.ts';
import { type CanaryDocument, MAX_DATA_ID, NACOS_NAME, type TemplateDocument } from './schema.ts';

type Body = Draft<CanaryDocument['spec']>;

const STEPS: Path = ['spec', 'strategy', 'steps'];
const METRICS: Path = ['spec', 'analysis', 'metrics'];

/** Looks that must pass before a step is left upward. */
const LOOKS_OF_EVIDENCE = 3;

/**
 * Everything wrong or doubtful that the schema let pass. `draft` is what the schema accepted, so that a document
 * with a wrong field is checked in all its other fields; `input` is the document as written, as plain values.
 */
export function lintDocument(draft: Draft<CanaryDocument>, input: unknown): readonly Finding[] {
  const { spec } = draft;
  if (spec === undefined) return [];
  const name = draft.metadata?.name;
  return [
    ...lintTraffic(spec, name),
    ...lintSteps(spec),
    ...lintHold(spec),
    ...lintReady(spec, name, input),
    ...lintMetrics(spec, name, input),
    ...lintTimes(spec),
    ...lintPointTimes(spec),
  ];
}

function lintTraffic({ traffic, service }: Body, name: string | undefined): Finding[] {
  const path: Path = ['spec', 'traffic'];
  const { nacos, file } = traffic ?? {};
  if (file !== undefined && nacos !== undefined) {
    return [wrongField('SPEC_TARGET', [...path, 'file'], 'traffic names two routers: keep nacos or file.')];
  }
  if (file?.path !== undefined) {
    const problem = pathProblem(file.path);
    return problem === null ? [] : [wrongValue('SPEC_PATH', [...path, 'file', 'path'], problem)];
  }
  const named = service ?? name;
  if (named === undefined || file !== undefined || nacos?.dataId !== undefined) return [];
  const dataId = defaultDataId(named);
  if (NACOS_NAME.test(dataId) && dataId.length <= MAX_DATA_ID) return [];
  const detail = `${named} cannot stand in a Nacos dataId, which may hold ${MAX_DATA_ID} letters, digits and _ - . : only; set traffic.nacos.dataId.`;
  return [wrongValue('SPEC_SERVICE', ['spec', 'service'], detail)];
}

function pathProblem(path: string): string | null {
  const parts = path.split('/');
  if (
    path.startsWith('/') ||
    path.includes('\\') ||
    parts.includes('..') ||
    /^[A-Za-z]:|\p{Cc}/u.test(path)
  ) {
    return 'The path must stay inside the directory of the Canary files: relative, with / between its parts and without "..".';
  }
  const last = parts.at(-1) ?? '';
  if (last === '' || last === '.') return 'The path must end in the name of a file.';
  return /\.ya?ml$/i.test(last)
    ? 'The path must not end in .yaml, or the document would be read as a Canary.'
    : null;
}

function lintSteps({ strategy }: Body): Finding[] {
  const steps = strategy?.steps ?? [];
  const findings: Finding[] = [];
  let highest = 0;
  for (const [index, step] of steps.entries()) {
    const weight = step?.setWeight;
    if (weight === undefined) continue;
    if (weight <= highest) {
      const detail = `The weights of the steps must ascend: ${weight} comes after ${highest}.`;
      findings.push(wrongValue('SPEC_STEP_ORDER', [...STEPS, index, 'setWeight'], detail));
    }
    highest = Math.max(highest, weight);
  }
  const last = steps.at(-1);
  const path: Path = [...STEPS, steps.length - 1];
  if (last?.setWeight !== undefined && last.setWeight !== 100) {
    const detail = `The last step must set weight 100, found ${last.setWeight}.`;
    findings.push(wrongValue('SPEC_LAST_STEP', [...path, 'setWeight'], detail));
  }
  if (last?.approval !== undefined) {
    const detail = 'No step follows the last one, so there is nothing to approve: remove approval.';
    findings.push(wrongField('SPEC_LAST_APPROVAL', [...path, 'approval'], detail));
  }
  return findings;
}

/** What the steps must be for judges that compare requests or points, and must not ask for without them. */
function lintHold({ strategy, analysis }: Body): Finding[] {
  const steps = strategy?.steps ?? [];
  const metrics = analysis?.metrics ?? [];
  const judges = metrics.map((metric) =>
    metric === undefined ? 'threshold' : judgeOf(metric, analysis?.judge),
  );
  if (judges.every((judge) => judge === 'threshold')) {
    return [...steps.entries()]
      .filter(([, step]) => step?.maxHold !== undefined)
      .map(([index]) => {
        const detail =
          'maxHold is for the sequential and the mannWhitney judge, which no metric has: progressDeadline is for all.';
        return wrongField('SPEC_JUDGE', [...STEPS, index, 'maxHold'], detail);
      });
  }
  if (steps.length === 0 || steps.some((step) => (step?.setWeight ?? 0) < 100)) return [];
  const detail = judges.includes('mannWhitney')
    ? 'The only step is 100, so canary and stable never serve side by side: the mannWhitney judge then has no points of stable.'
    : 'The only step is 100, so canary and stable never serve side by side: the sequential judge then knows stable from before only.';
  return [doubtful('SPEC_NEVER_COMPARED', STEPS, detail)];
}

function lintReady(spec: Body, name: string | undefined, input: unknown): Finding[] {
  const { strategy, analysis } = spec;
  if (strategy === undefined) return [];
  const path: Path = ['spec', 'strategy', 'ready'];
  if (valueAt(input, path) === undefined) {
    const detail = 'Without strategy.ready the first step may begin before an instance of the canary runs.';
    return [doubtful('SPEC_NO_READY', path, detail)];
  }
  const query = strategy.ready?.query;
  if (query === undefined) return [];
  const linted = lintQuery([...path, 'query'], query, { spec, name, windowMs: analysis?.window });
  if (linted.findings.length > 0 || linted.uses.has('canary') || linted.uses.has('version'))
    return [...linted.findings];
  const detail = 'The query names neither {{canary}} nor {{version}}, so instances of stable can satisfy it.';
  return [doubtful('SPEC_BLIND_QUERY', [...path, 'query'], detail)];
}

function lintMetrics(spec: Body, name: string | undefined, input: unknown): Finding[] {
  const { analysis } = spec;
  if (analysis?.metrics === undefined) return [];
  const score: Path = ['spec', 'analysis', 'score'];
  return [
    ...lintSkip(analysis),
    ...lintEachMetric(METRICS, spec, name, input),
    ...lintScore(score, analysis),
    ...lintBudget(['spec', 'analysis'], analysis),
  ];
}

/** The same for an AnalysisTemplate, which knows nothing of its users. */
export function lintTemplate({ spec }: Draft<TemplateDocument>, input: unknown): readonly Finding[] {
  if (spec === undefined) return [];
  return lintEachMetric(['spec', 'metrics'], { analysis: spec }, undefined, input);
}

function lintEachMetric(at: Path, spec: Body, name: string | undefined, input: unknown): Finding[] {
  const { metrics = [], window } = spec.analysis ?? {};
  const findings: Finding[] = [];
  const names = new Set<string>();
  for (const [index, metric] of metrics.entries()) {
    const path = [...at, index];
    const written = valueAt(input, path);
    if (metric === undefined || !isMapping(written)) continue;
    if (metric.name !== undefined && names.has(metric.name)) {
      findings.push(
        wrongValue('SPEC_DUPLICATE_METRIC', [...path, 'name'], `Two metrics have the name ${metric.name}.`),
      );
    }
    if (metric.name !== undefined) names.add(metric.name);
    findings.push(...lintMetric(path, metric, written, { spec, name, windowMs: metric.window ?? window }));
  }
  return findings;
}

function lintSkip({ skip, metrics = [] }: NonNullable<Body['analysis']>): Finding[] {
  if (skip === undefined) return [];
  if (skip && metrics.length > 0) {
    const detail = 'skip: true says that there are no metrics, but there are: remove one of the two.';
    return [wrongField('SPEC_SKIP_WITH_METRICS', ['spec', 'analysis', 'skip'], detail)];
  }
  if (skip || metrics.some((metric) => metric?.dryRun !== true)) return [];
  const reason = metrics.length === 0 ? 'There are no metrics' : 'Every metric is a dry run';
  const detail = `${reason}, so nothing could stop a bad revision: add a metric, or release without analysis by analysis: {skip: true}.`;
  return [wrongField('SPEC_NO_METRICS', METRICS, detail)];
}

/** Whether evidence fits into the steps: a window per look, after the settle time, at three looks. */
function lintTimes({ strategy, traffic, analysis }: Body): Finding[] {
  const steps = strategy?.steps ?? [];
  const bakes = steps.map((step) => step?.bake ?? Number.POSITIVE_INFINITY);
  const bake = Math.min(...bakes);
  const [settle, interval, deadline] = [traffic?.settle, analysis?.interval, strategy?.progressDeadline];
  if (!Number.isFinite(bake) || analysis === undefined) return [];
  const step = `step ${bakes.indexOf(bake) + 1} (bake ${formatDuration(bake)})`;
  const findings: Finding[] = [];
  let longest = 0;
  for (const [index, metric] of (analysis.metrics ?? []).entries()) {
    const windowMs = metric?.window ?? analysis.window;
    if (windowMs === undefined) continue;
    // How long its evidence takes follows from the traffic, which a file does not know, or from its points.
    if (metric !== undefined && judgeOf(metric, analysis.judge) !== 'threshold') continue;
    const path: Path = [...METRICS, index, 'window'];
    if (windowMs > bake) {
      const detail = `The window ${formatDuration(windowMs)} is longer than ${step} lasts: bake longer or look back less.`;
      findings.push(wrongValue('SPEC_WINDOW', path, detail));
    } else if (metric?.dryRun !== true) {
      longest = Math.max(longest, windowMs);
    }
  }
  if (longest === 0 || settle === undefined || interval === undefined || deadline === undefined)
    return findings;
  const needed = settle + longest + (LOOKS_OF_EVIDENCE - 1) * interval;
  const sum = `settle ${formatDuration(settle)}, window ${formatDuration(longest)} and ${LOOKS_OF_EVIDENCE} looks take ${formatDuration(needed)}`;
  if (deadline > 0 && needed > bake + deadline) {
    const detail = `Evidence cannot fit into ${step} with its progressDeadline ${formatDuration(deadline)}: ${sum}.`;
    findings.push(wrongValue('SPEC_WINDOW', ['spec', 'strategy', 'progressDeadline'], detail));
  } else if (needed > bake) {
    findings.push(
      doubtful('SPEC_SHORT_BAKE', STEPS, `Evidence makes ${step} last longer than that: ${sum}.`),
    );
  }
  return findings;
}
