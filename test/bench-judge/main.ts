/**
 * `npm run -s bench:judge -- [--full] [--seed N] [--out FILE.md]`: how often each rule of judgment is wrong, how fast it
 * is, and whether the sequential judge meets its targets. Prints Markdown, or writes it with the figures as JSON beside.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pageOf } from './page.ts';
import { fullParts, playParts, quickParts, type Result } from './run.ts';

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    out: { type: 'string' },
  },
});
const seed = Number(values.seed);
if (!Number.isSafeInteger(seed) || (values.out !== undefined && !values.out.endsWith('.md'))) {
  console.error('usage: npm run -s bench:judge -- [--full] [--seed N] [--out FILE.md]');
  process.exit(2);
}

const parts = values.full ? fullParts() : quickParts();
const played = playParts(values.full ? 'full' : 'quick', parts, seed, (name, at) => {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${at + 1} of ${parts.length}: ${name}`);
});
if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
// The page is made of the figures as they are kept, so that it can be made of them again.
const kept = `${JSON.stringify(played, shortened, 2)}\n`;
const result: Result = JSON.parse(kept);
if (values.out === undefined) console.log(pageOf(result));
else {
  writeFileSync(values.out, pageOf(result));
  writeFileSync(values.out.replace(/\.md$/, '.json'), kept);
}
if (result.checks.some(({ verdict }) => verdict === 'missed')) process.exitCode = 1;

function shortened(_: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value;
}
