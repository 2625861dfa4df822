/** What every handler of the development server works with. */
import type { Clock } from '../../src/lib/clock.ts';
import type { Access } from './access.ts';
import type { Documents } from './documents.ts';
import type { Dump } from './dump.ts';
import type { Generation } from './generation.ts';
import type { Polls } from './polls.ts';

/** A publish that was stored, for whoever watches this server from outside the protocol. */
export interface PublishedEvent {
  readonly dataId: string;
  readonly group: string;
  /** The empty string is the public namespace. */
  readonly tenant: string;
  readonly content: string;
  readonly md5: string;
  readonly isBeta: boolean;
  readonly by: 'http' | 'operator';
  /** Unix milliseconds. */
  readonly at: number;
}

export interface Parts {
  readonly generation: Generation;
  readonly clock: Clock;
  readonly documents: Documents;
  readonly dump: Dump;
  readonly polls: Polls;
  readonly access: Access;
  /** True when the server was started with an account. */
  readonly hasAccount: boolean;
  readonly port: number;
  published(event: PublishedEvent): void;
}
