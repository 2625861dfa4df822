/**
 * Loaded with `--import` into a daemon that is to die: puts `boundaries.ts` between `reconcile` and what it calls.
 * Nothing of it is in the shipped code.
 */
import { registerHooks } from 'node:module';

const SEAMS: readonly string[] = ['./apply.ts', './commit.ts'];

registerHooks({
  resolve(specifier, context, next) {
    const isSeam = context.parentURL?.endsWith('/src/controller/reconcile.ts') && SEAMS.includes(specifier);
    return next(isSeam ? new URL('./boundaries.ts', import.meta.url).href : specifier, context);
  },
});
