/** Targets go to the router of their kind. */
import { expect, it } from 'vitest';
import type { TrafficTarget } from '../../src/spec/canary.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import { createRouters } from '../../src/traffic/routers.ts';
import { NEVER, TARGET } from './setup.ts';

const FILE: TrafficTarget = { kind: 'file', path: 'shop.json' };

/** A router that notes what it is asked. */
function noting(name: string, calls: string[]): TrafficRouter {
  const note = (call: string) => calls.push(`${name} ${call}`);
  return {
    async read({ kind }) {
      note(`read ${kind}`);
      return { kind: 'absent', at: 1, authoritative: true };
    },
    async publish({ kind }, operation, content, { expectMd5 }) {
      note(`publish ${kind} ${operation} ${content} ${expectMd5}`);
      return { operation, at: 1, result: 'accepted', code: '', detail: name };
    },
    async beta({ kind }) {
      note(`beta ${kind}`);
      return 'none';
    },
    async listeners({ kind }) {
      note(`listeners ${kind}`);
      return { kind: 'unknown', detail: name };
    },
    facts: () => ({ summary: name, compareAndSet: true, authoritativeReads: true, warnings: [] }),
    isUp: () => name === 'nacos',
    async close() {
      note('close');
    },
  };
}

it('reads, writes and queries reach the router of their target, and all are closed', async () => {
  const calls: string[] = [];
  const routers = createRouters({ nacos: noting('nacos', calls), file: noting('file', calls) });
  for (const target of [TARGET, FILE]) {
    await routers.read(target, NEVER);
    await routers.publish(target, 'operation.1', '{}', { expectMd5: 'absent' }, NEVER);
    await routers.beta(target, NEVER);
    await routers.listeners(target, NEVER);
  }
  await routers.close();
  expect(calls).toEqual([
    'nacos read nacos',
    'nacos publish nacos operation.1 {} absent',
    'nacos beta nacos',
    'nacos listeners nacos',
    'file read file',
    'file publish file operation.1 {} absent',
    'file beta file',
    'file listeners file',
    'nacos close',
    'file close',
  ]);
});

it('facts and health are those of Nacos', () => {
  const routers = createRouters({ nacos: noting('nacos', []), file: noting('file', []) });
  expect(routers.facts()?.summary).toBe('nacos');
  expect(routers.isUp()).toBe(true);
});
