/**
 * Steady requests through the gateway, as a process: for each service a population of users who come back again and
 * again, each round in a new order. Sends on the clock, never waits for an answer before the next request.
 */
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import { exitOnSignal } from '../fleet/serving.ts';
import { visits } from './population.ts';

const TICK_MS = 20;
/** More unanswered requests than this and the next ones are left out: a stuck gateway must not eat the memory. */
const MAX_IN_FLIGHT = 500;
const REPORT_MS = 10_000;

const { values: flags } = parseArgs({
  options: {
    gateway: { type: 'string' },
    /** SERVICE=REQUESTS_PER_SECOND, once for each service. */
    service: { type: 'string', multiple: true, default: [] },
    seed: { type: 'string', default: '1' },
  },
});
if (flags.gateway === undefined) throw new Error('--gateway URL is missing');

const pool = new Pool(flags.gateway, { connections: 128 });
const counts = { sent: 0, ok: 0, failed: 0, unanswered: 0, leftOut: 0 };
let inFlight = 0;

async function visit(service: string, userId: string): Promise<void> {
  if (inFlight >= MAX_IN_FLIGHT) {
    counts.leftOut += 1;
    return;
  }
  inFlight += 1;
  counts.sent += 1;
  try {
    const answer = await pool.request({
      method: 'GET',
      path: `/${service}/`,
      headers: { 'x-user-id': userId },
    });
    await answer.body.dump();
    if (answer.statusCode < 500) counts.ok += 1;
    else counts.failed += 1;
  } catch {
    counts.unanswered += 1;
  } finally {
    inFlight -= 1;
  }
}

function startStream(service: string, perSecond: number): void {
  const users = visits(Number(flags.seed));
  const startedAt = performance.now();
  let sent = 0;
  setInterval(() => {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
    for (; sent < due; sent += 1) void visit(service, users());
  }, TICK_MS);
}

for (const entry of flags.service) {
  const [, service, rate] = /^([^=]+)=(\d+(?:\.\d+)?)$/.exec(entry) ?? [];
  if (service === undefined) throw new Error(`--service is NAME=REQUESTS_PER_SECOND, not "${entry}"`);
  startStream(service, Number(rate));
}
setInterval(() => console.log(JSON.stringify(counts)), REPORT_MS);
exitOnSignal(() => console.log(JSON.stringify(counts)));
console.log(`load running against ${flags.gateway}`);
