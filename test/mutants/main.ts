/**
 * `make mutants`: makes each mutation in a copy of the tree and runs the tests that must notice it. Ends with 1 when
 * one of them does not, or when a mutation no longer applies. Arguments: parts of names, to run only those.
 */
import { execFile, execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { MUTANTS, type Mutant, placesOf } from './mutants.ts';

const ROOT = resolve(import.meta.dirname, '../..');
/** A mutant may run in circles. */
const LIMIT_MS = 180_000;

interface Verdict {
  readonly kind: 'KILLED' | 'SURVIVED' | 'BROKEN';
  /** The test that noticed, or what went wrong. */
  readonly detail: string;
}

interface Run {
  /** Full names of the tests that failed. */
  readonly failed: readonly string[];
  readonly passed: number;
  /** What kept files from running at all. */
  readonly problem: string | null;
}

/** Everything under version control and not ignored, as it stands, with the installed dependencies. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'canary-mutants-'));
  const listed = execFileSync('git', ['ls-files', '-z', '--deduplicate'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
  }
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

function runTests(copy: string, files: readonly string[]): Promise<Run> {
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const args = ['run', '--bail', '1', '--maxWorkers', '1', '--reporter', 'json', '--outputFile', report];
  return new Promise((done) => {
    const options = { cwd: copy, timeout: LIMIT_MS, killSignal: 'SIGKILL' } as const;
    execFile(process.execPath, [vitest, ...args, ...files], options, (error, _stdout, stderr) => {
      if (existsSync(report)) done(resultOf(readFileSync(report, 'utf8')));
      else done({ failed: [], passed: 0, problem: stderr || (error?.message ?? 'no report') });
    });
  });
}

function resultOf(report: string): Run {
  const { testResults } = JSON.parse(report) as {
    testResults: { message: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  const passed = tests.filter(({ status }) => status === 'passed').length;
  const problem = testResults.find(({ message }) => message !== '')?.message ?? null;
  return { failed, passed, problem };
}

async function judge(copy: string, mutant: Mutant): Promise<Verdict> {
  const { file, text, by, tests } = mutant;
  const original = readFileSync(join(copy, file), 'utf8');
  const places = placesOf(mutant, original);
  if (places !== 1) return { kind: 'BROKEN', detail: `its text stands ${places} times in ${file}, not once` };
  writeFileSync(
    join(copy, file),
    original.replace(text, () => by),
  );
  try {
    const { failed, problem } = await runTests(copy, tests);
    if (failed[0] !== undefined) return { kind: 'KILLED', detail: failed[0] };
    if (problem !== null) return { kind: 'BROKEN', detail: problem };
    return { kind: 'SURVIVED', detail: `${tests.join(' ')} noticed nothing` };
  } finally {
    writeFileSync(join(copy, file), original);
  }
}

/** What the tests say of the program as it is: a test that is red anyway notices nothing. */
async function checkOriginal(copy: string, mutants: readonly Mutant[]): Promise<void> {
  const { failed, passed, problem } = await runTests(copy, [
    ...new Set(mutants.flatMap(({ tests }) => tests)),
  ]);
  const [first = problem] = failed;
  if (first !== null || passed === 0) throw new Error(`without a mutation: ${first ?? 'no test ran'}`);
  console.log(`${passed} tests are green without a mutation`);
}

async function main(parts: readonly string[]): Promise<number> {
  const wanted = MUTANTS.filter(({ name }) => parts.every((part) => name.includes(part)));
  if (wanted.length === 0) throw new Error(`no mutation has all of these in its name: ${parts.join(', ')}`);
  const copies = Array.from({ length: Math.min(availableParallelism(), 4) }, copyTree);
  const counts = { KILLED: 0, SURVIVED: 0, BROKEN: 0 };
  try {
    await checkOriginal(copies[0] ?? ROOT, wanted);
    const queue = [...wanted];
    await Promise.all(
      copies.map(async (copy) => {
        for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift()) {
          const { kind, detail } = await judge(copy, mutant);
          counts[kind] += 1;
          console.log(
            `${kind.padEnd(8)} ${mutant.name}\n         guards: ${mutant.guards}\n         by: ${detail}`,
          );
        }
      }),
    );
  } finally {
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
  }
  console.log(`${counts.KILLED} killed, ${counts.SURVIVED} survived, ${counts.BROKEN} broken`);
  return counts.KILLED === wanted.length ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
