/** `canary doctor`: examines what `canary serve` with the same settings would work with, and says what is wrong. */
import type { Result } from '../../lib/result.ts';
import { alignColumns } from '../../lib/text.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { ServeFlags } from './serve.ts';

/** good: as it should be. doubt: it works, and a person should know. bad: it cannot work so. */
export type CheckState = 'good' | 'doubt' | 'bad';

export interface Check {
  /** Part that was examined, e.g. "nacos". */
  readonly part: string;
  readonly state: CheckState;
  readonly detail: string;
}

/** Examines by the settings of `canary serve`; the error says what is wrong with those. */
export type Examine = (flags: ServeFlags) => Promise<Result<readonly Check[], string>>;

const MARKS: Readonly<Record<CheckState, string>> = { good: 'ok', doubt: 'note', bad: 'BAD' };

/** Ends with 1 when something is bad, and with 78, as `serve` would, for settings that cannot work. */
export async function doctor(context: Context, examine: Examine, flags: ServeFlags): Promise<ExitCode> {
  const examined = await examine(flags);
  if (!examined.ok) return context.refuse(EXIT.badSettings, examined.error);
  const checks = examined.value;
  context.print({ checks }, () =>
    alignColumns(checks.map(({ part, state, detail }) => [MARKS[state], part, detail])).join('\n'),
  );
  return checks.some(({ state }) => state === 'bad') ? EXIT.failed : EXIT.ok;
}
