/** `canary lint FILE|DIR...` and `canary schema`: what can be said about files without a server. */
import { plural } from '../../lib/text.ts';
import { canarySchemaText } from '../../spec/json-schema.ts';
import { renderDiagnostics } from '../../spec/report.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { type ReadSpecs, readSpecs } from '../files.ts';
import { renderTemplates } from '../render/plan.ts';

export function lint(context: Context, paths: readonly string[]): ExitCode {
  const read = readSpecs(paths);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const { specs, templates, diagnostics, sources } = read.value;
  const canaries = specs.map(({ canary }) => canary.name);
  const answer = { files: [...sources.keys()], canaries, templates, diagnostics };
  context.print(answer, () =>
    [
      ...renderTemplates(templates),
      renderDiagnostics(diagnostics, sources, checkedText(read.value)).trimEnd(),
    ].join('\n'),
  );
  return diagnostics.some(({ severity }) => severity === 'error') ? EXIT.failed : EXIT.ok;
}

/** "10 Canaries in 9 files", those with errors included as far as they have a name. */
function checkedText({ specs, templates, diagnostics, sources }: ReadSpecs): string {
  const keyOf = (file: string, name: string) => `${file}\n${name}`;
  const valid = new Set(specs.map(({ file, canary }) => keyOf(file, canary.name)));
  const named = diagnostics.flatMap(({ file, canary }) => (canary === undefined ? [] : keyOf(file, canary)));
  const broken = new Set(named.filter((key) => !valid.has(key)));
  const shared = templates.filter(({ file }) => sources.has(file)).length;
  const counts = [
    plural(specs.length + broken.size, 'Canary', 'Canaries'),
    ...(shared > 0 ? [plural(shared, 'template')] : []),
  ];
  return `${counts.join(' and ')} in ${plural(sources.size, 'file')}`;
}

/** The JSON Schema of Canary files, byte for byte as it lies in the repository. */
export function schema(context: Context): ExitCode {
  context.io.out(canarySchemaText().trimEnd());
  return EXIT.ok;
}
