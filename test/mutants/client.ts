/** Mutations of the client library: each lets one document keep a gateway from hearing of another. */
import type { Mutant } from './mutants.ts';

const HEARD = 'a service is heard of whatever becomes of the documents of the others';

const CLIENT_TESTS = ['test/client/client.test.ts'];

export const CLIENT: readonly Mutant[] = [
  {
    name: 'nothing is heard while one document cannot be read',
    guards: HEARD,
    file: 'src/client/follow.ts',
    text: 'return outage() ?? (isAnswered ? null : hear());',
    by: `const failed = [...standings.values()].find(({ failure }) => failure !== null);
      return outage() ?? (isAnswered ? null : (failed?.failure ?? hear()));`,
    tests: CLIENT_TESTS,
  },
  {
    name: 'what cannot be read is not asked for until a poll ends',
    guards: HEARD,
    file: 'src/client/follow.ts',
    text: 'Number.isFinite(restMs) ? AbortSignal.timeout(restMs) : null',
    by: 'restMs < 0 ? AbortSignal.timeout(restMs) : null',
    tests: CLIENT_TESTS,
  },
  {
    name: 'one document that cannot be read is an outage',
    guards: HEARD,
    file: 'src/client/follow.ts',
    text: 'if (failed.length < standings.size) return null;',
    by: 'if (failed.length === 0) return null;',
    tests: CLIENT_TESTS,
  },
];
