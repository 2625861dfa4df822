/** `canary backup FILE`: copies the database on this machine, also while a daemon works on it. */
import type { Result } from '../../lib/result.ts';
import { plural } from '../../lib/text.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

/** What a copy holds. */
export interface Backup {
  readonly file: string;
  readonly sizeBytes: number;
  readonly lastEvent: number;
  readonly canaries: number;
  readonly schema: number;
}

/** Copies the database `from` to the new file `to`; an error says what to do. The command line has no hands itself. */
export type BackUp = (from: string, to: string) => Promise<Result<Backup, string>>;

export async function backup(context: Context, backUp: BackUp, from: string, to: string): Promise<ExitCode> {
  const made = await backUp(from, to);
  if (!made.ok) return context.refuse(EXIT.failed, made.error);
  const { file, sizeBytes, lastEvent, canaries } = made.value;
  context.print(
    made.value,
    () => `${file}: ${plural(canaries, 'Canary', 'Canaries')}, up to event ${lastEvent}, ${sizeBytes} bytes`,
  );
  return EXIT.ok;
}
