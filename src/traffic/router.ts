/**
 * The port to whatever splits traffic. Two real implementations stand behind it: Nacos and a file.
 * A router moves bytes; what the bytes mean is `core/rule.ts`. No method throws for anything the outside world
 * did: failures are values, with secrets removed.
 */
import type { BetaReading, PublishReport, RouteReading } from '../core/observation.ts';
import type { TrafficTarget } from '../spec/canary.ts';

/** How the next publish is to be guarded. */
export interface PublishGuard {
  /**
   * MD5 the live document must have, 'absent' when it must not exist, null to overwrite blindly (lowering to 0 only).
   * Honoured by the server where it can (`compareAndSet`), else by a read just before the write.
   */
  readonly expectMd5: string | 'absent' | null;
}

/** What is known of the other side, one line of the start-up log and a diagnostic when something is wrong. */
export interface RouterFacts {
  /** E.g. "Nacos 2.5.1, v1 API, compare-and-set, verified by the runtime read". */
  readonly summary: string;
  readonly compareAndSet: boolean;
  readonly authoritativeReads: boolean;
  /** Doubts a person should know, e.g. "v1 writes are open to anyone on this server". */
  readonly warnings: readonly string[];
}

/**
 * Of the addresses that listen to a document, how many had its live content when they last said what they have. Never
 * proof: gateways behind one address count once, and one that does not listen not at all.
 */
export type ListenersReading =
  | { readonly kind: 'addresses'; readonly current: number; readonly total: number }
  | { readonly kind: 'unknown'; readonly detail: string };

export interface TrafficRouter {
  /** Reads the live document, within `signal`'s lifetime. */
  read(target: TrafficTarget, signal: AbortSignal): Promise<RouteReading>;
  /** One attempt to write; never retried inside, never proof of anything. */
  publish(
    target: TrafficTarget,
    operation: string,
    content: string,
    guard: PublishGuard,
    signal: AbortSignal,
  ): Promise<PublishReport>;
  /** Looks for a beta variant of the document; 'unknown' where the server cannot tell. */
  beta(target: TrafficTarget, signal: AbortSignal): Promise<BetaReading | 'none' | 'unknown'>;
  /** Asks who listens to the document; for people only, and its failure is no news about the other side. */
  listeners(target: TrafficTarget, signal: AbortSignal): Promise<ListenersReading>;
  /** What the last probe found, or null while the other side never answered. */
  facts(): RouterFacts | null;
  /** Whether the other side answered last time it was asked. */
  isUp(): boolean;
  /** Ends every request in flight and frees every handle. Nothing runs afterwards. */
  close(): Promise<void>;
}
