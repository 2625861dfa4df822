/**
 * Mutations of the client library: each lets one document keep a gateway from hearing of another, or gives everyone a
 * version that was not judged, or none.
 */
import type { Mutant } from './mutants.ts';

const HEARD = 'a service is heard of whatever becomes of the documents of the others';
const SAFE = 'without a rule everyone gets a version that was judged and has instances';

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
  {
    name: 'a fallback that nobody runs is the only candidate',
    guards: SAFE,
    file: 'src/client/choose.ts',
    text: 'return fallback === null ? judged : [fallback, ...judged];',
    by: 'return fallback === null ? judged : [fallback];',
    tests: CLIENT_TESTS,
  },
  {
    name: 'a canary that was not promoted is live',
    guards: SAFE,
    file: 'src/client/choose.ts',
    text: 'return rule.isPromoted ? rule.canaryVersion : rule.stableVersion;',
    by: 'return rule.canaryVersion;',
    tests: ['test/client/choose.test.ts'],
  },
];
