import { expect, onTestFinished, test } from 'vitest';
import { processIo } from '../../src/cli/io.ts';

/** Standard output as it would be on a terminal. */
function onTerminal(columns: number): void {
  const { stdout } = process;
  const before = { isTTY: stdout.isTTY, columns: stdout.columns };
  onTestFinished(() => {
    Object.assign(stdout, before);
  });
  Object.assign(stdout, { isTTY: true, columns });
}

test('a terminal has its columns', () => {
  onTerminal(132);
  expect(processIo()).toMatchObject({ isTerminal: true, columns: 132 });
});

test('a terminal that does not know its size has none', () => {
  onTerminal(0);
  expect(processIo()).toMatchObject({ isTerminal: true, columns: null });
});
