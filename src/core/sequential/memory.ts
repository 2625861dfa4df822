/** What the sequential judge remembers of one metric in one rollout, between two looks. */
import type { Ledger } from '../ledger/ledger.ts';
import type { BeforeTraffic } from './before.ts';
import type { SequentialState } from './state.ts';
import type { SplitState } from './traffic-split.ts';

/** Plain JSON. */
export interface SequentialMemory {
  readonly ledger: Ledger;
  /** Null: stable's time before the rollout was not read yet. */
  readonly test: SequentialState | null;
  /** Latency: stable's quantile before the rollout, in the histogram's unit. */
  readonly threshold: number | null;
  /** The service's traffic before the rollout; null: none was counted. */
  readonly traffic: BeforeTraffic | null;
  /** Time that the judged counts are of, ms. */
  readonly judgedMs: number;
  /** Requests at the held weight. */
  readonly split: SplitState;
  readonly splitWeight: number;
  /** Polls in a row with new samples and no request of the canary in them, at the held weight. */
  readonly silentPolls: number;
  /** Evaluation time of the newest poll with new samples, Unix ms; absent: none yet. */
  readonly newsAt?: number;
}
