/** `canary serve`: only the flags; what they mean and the daemon itself are handed in from above. */
import type { Command } from 'commander';
import type { ExitCode } from '../exit-codes.ts';

/** A setting as far as the command line shows it. */
export interface ServeFlag {
  /** As commander writes it; null: environment or file only. */
  readonly flag: string | null;
  readonly env: string;
  readonly help: string;
  readonly fallback: string | null;
  readonly repeats?: boolean;
}

export type ServeFlags = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Serve {
  readonly flags: readonly ServeFlag[];
  /** Runs the daemon until it was told to stop. */
  run(flags: ServeFlags): Promise<ExitCode>;
}

export function addServeFlags(command: Command, flags: readonly ServeFlag[]): void {
  const hidden: string[] = [];
  for (const { flag, env, help, fallback, repeats } of flags) {
    const usual = fallback === null ? '' : `; default ${fallback}`;
    if (flag === null) hidden.push(`  ${env.padEnd(30)}${help}`);
    else if (repeats === true) command.option(flag, `${help} (${env}${usual})`, collect);
    else command.option(flag, `${help} (${env}${usual})`);
  }
  command.addHelpText('after', `\nEnvironment only:\n${hidden.join('\n')}`);
}

function collect(value: string, previous: readonly string[] | undefined): readonly string[] {
  return [...(previous ?? []), value];
}
