/** The three releases that the demo tells its story with: what they are, how they must end, how they are declared. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Release {
  readonly service: string;
  readonly stable: string;
  readonly canary: string;
  /** Requests a second of the whole service; 0: nobody calls it. */
  readonly perSecond: number;
  /** Share of the canary's requests that fail; stable's never do. */
  readonly failureShare: number;
  /** One line for the reader. */
  readonly about: string;
  readonly expected: Expectation;
}

export interface Expectation {
  /** Null: the rollout is not over. */
  readonly outcome: 'Promoted' | 'RolledBack' | null;
  readonly phases: readonly string[];
  /** Percent for the canary in the rule that the gateway follows at the end. */
  readonly weight: number;
  /** Weights that must have been verified, in this order; null: not fixed beforehand. */
  readonly weights: readonly number[] | null;
  /** For the table of outcomes. */
  readonly text: string;
}

export const STEPS = [5, 25, 50, 100];

export const RELEASES: readonly Release[] = [
  {
    service: 'checkout',
    stable: 'v1.4.0',
    canary: 'v1.5.0',
    perSecond: 150,
    failureShare: 0,
    about: 'a healthy release',
    expected: {
      outcome: 'Promoted',
      phases: ['Succeeded'],
      weight: 100,
      weights: STEPS,
      text: 'promoted to 100 %',
    },
  },
  {
    service: 'payment',
    stable: 'v2.0.3',
    canary: 'v2.1.0',
    perSecond: 150,
    failureShare: 0.05,
    about: 'fails 5 % of its requests; stable has never failed one',
    expected: {
      outcome: 'RolledBack',
      phases: ['RolledBack'],
      weight: 0,
      weights: null,
      text: 'rolled back to 0 %',
    },
  },
  {
    service: 'search',
    stable: 'v7',
    canary: 'v8',
    perSecond: 0,
    failureShare: 0,
    about: 'gets no traffic, so nothing is known about it',
    expected: {
      outcome: null,
      phases: ['Progressing', 'Paused'],
      weight: 5,
      weights: [5],
      text: 'not promoted, held at 5 %',
    },
  },
];

/** What a user would commit for one service; only its pace is faster than real life. */
export function declaration(release: Release, revision: string): string {
  const { service, stable } = release;
  return `apiVersion: canary/v1
kind: Canary
metadata:
  name: ${service}
spec:
  revision: ${revision}          # the version that should be live: changing it starts a rollout
  stableRevision: ${stable}
  traffic:
    settle: 2s
  strategy:
    steps:
${STEPS.map((weight) => `      - {setWeight: ${weight}, bake: 10s}\n`).join('')}\
    ready: {query: 'count(up{job="${service}",version="{{canary}}"} == 1)', min: 1}
  analysis:
    interval: 1s
    window: 5s
    judge: sequential
    onNoData: pause
    noDataGrace: 8s
    metrics:
      - name: error-rate
        ratio:
          bad: http_requests_total{job="${service}",code=~"5.."}
          total: http_requests_total{job="${service}"}
        maxDelta: 0.005
      - name: p99-latency
        latency: {histogram: 'request_latency_bucket{job="${service}"}', quantile: 0.99}
        maxDelta: 0.05
`;
}

/** Puts the declaration into the directory the way a checkout does: complete or not at all. */
export function commit(directory: string, release: Release, revision: string): void {
  const file = join(directory, `${release.service}.yaml`);
  const draft = join(directory, `.${release.service}.yaml.draft`);
  writeFileSync(draft, declaration(release, revision));
  renameSync(draft, file);
}
