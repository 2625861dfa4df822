/**
 * The simulation on demand: `npm run -s simtest -- --seed N --ticks M [--trace] [--go-on]`. Worlds of seeds N, N+1, ... until M
 * runs of the controller are done. A violation tells how to see it again and ends the simulation with exit code 1, at
 * once unless it is told to go on.
 */
import { parseArgs } from 'node:util';
import { reportOf, violationText } from './report.ts';
import { runWorld, type WorldReport } from './world.ts';

const CHAOS_TICKS = 3_000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    ticks: { type: 'string', default: '100000' },
    trace: { type: 'boolean', default: false },
    'go-on': { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
const wanted = Number(values.ticks);
if (!Number.isSafeInteger(first) || !(wanted > 0)) {
  console.error('usage: npm run -s simtest -- --seed N --ticks M [--trace] [--go-on]');
  process.exit(2);
}

const worlds: WorldReport[] = [];
const startedAt = performance.now();
let ticks = 0;
for (let seed = first; ticks < wanted; seed += 1) {
  const world = await runWorld({
    seed,
    chaosTicks: CHAOS_TICKS,
    ...(values.trace ? { onLine: (line: string) => console.log(line) } : {}),
  });
  worlds.push(world);
  ticks += world.ticks;
  if (world.violation !== null) {
    console.error(violationText(world));
    process.exitCode = 1;
    if (!values['go-on']) break;
  }
}
console.log(reportOf(worlds, (performance.now() - startedAt) / 1000));
