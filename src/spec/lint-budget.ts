/** The rules of the error budget: which metrics have one, and what it can be asked for. */
import { ASKING_FOR_OBJECTIVES } from './budget.ts';
import type { JudgeName } from './canary.ts';
import type { Draft } from './draft.ts';
import { doubtful, type Finding, type Path, wrongField } from './finding.ts';
import { judgeOf } from './judge-choice.ts';
import type { CanaryDocument } from './schema.ts';

type Analysis = Draft<CanaryDocument['spec']['analysis']>;

/** The objective of one metric. `written`: the metric as it stands in the file; `judge`: the one that it gets. */
export function lintObjective(
  path: Path,
  written: Readonly<Record<string, unknown>>,
  analysis: Analysis,
  judge: JudgeName,
): Finding[] {
  if (!('objective' in written)) return [];
  const at = [...path, 'objective'];
  if ('query' in written) {
    const detail = 'Only ratio and latency count events, so a query has no error budget: remove objective.';
    return [wrongField('SPEC_BOUND', at, detail)];
  }
  const isAsked = ASKING_FOR_OBJECTIVES.some((key) => analysis[key] !== undefined);
  if (!isAsked && !('maxBurnRateDelta' in written)) {
    const uses = ['maxBurnRateDelta', ...ASKING_FOR_OBJECTIVES.map((key) => `analysis.${key}`)].join(' or ');
    const detail = `Nothing asks for objective: add ${uses}, or remove it.`;
    return [wrongField('SPEC_BOUND', at, detail)];
  }
  const { incident } = analysis;
  const rate = incident?.burnRate;
  const objective = written['objective'];
  if ('ratio' in written && rate !== undefined && typeof objective === 'number') {
    const share = Number((rate * (1 - objective)).toPrecision(12));
    const detail = `A burn rate of ${rate} would be a share of ${share} failed, which can never be: lower analysis.incident.burnRate.`;
    if (share > 1) return [wrongField('SPEC_BOUND', at, detail)];
  }
  if (analysis.rolloutBudget === undefined || judge === 'sequential') return [];
  const detail = `Only the sequential judge counts requests, so that this metric spends nothing of rolloutBudget: it has the ${judge} judge.`;
  return [doubtful('SPEC_UNBUDGETED', at, detail)];
}

/** Whether any metric can spend of the budget that a rollout has, and tell of an incident. `path`: of the analysis. */
export function lintBudget(path: Path, analysis: Analysis): Finding[] {
  const { rolloutBudget, incident, metrics = [], judge } = analysis;
  const promised = metrics.flatMap((metric) =>
    metric?.objective === undefined || metric.dryRun === true ? [] : [metric],
  );
  const findings: Finding[] = [];
  if (rolloutBudget !== undefined && !promised.some((metric) => judgeOf(metric, judge) === 'sequential')) {
    const detail =
      'No metric can spend of rolloutBudget: give a ratio or latency metric of the sequential judge an objective, e.g. objective: 0.999.';
    findings.push(wrongField('SPEC_BUDGET', [...path, 'rolloutBudget'], detail));
  }
  if (incident !== undefined && !promised.some(({ ratio }) => ratio !== undefined)) {
    const detail = 'No metric can tell of an incident: give a ratio an objective, e.g. objective: 0.999.';
    findings.push(wrongField('SPEC_BUDGET', [...path, 'incident'], detail));
  }
  return findings;
}
