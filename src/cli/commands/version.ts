/** `canary version`: which build this is. */
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

export function version(context: Context): ExitCode {
  const answer = { version: context.version, node: process.versions.node };
  context.print(answer, () => `canary ${answer.version} (Node.js ${answer.node})`);
  return EXIT.ok;
}
