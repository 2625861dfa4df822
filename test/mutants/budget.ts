/** Mutations of the rollout budget and of incidents: each lets a rollout do harm, or go on while the service burns. */
import type { Mutant } from './mutants.ts';

const BOUNDED = 'the harm of a rollout is bounded, however little is certain';
const HELD = 'no rollout starts or goes on in an incident of the service, and none is ended for it';

const SPENDING = ['test/core/spending.test.ts'];
const INCIDENT = ['test/core/incident.test.ts'];

export const BUDGET: readonly Mutant[] = [
  {
    name: 'a budget that is spent changes nothing',
    guards: BOUNDED,
    file: 'src/core/spending.ts',
    text: 'return allowed !== null && excess > allowed;',
    by: 'return allowed !== null && excess > Infinity;',
    tests: SPENDING,
  },
  {
    name: 'what one weight saved is spent at the next one',
    guards: BOUNDED,
    file: 'src/core/spending.ts',
    text: 'const isNewWeight = past.weight !== poll.weight;',
    by: 'const isNewWeight = past.weight === 0;',
    tests: SPENDING,
  },
  {
    name: 'a settling weight does no harm',
    guards: BOUNDED,
    file: 'src/core/sequential/look.ts',
    text: 'addCounts(scoreOf(tally.counted, threshold), scoreOf(tally.settling, threshold))',
    by: 'scoreOf(tally.counted, threshold)',
    tests: SPENDING,
  },
  {
    name: 'a rollout starts while nobody can say whether stable burns',
    guards: HELD,
    file: 'src/core/incident.ts',
    text: "if (short.kind === 'unknown') return blind(short.detail);",
    by: "if (short.kind === 'unknown') return null;",
    tests: INCIDENT,
  },
  {
    name: 'the bake goes on in an incident',
    guards: HELD,
    file: 'src/core/follow.ts',
    text: ' || rollout.incident !== undefined) return;',
    by: ') return;',
    tests: INCIDENT,
  },
  {
    name: 'a person promotes over an incident',
    guards: HELD,
    file: 'src/core/gates.ts',
    text: 'if (incident !== null) return [incident];',
    by: 'if (incident !== null && rollout.promote === null) return [incident];',
    tests: INCIDENT,
  },
];
