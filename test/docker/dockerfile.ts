/** The Dockerfile as data, for tests that run without an engine: its stages, and what each copies from the checkout. */
import { readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
export const FOLDER = join(ROOT, 'infra/docker');

export interface Stage {
  readonly name: string;
  readonly from: string;
  /** Instruction and its arguments, continued lines joined. */
  readonly lines: readonly { readonly instruction: string; readonly args: string }[];
}

export function readStages(): Stage[] {
  const text = readFileSync(join(FOLDER, 'Dockerfile'), 'utf8');
  const joined = text.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '');
  const stages: { name: string; from: string; lines: { instruction: string; args: string }[] }[] = [];
  for (const line of joined.split('\n').filter((each) => each.trim() !== '')) {
    const [, instruction = '', args = ''] = /^(\w+) (.*)$/.exec(line) ?? [];
    const [, from = '', name = ''] = instruction === 'FROM' ? (/^(\S+) AS (\S+)$/.exec(args) ?? []) : [];
    if (instruction === 'FROM') stages.push({ name, from, lines: [] });
    else stages.at(-1)?.lines.push({ instruction, args });
  }
  return stages;
}

export function valuesOf(stage: Stage, instruction: string): string[] {
  return stage.lines.filter((line) => line.instruction === instruction).map(({ args }) => args);
}

/** Paths in the checkout that a stage copies, with where they go below its working folder. */
export function copiesOf(stage: Stage): { readonly source: string; readonly target: string }[] {
  return valuesOf(stage, 'COPY')
    .filter((args) => !args.startsWith('--from='))
    .flatMap((args) => {
      const words = args.split(' ');
      const target = words.pop() ?? '';
      return words.map((source) => ({
        source,
        target: target.endsWith('/') ? join(target, basename(source)) : target,
      }));
    });
}

/** Copies into `folder` what the stage copies, as the engine would. */
export async function layOut(stage: Stage, folder: string): Promise<void> {
  for (const { source, target } of copiesOf(stage)) {
    await mkdir(join(folder, target, '..'), { recursive: true });
    await cp(join(ROOT, source), join(folder, target), { recursive: true });
  }
}
