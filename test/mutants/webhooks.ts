/** Mutations of how alerts come in: each keeps one firing that is over, lets a signed request in twice, or holds up a good one. */
import type { Mutant } from './mutants.ts';

const ENDS = 'an alert is over when its sender says so, whatever it asks for and whatever ended it';
const ONCE = 'a signed request is taken once, however it is written and however many copies come at once';
const SIGNED = ['test/server/webhooks.test.ts'];

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
  {
    name: 'a signature written in another way is another one',
    guards: ONCE,
    file: 'src/server/webhook-secret.ts',
    text: 'const signature = signatureIn(headers);',
    by: 'const signature = String(headers[SIGNATURE_HEADER]).toLowerCase();',
    tests: SIGNED,
  },
  {
    name: 'a signed request is remembered only once it is taken',
    guards: ONCE,
    file: 'src/server/webhook-secret.ts',
    text: 'known.set(signature, { at: now, isTaken: outcome.promise });',
    by: 'void outcome.promise.then((is) => is && known.set(signature, { at: now, isTaken: outcome.promise }));',
    tests: SIGNED,
  },
  {
    name: 'a signed request that was not taken may not come again',
    guards: ONCE,
    file: 'src/server/webhook-secret.ts',
    text: 'outcome.resolve(wasTaken);',
    by: 'outcome.resolve(true);',
    tests: SIGNED,
  },
  {
    name: 'wrong secrets hold a good one up',
    guards: 'a good token or secret is never held up by wrong ones',
    file: 'src/server/webhooks.ts',
    text: '`refused webhook ${',
    by: '`webhook ${',
    tests: ['test/server/limits.test.ts'],
  },
];
