/**
 * `npm run -s bench:judge -- [--full] [--seed N] [--out FILE]`: how often each rule of judgment is wrong, how fast it is,
 * and whether the sequential judge meets its targets. Prints a page of Markdown; `--out` keeps the figures as JSON, one
 * cell a line. Exit code 1: a target was missed for no known reason.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { asLines, readResult } from './kept.ts';
import { pageOf } from './page.ts';
import { fullParts, playParts, quickParts } from './run.ts';
import { unexpected } from './targets.ts';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed)) {
  console.error('usage: npm run -s bench:judge -- [--full] [--seed N] [--out FILE]');
  process.exit(2);
}

const parts = values.full ? fullParts() : quickParts();
const played = playParts(values.full ? 'full' : 'quick', parts, seed, (name, at) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${at + 1} of ${parts.length}: ${name}`);
});
if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
// The page is made of the figures as they are kept, so that it can be made of them again.
const kept = asLines(played);
const result = readResult(kept);
console.log(pageOf(result).trimEnd());
if (values.out !== undefined) writeFileSync(values.out, kept);
if (unexpected(result.checks).length > 0) process.exitCode = 1;
