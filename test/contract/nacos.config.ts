/** `npm run -s test:nacos`: the Nacos contract against the server that NACOS_URL names, one document at a time. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/contract/nacos-server.check.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxConcurrency: 1,
  },
});
