/**
 * `npm run -s bench:judge -- [--full] [--seed N] [--out FILE]`: how often each rule of judgment is wrong, how fast it is,
 * and whether the sequential judge meets its targets. Prints a page of Markdown; `--out` keeps the figures as JSON, one
 * cell a line. Exit code 1: a target was missed for no known reason.
 */
import { writeFileSync } from 'node:fs';
import { runCommand } from './command.ts';
import { fullParts, playParts, quickParts } from './run.ts';

process.exitCode = runCommand(process.argv.slice(2), {
  play(kind, seed) {
    const parts = kind === 'full' ? fullParts() : quickParts();
    const result = playParts(kind, parts, seed, (name, at) => {
      if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${at + 1} of ${parts.length}: ${name}`);
    });
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    return result;
  },
  out: (text) => console.log(text),
  talk: (text) => console.error(text),
  write: writeFileSync,
});
