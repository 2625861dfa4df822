/**
 * `npm run -s soak -- --minutes 60 --canaries 500 --seed N [--nacos 2.5.1|3.1] [--out FILE] [--samples FILE]
 * [--fast] [--keep] [--quiet]`: prints what was found as Markdown and ends with 1 when a promise was broken. `--fast`
 * takes the pace of the short form, `--keep` leaves the database and the logs.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeMachine } from '../bench/outcome.ts';
import { buildAsShipped, SHIPPED } from '../support/as-shipped.ts';
import { HOUR_PACE, SHORT_PACE, type SoakPlan } from './pace.ts';
import { asMarkdown } from './report.ts';
import { soak } from './soak.ts';

const { values: flags } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    canaries: { type: 'string', default: '500' },
    seed: { type: 'string', default: '1' },
    nacos: { type: 'string', default: '2.5.1' },
    out: { type: 'string' },
    samples: { type: 'string' },
    fast: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
});

function number(name: 'minutes' | 'canaries' | 'seed'): number {
  const value = Number(flags[name]);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0`);
  return value;
}

const { nacos } = flags;
if (nacos !== '2.5.1' && nacos !== '3.1') throw new Error('--nacos takes 2.5.1 or 3.1');
buildAsShipped();
const startedAt = Date.now();
const plan: SoakPlan = {
  program: SHIPPED,
  seed: number('seed'),
  canaries: number('canaries'),
  durationMs: number('minutes') * 60_000,
  pace: flags.fast ? SHORT_PACE : HOUR_PACE,
  nacos,
  samplesFile: flags.samples ?? null,
  keepsFiles: flags.keep,
  say(line) {
    if (!flags.quiet) console.error(`${((Date.now() - startedAt) / 60_000).toFixed(2)} min: ${line}`);
  },
};
const { at, cpu, memoryGiB, kernel, node, commit } = describeMachine('');
const report = await soak(plan);
const markdown = asMarkdown(report, plan, {
  command: `npm run -s soak -- ${process.argv.slice(2).join(' ')}`,
  machine: `${cpu}, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, commit ${commit}, begun ${at}`,
});
console.log(markdown);
if (flags.out !== undefined) writeFileSync(flags.out, markdown);
if (report.violations.length > 0) process.exitCode = 1;
