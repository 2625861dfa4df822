/**
 * Runs one program of the Prometheus family for a script, on a free loopback port until SIGTERM:
 * `run.ts prometheus|alertmanager CONFIG_FILE`. Prints "NAME listening on URL" once it is ready.
 */
import { readFileSync } from 'node:fs';
import { exitOnSignal } from '../fleet/serving.ts';
import { startAlertmanager } from './alertmanager.ts';
import { startPrometheus } from './process.ts';

const [name = '', file = ''] = process.argv.slice(2);
const starters = {
  prometheus: (config: string) => startPrometheus({ config }),
  alertmanager: startAlertmanager,
};
const start = name === 'prometheus' || name === 'alertmanager' ? starters[name] : null;
if (start === null || file === '') {
  console.error('usage: run.ts prometheus|alertmanager CONFIG_FILE');
  process.exit(2);
}
const starting = start(readFileSync(file, 'utf8'));
exitOnSignal(() => starting.then(({ stop }) => stop()));
console.log(`${name} listening on ${(await starting).url}`);
