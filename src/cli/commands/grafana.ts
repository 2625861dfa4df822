/** `canary grafana export DIR|FILE...`: alert rules that say what the Canary files say, for a second pair of eyes. */
import { renderDiagnostics } from '../../spec/report.ts';
import { alertRules } from '../alert-rules.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { grafanaRules, leftOutText, prometheusRules, type RuleFormat } from '../render/alert-files.ts';

export interface ExportOptions {
  readonly format: RuleFormat;
  /** Uid of the Prometheus datasource in Grafana. */
  readonly datasource: string;
}

/**
 * Prints the file, or, where a Canary has an error, only what is wrong: half of the rules would look like all. Fails
 * too, though with the file, where a Canary that has something to measure is watched by no rule.
 */
export function exportRules(
  context: Context,
  paths: readonly string[],
  { format, datasource }: ExportOptions,
): ExitCode {
  const read = readSpecs(paths);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const { specs, diagnostics, sources } = read.value;
  if (diagnostics.some(({ severity }) => severity === 'error')) {
    context.talk(renderDiagnostics(diagnostics, sources).trimEnd());
    return context.refuse(EXIT.failed, 'no rules are written while a Canary file has an error');
  }
  const rules = alertRules(specs.map(({ canary }) => canary));
  const text = format === 'prometheus' ? prometheusRules(rules) : grafanaRules(rules, datasource);
  context.io.out(text.trimEnd());
  for (const each of rules.leftOut) context.talk(leftOutText(each));
  if (rules.unwatched.length === 0) return EXIT.ok;
  return context.refuse(EXIT.failed, `watched by no rule at all: ${rules.unwatched.join(', ')}`);
}
