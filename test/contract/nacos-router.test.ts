/** The Nacos contract against the development server in all its modes, with and without access control. */
import { VERSIONS, type Version } from '../../infra/dev-nacos/generation.ts';
import { startDevNacos } from '../../infra/dev-nacos/server.ts';
import type { NacosRouterOptions } from '../../src/traffic/nacos/router.ts';
import { describeNacosRouter } from './nacos-router.suite.ts';

const ACCOUNT = { username: 'nacos', password: 'r!ght & safe' };

function describeMode(version: Version, api: NacosRouterOptions['api'], auth: typeof ACCOUNT | null): void {
  const label = `Nacos ${version}, ${api} API, ${auth === null ? 'open to anyone' : 'with access control'}`;
  describeNacosRouter(label, async () => {
    const server = await startDevNacos({ version, auth });
    return { url: server.url, api, ...auth, close: server.close };
  });
}

for (const version of VERSIONS) {
  describeMode(version, 'auto', null);
  describeMode(version, 'auto', ACCOUNT);
}
describeMode('3.1', 'v1', null);
describeMode('3.1', 'v1', ACCOUNT);
