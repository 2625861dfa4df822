/** docs/tutorial.md, done as it is written in a fresh clone: every file, every command, and what each prints. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ensurePrometheus } from '../../infra/prometheus/fetch.ts';
import { find, skipped } from '../terraform/tools.ts';
import { freshClone, noClone } from './fresh-clone.ts';
import { noOwnNetwork, ownNetwork, type Running } from './own-network.ts';
import { ROOT } from './reference.ts';
import { actsOf, type Commands, shapeOf } from './tutorial.ts';

const acts = actsOf(readFileSync(join(ROOT, 'docs/tutorial.md'), 'utf8'));

/** What the reader gives a terminal of its own, and what it prints once it is up. */
const GOES_ON: readonly (readonly [RegExp, string])[] = [
  [/dev-nacos$|fleet\/(?:service|gateway)\.ts /, 'listening on'],
  [/demo\/load\.ts /, 'running against'],
  [/--storage\.tsdb\.path/, 'Server is ready to receive web requests'],
  // Nobody types so fast that it would not know by then.
  [/canary -- serve /, 'v1 is stable, told by spec.stableRevision'],
  [/canary -- get shop -w/, 'Canary '],
];

/** What comes and goes before a command may have begun to look, where the machine is busy. */
const MAY_BE_MISSED = ['shop: Waiting, weight 0 %'];

/** The page says of these that they do not end with 0. */
const EXIT_CODES: readonly (readonly [RegExp, number])[] = [[/wait shop --revision v3/, 3]];

async function whyNot(): Promise<string | null> {
  if ((await find('curl')) === null) return 'curl is not on PATH';
  const noPrometheus = await ensurePrometheus().then(
    () => null,
    (cause: Error) => cause.message,
  );
  if ((await find('make')) === null) return 'make is not on PATH';
  return noPrometheus ?? (await noClone()) ?? (await noOwnNetwork());
}

const reason = await whyNot();
if (reason !== null) skipped('the tutorial', reason);

test('the tutorial has files, commands and what they print', () => {
  const blocks = acts.filter((act) => act.kind === 'run');
  expect(acts.length - blocks.length).toBe(2);
  expect(blocks.flatMap(({ lines }) => lines).length).toBeGreaterThan(25);
  expect(blocks.filter(({ shown }) => shown.length > 0).length).toBeGreaterThan(7);
});

test.skipIf(reason !== null)(
  'every command of the tutorial does in a fresh clone as it is written, and prints what the page shows',
  { timeout: 600_000 },
  async ({ onTestFinished }) => {
    const home = mkdtempSync(join(tmpdir(), 'tutorial-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const network = await ownNetwork(onTestFinished, await freshClone(onTestFinished));
    const env = { PATH: process.env['PATH'], HOME: home, TMPDIR: home };
    const going: { readonly shown: readonly string[]; readonly running: Running }[] = [];

    /** Runs it, or starts what goes on; what it printed. */
    async function does(line: string, shown: readonly string[]): Promise<string> {
      const [, ready] = GOES_ON.find(([form]) => form.test(line)) ?? [];
      if (ready !== undefined) {
        const running = network.start(line, env);
        await running.printed(ready);
        going.push({ shown, running });
        return '';
      }
      const { code, said } = await network.run(line, env);
      const [, expected = 0] = EXIT_CODES.find(([form]) => form.test(line)) ?? [];
      const logs = () => going.map(({ running }) => running.output().slice(-2_000)).join('\n---\n');
      expect(code, code === expected ? '' : `${line}\n${said}\n${logs()}`).toBe(expected);
      return said;
    }

    for (const act of acts) {
      if (act.kind === 'write') {
        const path = act.path.replace('~', home);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, act.content);
        continue;
      }
      let printed = '';
      for (const line of act.lines) printed += await does(line, act.shown);
      if (!goesOn(act)) expectShown(act, printed);
    }
    for (const { shown, running } of going) expectShown({ lines: [], shown }, running.output());
  },
);

function goesOn({ lines }: Commands): boolean {
  return lines.some((line) => GOES_ON.some(([form]) => form.test(line)));
}

function expectShown({ lines, shown }: Commands, printed: string): void {
  const shapes = new Set(printed.split('\n').map(shapeOf));
  expect(
    shown.filter((line) => !shapes.has(shapeOf(line)) && !MAY_BE_MISSED.includes(line)),
    `missing in what this printed: ${lines.join('; ')}\n${printed}`,
  ).toEqual([]);
}
