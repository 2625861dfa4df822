/**
 * Checks a Nacos server of your own before you trust it with a release:
 * `NACOS_URL=http://HOST:8848/nacos npm run -s test:nacos`, with NACOS_USERNAME and NACOS_PASSWORD where it wants them,
 * NACOS_CA for the file of its authority, and NACOS_API (auto, v1 or v3). It writes documents with random names into
 * the group CANARY_GROUP of the public namespace and deletes them again.
 */
import { readFileSync } from 'node:fs';
import type { RouterFacts } from '../../src/traffic/router.ts';
import { describeNacosRouter, type NacosUnderTest } from './nacos-router.suite.ts';

function fromEnvironment(): NacosUnderTest {
  const { NACOS_URL, NACOS_API = 'auto', NACOS_USERNAME, NACOS_PASSWORD, NACOS_CA } = process.env;
  if (NACOS_URL === undefined || NACOS_URL === '') {
    throw new Error('set NACOS_URL to the server with its context path, e.g. http://127.0.0.1:8848/nacos');
  }
  if (NACOS_API !== 'auto' && NACOS_API !== 'v1' && NACOS_API !== 'v3') {
    throw new Error('set NACOS_API to auto, v1 or v3');
  }
  return {
    url: NACOS_URL,
    api: NACOS_API,
    username: NACOS_USERNAME,
    password: NACOS_PASSWORD,
    ca: NACOS_CA === undefined ? undefined : readFileSync(NACOS_CA, 'utf8'),
  };
}

function print(facts: RouterFacts): void {
  const lines = [
    facts.summary,
    `compare-and-set by the server: ${facts.compareAndSet ? 'yes' : 'no'}`,
    `reads that are never stale: ${facts.authoritativeReads ? 'yes' : 'no'}`,
    ...facts.warnings.map((warning) => `warning: ${warning}`),
  ];
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}

describeNacosRouter(
  'this Nacos server',
  async () => ({ ...fromEnvironment(), close: async () => {} }),
  print,
);
