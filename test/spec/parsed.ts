/** A Canary as its file declares it: what differs from test to test is its analysis. */
import { parseFile } from '../../src/spec/parse.ts';

export const RATIO = `ratio: {bad: 'r{code="5"}', total: r}`;

export function parsed(analysis: string, steps: string) {
  return parseFile(
    `apiVersion: canary/v1
kind: Canary
metadata: {name: a}
spec:
  revision: v2
  strategy: {ready: {query: 'up{version="{{canary}}"}'}, steps: [${steps}]}
  analysis: ${analysis}
`,
    'a.yaml',
  );
}
