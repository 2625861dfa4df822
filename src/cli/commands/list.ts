/** `canary list`: all Canaries at a glance, and what is wrong with files. */
import { CanaryListView } from '../../view/schemas.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { diagnosticLine } from '../render/canary.ts';
import { renderList } from '../render/tables.ts';

export async function list(context: Context): Promise<ExitCode> {
  const { client, io } = context;
  const answer = await client.get('/api/v1/canaries', CanaryListView);
  if (!answer.ok) return context.fail(answer.error);
  const { items, diagnostics } = answer.value;
  context.print(answer.value, () => renderList(items, io.clock.now(), io.columns));
  if (context.format === 'table') {
    if (items.length === 0) context.talk('no valid Canary file was found');
    for (const diagnostic of diagnostics) {
      if (diagnostic.severity === 'error') context.talk(diagnosticLine(diagnostic));
    }
  }
  return EXIT.ok;
}
