/** From a document as plain values to what it declares, and to everything that is wrong with it. */
import type { AnalysisTemplate, Canary, TemplateUser } from './canary.ts';
import { draftOf, isMapping, valueAt } from './draft.ts';
import { type Finding, type Path, wrongValue } from './finding.ts';
import { findingsOf, type Written } from './issues.ts';
import { lintDocument, lintTemplate } from './lint.ts';
import { withTemplate } from './merge.ts';
import { resolve, resolveEarlier } from './resolve.ts';
import { CanaryDocument, TemplateDocument, TemplateName } from './schema.ts';

const METRICS: Path = ['spec', 'analysis', 'metrics'];
const TEMPLATE: Path = ['spec', 'analysis', 'template'];

interface ReadCanary {
  readonly canary: Canary | null;
  /** The same document by the judges of before, where that is another Canary. */
  readonly earlier: Canary | null;
  readonly findings: readonly Finding[];
}

/** Schema and lint over a Canary. */
export function readCanary(written: Written): ReadCanary {
  const { values: input } = written;
  const foreign = foreignKind(input);
  if (foreign !== null) return { canary: null, earlier: null, findings: [foreign] };
  const parsed = CanaryDocument.safeParse(input);
  const draft = parsed.success ? parsed.data : draftOf(CanaryDocument, input);
  const findings = [
    ...(parsed.success ? [] : findingsOf(parsed.error, written)),
    ...(draft === undefined ? [] : lintDocument(draft, input)),
  ];
  if (!parsed.success || findings.some(({ severity }) => severity === 'error')) {
    return { canary: null, earlier: null, findings };
  }
  return { canary: resolve(parsed.data), earlier: resolveEarlier(parsed.data), findings };
}

/** What belongs to another program is named as such, instead of by everything that it lacks to be a Canary. */
function foreignKind(input: unknown): Finding | null {
  const wanted = 'a document here begins with apiVersion: canary/v1 and kind: Canary (or AnalysisTemplate)';
  if (!isMapping(input)) return wrongValue('SPEC_NOT_CANARY', [], `This is no Canary: ${wanted}.`);
  const { apiVersion = 'canary/v1', kind = 'Canary' } = input;
  const isOurs =
    apiVersion === 'canary/v1' || (kind === 'Canary' && String(apiVersion).startsWith('canary/'));
  if (isOurs && !(input['apiVersion'] === undefined && input['kind'] === undefined)) return null;
  const detail = isOurs ? 'This is no Canary' : `This is ${oneLine(apiVersion)} ${oneLine(kind)}`;
  return wrongValue('SPEC_NOT_CANARY', isOurs ? [] : ['apiVersion'], `${detail}: ${wanted}.`);
}

function oneLine(value: unknown): string {
  return String(value).replace(/\s+/g, ' ').slice(0, 80);
}

export function isTemplate(input: unknown): boolean {
  if (!isMapping(input) || input['kind'] !== 'AnalysisTemplate') return false;
  return String(input['apiVersion'] ?? 'canary/v1').startsWith('canary/');
}

/** Schema and lint over an AnalysisTemplate. */
export function readTemplate(written: Written): {
  readonly template: Pick<AnalysisTemplate, 'name' | 'analysis'> | null;
  readonly findings: readonly Finding[];
} {
  const { values: input } = written;
  const parsed = TemplateDocument.safeParse(input);
  const draft = parsed.success ? parsed.data : draftOf(TemplateDocument, input);
  const findings = [
    ...(parsed.success ? [] : findingsOf(parsed.error, written)),
    ...(draft === undefined ? [] : lintTemplate(draft, input)),
  ];
  const analysis = valueAt(input, ['spec']);
  const isValid = parsed.success && !findings.some(({ severity }) => severity === 'error');
  if (!isValid || !isMapping(analysis)) return { template: null, findings };
  return { template: { name: parsed.data.metadata.name, analysis }, findings };
}

/** The template that a Canary names; null when it names none, or something that can be no name. */
export function templateNameIn(values: unknown): string | null {
  if (!isMapping(values) || values['kind'] !== 'Canary') return null;
  const name = TemplateName.safeParse(valueAt(values, TEMPLATE));
  return name.success ? name.data : null;
}

/**
 * Schema and lint over a Canary with its template. Findings are about the Canary's own document: what is wrong with
 * what came from the template is said where the Canary names it. Doubts about a template are said there, once.
 */
export function readUser(
  { values, template: name }: Pick<TemplateUser, 'values' | 'template'>,
  template: AnalysisTemplate | null,
  problem: string,
  textAt: Written['textAt'],
): ReadCanary {
  const merged = template === null ? values : withTemplate(values, template.analysis);
  const { findings, ...read } = readCanary({ kind: 'Canary', values: merged, textAt });
  if (template === null) {
    const others = findings.filter(({ code }) => !LACKING.has(code));
    const unknown = wrongValue('SPEC_TEMPLATE', TEMPLATE, problem);
    return { canary: null, earlier: null, findings: [unknown, ...others] };
  }
  const placed = findings.flatMap((finding) => {
    if (!isInherited(finding.path, values, merged)) return finding;
    if (finding.severity === 'warning') return [];
    return wrongValue(finding.code, TEMPLATE, `With the template ${name}: ${finding.detail}`);
  });
  return { ...read, findings: placed };
}

/** What a Canary may lack because its template has it. */
const LACKING: ReadonlySet<Finding['code']> = new Set([
  'SPEC_NO_METRICS',
  'SPEC_METRIC_SOURCE',
  'SPEC_NO_BOUND',
]);

function isInherited(path: Path, own: unknown, merged: unknown): boolean {
  const isMetric = path.length > METRICS.length && METRICS.every((key, index) => path[index] === key);
  const metrics = valueAt(own, METRICS);
  const index = path[METRICS.length];
  if (isMetric && typeof index === 'number' && index >= (Array.isArray(metrics) ? metrics.length : 0)) {
    return true;
  }
  return valueAt(own, path) === undefined && valueAt(merged, path) !== undefined;
}
