/** `canary lint FILE|DIR...` and `canary schema`: what can be said about files without a server. */
import { canarySchemaText } from '../../spec/json-schema.ts';
import { renderDiagnostics } from '../../spec/report.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readSpecs } from '../files.ts';
import { renderTemplates } from '../render/plan.ts';

export function lint(context: Context, paths: readonly string[]): ExitCode {
  const read = readSpecs(paths);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const { specs, templates, diagnostics, sources } = read.value;
  const answer = { canaries: specs.map(({ canary }) => canary.name), templates, diagnostics };
  context.print(answer, () =>
    [...renderTemplates(templates), renderDiagnostics(diagnostics, sources).trimEnd()].join('\n'),
  );
  return diagnostics.some(({ severity }) => severity === 'error') ? EXIT.failed : EXIT.ok;
}

/** The JSON Schema of Canary files, byte for byte as it lies in the repository. */
export function schema(context: Context): ExitCode {
  context.io.out(canarySchemaText().trimEnd());
  return EXIT.ok;
}
