/** `npm run -s bench -- SCENARIO`: measures the shipped process and prints what it found as Markdown. */
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { measureIdle } from './idle.ts';
import { asMarkdown, describeMachine, isMissed, type Outcome } from './outcome.ts';
import { type Found, measureProgress } from './progress.ts';

const { positionals, values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    canaries: { type: 'string' },
    interval: { type: 'string' },
    seconds: { type: 'string' },
    json: { type: 'string' },
  },
});

function number(name: 'canaries' | 'interval' | 'seconds', fallback: number): number {
  const text = flags[name];
  const value = text === undefined ? fallback : Number(text);
  if (!Number.isInteger(value) || value <= 0) throw new Error(`--${name} takes a whole number above 0`);
  return value;
}

const scenarios: Readonly<Record<string, () => Promise<Found & { readonly title: string }>>> = {
  async progress() {
    const canaries = number('canaries', 1_000);
    const intervalS = number('interval', 30);
    const seconds = number('seconds', 4 * intervalS);
    const title = `${canaries} canaries progressing at ${intervalS} s, two metrics each`;
    return { title, ...(await measureProgress({ canaries, intervalS, seconds, imports: [] })) };
  },
  async idle() {
    const canaries = number('canaries', 2_000);
    const found = await measureIdle({ canaries, seconds: number('seconds', 60) });
    return { title: `${canaries} idle canaries`, ...found };
  },
};

const [name = 'progress'] = positionals;
const run = scenarios[name];
if (run === undefined) throw new Error(`scenarios are ${Object.keys(scenarios).join(', ')}`);
const { title, figures, findings, cores } = await run();
const command = `npm run -s bench -- ${process.argv.slice(2).join(' ')}`;
const outcome: Outcome = {
  scenario: name,
  title,
  command,
  machine: describeMachine(cores),
  figures,
  findings,
};
console.log(asMarkdown(outcome));
if (flags.json !== undefined) appendFileSync(flags.json, `${JSON.stringify(outcome)}\n`);
if (findings.length > 0 || figures.some(isMissed)) process.exitCode = 1;
