/** Mutations of how alerts come in: each keeps one firing that is over. */
import type { Mutant } from './mutants.ts';

const ENDS = 'an alert is over when its sender says so, whatever it asks for and whatever ended it';

export const WEBHOOKS: readonly Mutant[] = [
  {
    name: 'an end without a measurement is softened too',
    guards: ENDS,
    file: 'src/server/alerts.ts',
    text: 'told.firing && !isMeasured(alert)',
    by: '!isMeasured(alert)',
    tests: ['test/server/webhooks.test.ts'],
  },
  {
    name: 'an end that asks to be ignored is ignored',
    guards: ENDS,
    file: 'src/controller/signal-desk.ts',
    text: "const isIgnored = alert.firing && alert.action === 'ignore';",
    by: "const isIgnored = alert.action === 'ignore';",
    tests: ['test/controller/signals.test.ts'],
  },
];
