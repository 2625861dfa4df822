/** Whether the demo's releases ended as they should, in words. Pure. */
import type { CanaryView, RolloutView } from '../../src/view/schemas.ts';
import type { Release } from './releases.ts';
import type { CountedSplit, Sample, Served } from './splits.ts';

/** All that is known of one release at the end. */
export interface Ending {
  readonly release: Release;
  readonly canary: CanaryView | undefined;
  readonly rollout: RolloutView | undefined;
  readonly splits: readonly CountedSplit[];
  readonly last: Sample | undefined;
}

/** What became of it in a few words, for the table of outcomes. */
export function outcomeText({ canary, rollout, last }: Ending): string {
  const weight = last?.split?.canaryWeight;
  const state = rollout?.outcome ?? `${canary?.phase ?? 'unknown'}, no outcome`;
  const pause = canary?.pauses[0]?.reason;
  return `${state}${pause === undefined ? '' : ` (${pause})`}, ${weight ?? 'no'} % at the gateway`;
}

/** One sentence for everything that is not as it should be; none means all is well. */
export function differences(ending: Ending): string[] {
  const { release } = ending;
  return [
    ...outcomeDifferences(ending),
    ...judgeDifferences(ending),
    ...splitDifferences(ending),
    ...failureDifferences(ending),
  ].map((text) => `${release.service}: ${text}`);
}

/** The article's rule goes back after five minutes of violation, and leaves a step after five without. */
const ARTICLE_SECONDS = 5 * 60;

interface Decided {
  readonly outcome: 'Promoted' | 'RolledBack';
  /** From the first verified weight to the decision to go back, or to the end of the last step. */
  readonly seconds: number;
  /** What the article's rule takes at least. */
  readonly articleSeconds: number;
}

function decided(rollout: RolloutView | undefined): Decided | null {
  const [first] = rollout?.steps ?? [];
  if (rollout === undefined || first === undefined || rollout.endedAt === null) return null;
  const seconds = (Date.parse(rollout.endedAt) - Date.parse(first.verifiedAt)) / 1_000;
  switch (rollout.outcome) {
    case 'Promoted':
      return { outcome: 'Promoted', seconds, articleSeconds: rollout.steps.length * ARTICLE_SECONDS };
    case 'RolledBack':
      return {
        outcome: 'RolledBack',
        seconds: seconds - (rollout.rollbackSeconds ?? 0),
        articleSeconds: ARTICLE_SECONDS,
      };
    default:
      return null;
  }
}

/** Which judge decided, and how long that took beside the article's rule; null where nothing was decided. */
export function decisionText(endings: readonly Ending[]): string | null {
  const judges = new Set<string>();
  const times = endings.flatMap(({ release, rollout }) => {
    const found = decided(rollout);
    if (rollout === undefined || found === null) return [];
    judges.add(rollout.judge);
    const end = found.outcome === 'Promoted' ? 'promoted' : 'sent back';
    return [
      `${release.service} was ${end} after ${Math.ceil(found.seconds)} s (the article: ${found.articleSeconds} s or more)`,
    ];
  });
  if (times.length === 0) return null;
  return `Decided by the judge ${[...judges].join(' and ')}: ${times.join(', ')}. Looks come each second here, and steps bake for seconds.`;
}

function judgeDifferences({ rollout }: Ending): string[] {
  const found = decided(rollout);
  if (rollout === undefined || found === null) return [];
  const { judge, reason } = rollout;
  const { outcome, seconds, articleSeconds } = found;
  return [
    ...(judge === 'sequential' ? [] : [`the ${judge} judge decided, not the sequential one`]),
    ...(outcome === 'Promoted' || reason.includes('odds') ? [] : [`no odds sent it back (${reason})`]),
    ...(seconds < articleSeconds ? [] : [`it took ${Math.ceil(seconds)} s, no less than the article's rule`]),
  ];
}

function outcomeDifferences({ release, canary, rollout, last }: Ending): string[] {
  const { expected } = release;
  const found: string[] = [];
  if (rollout === undefined) return ['no rollout was started'];
  if (rollout.outcome !== expected.outcome) {
    found.push(
      `its outcome is ${rollout.outcome ?? 'open'}, not ${expected.outcome ?? 'open'} (${rollout.reason})`,
    );
  }
  if (canary === undefined || !expected.phases.includes(canary.phase)) {
    found.push(`its phase is ${canary?.phase ?? 'unknown'}, not ${expected.phases.join(' or ')}`);
  }
  if (last?.split?.canaryWeight !== expected.weight) {
    found.push(`the gateway follows weight ${last?.split?.canaryWeight ?? 'none'}, not ${expected.weight}`);
  }
  const weights = rollout.steps.map(({ weight }) => weight);
  const wanted = expected.weights ?? weights;
  if (weights.join() !== wanted.join()) {
    found.push(`it went through the weights ${weights.join(', ')}, not ${wanted.join(', ')}`);
  }
  if (expected.outcome !== 'Promoted' && weights.includes(100)) found.push('it reached 100 %');
  return found;
}

/** Every weight that was verified must have been counted, where anybody called the service. */
function splitDifferences({ release, rollout, splits }: Ending): string[] {
  const strays = splits
    .filter(({ fits }) => !fits)
    .map(
      ({ weight, requests, toCanary, expected }) =>
        `at ${weight} % the canary received ${toCanary} of ${requests} requests, not ${expected.low} to ${expected.high}`,
    );
  if (release.perSecond === 0) return strays;
  const counted = new Set(splits.filter(({ requests }) => requests > 0).map(({ weight }) => weight));
  const missing = new Set(
    rollout?.steps.map(({ weight }) => weight).filter((weight) => !counted.has(weight)),
  );
  return [...strays, ...[...missing].map((weight) => `the split at ${weight} % could not be counted`)];
}

/** The story is only true if the versions failed as many requests as it says. */
function failureDifferences({ release, last }: Ending): string[] {
  const stable = servedBy(last, release.stable);
  const canary = servedBy(last, release.canary);
  const found: string[] = [];
  if (stable.failed > 0) found.push(`stable ${release.stable} failed ${stable.failed} requests, not 0`);
  // Failures are spread evenly: their number is never more than one away from the share.
  if (Math.abs(canary.failed - canary.total * release.failureShare) > 1) {
    found.push(
      `${release.canary} failed ${canary.failed} of ${canary.total} requests, not ${release.failureShare * 100} %`,
    );
  }
  if (release.perSecond === 0 && stable.total + canary.total > 0) found.push('it got traffic');
  return found;
}

export function servedBy(sample: Sample | undefined, version: string): Served {
  return sample?.served[version] ?? { total: 0, failed: 0 };
}
