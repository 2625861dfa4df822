/** The whole suite as `make test` runs it: the usual configuration, and a last line that says how it went. */
import { mergeConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import usual from '../../vitest.config.ts';
import { closingLineReporter } from './closing-line-reporter.ts';

/** They wait for daemons most of the time, and whatever begins last is waited for alone. Longest first. */
const LONG = [
  'docs/tutorial.test.ts',
  'docs/pipelines.test.ts',
  'crash/matrix.test.ts',
  'system/crash.test.ts',
  'soak/soak.test.ts',
  'grafana/live.test.ts',
  'docs/end-to-end.test.ts',
  'system/sequential.test.ts',
  'faults/outside.test.ts',
  'faults/inside.test.ts',
  'system/daemon.test.ts',
  'system/backup.test.ts',
];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => LONG.findIndex((name) => moduleId.endsWith(name));
    const long = sorted.filter((file) => rank(file) >= 0);
    const others = sorted.filter((file) => rank(file) < 0);
    return [...long.sort((a, b) => rank(a) - rank(b)), ...others];
  }
}

export default mergeConfig(usual, {
  test: {
    // One more than the smallest machine has cores: one of them waits at any time.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
    reporters: ['default', closingLineReporter()],
  },
});
