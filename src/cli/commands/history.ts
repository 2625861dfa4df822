/** `canary explain`, `canary history`: why, and what was. */
import { ExplanationView, RolloutListView } from '../../view/schemas.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { renderHistory } from '../render/tables.ts';
import { canaryPath } from './get.ts';

export async function explain(context: Context, name: string, event: string | undefined): Promise<ExitCode> {
  const query = event === undefined ? '' : `?at=${event}`;
  const answer = await context.client.get(`${canaryPath(name)}/explain${query}`, ExplanationView);
  if (!answer.ok) return context.fail(answer.error);
  context.print(answer.value, () => answer.value.text);
  return EXIT.ok;
}

export async function history(context: Context, name: string): Promise<ExitCode> {
  const { client, io } = context;
  const answer = await client.get(`${canaryPath(name)}/rollouts`, RolloutListView);
  if (!answer.ok) return context.fail(answer.error);
  const { items } = answer.value;
  context.print(answer.value, () => renderHistory(items, io.clock.now(), io.columns));
  if (items.length === 0 && context.format === 'table') context.talk(`${name} had no rollout yet`);
  return EXIT.ok;
}
