/** The whole suite as `make test` runs it: the usual configuration, and a last line that says how it went. */
import { mergeConfig } from 'vitest/config';
import usual from '../../vitest.config.ts';
import { closingLineReporter } from './closing-line-reporter.ts';

export default mergeConfig(usual, {
  test: { reporters: ['default', closingLineReporter()] },
});
