/** A vitest reporter whose only output is the suite's last line: how many tests passed, failed and were skipped. */
import { writeSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

export interface Tally {
  passed: number;
  /** Failed tests, and whatever else makes a run fail: files and hooks that threw, errors outside any test. */
  failed: number;
  skipped: number;
}

/**
 * Prints "N passed, N failed" (", N skipped" where there are any) when the process ends, after everything that other
 * reporters have to say.
 */
export function closingLineReporter(): Reporter {
  return {
    onTestRunEnd(modules, unhandledErrors) {
      const tally = tallyOf(modules);
      tally.failed += unhandledErrors.length;
      process.once('exit', () => writeSync(1, `${closingLine(tally)}\n`));
    },
  };
}

export function closingLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

export function tallyOf(modules: readonly TestModule[]): Tally {
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    tally.failed += module.errors().length;
    for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that never got a result (the run was cut short) has not passed.
      if (state === 'pending') tally.failed += 1;
      else tally[state] += 1;
    }
  }
  return tally;
}
