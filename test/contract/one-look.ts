/**
 * A process that looks at one document and closes its router. It prints the reading and what kept the event loop alive
 * before, meanwhile and after, and must then end by itself.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { systemClock } from '../../src/lib/clock.ts';
import { createNacosRouter } from '../../src/traffic/nacos/router.ts';

export interface Look {
  readonly reading: { readonly kind: string; readonly code?: string };
  readonly before: readonly string[];
  readonly meanwhile: readonly string[];
  readonly after: readonly string[];
}

const { target, ...options } = JSON.parse(process.env['LOOK'] ?? '{}');
const before = process.getActiveResourcesInfo();
const router = createNacosRouter({ ...options, clock: systemClock });
const reading = await router.read(target, new AbortController().signal);
const meanwhile = process.getActiveResourcesInfo();
await router.close();
// Sockets that were destroyed are gone one turn later.
await turn();
await turn();
const look: Look = { reading, before, meanwhile, after: process.getActiveResourcesInfo() };
process.stdout.write(JSON.stringify(look));
