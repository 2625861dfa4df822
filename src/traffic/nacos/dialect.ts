/** The two HTTP APIs of Nacos behind one interface: how a document is asked for, written, and looked at for betas. */
import type { BetaReading } from '../../core/observation.ts';
import type { DocumentName } from './names.ts';
import type { Redact } from './redact.ts';
import type { Answer, WireRequest } from './transport.ts';

export interface LiveDocument {
  readonly content: string;
  /** True: a beta variant was served instead of the document that everyone else gets. */
  readonly isBeta: boolean;
  /** The description that a publish would clear if it did not send it again; empty where it cannot be read. */
  readonly desc: string;
}

export interface NewDocument {
  readonly name: DocumentName;
  readonly content: string;
  /** Config type, e.g. `json`; a publish without one makes the server forget the stored one. */
  readonly type: string;
  readonly desc: string;
  /** MD5 for the server to compare with the stored document's; null: no comparison. */
  readonly casMd5: string | null;
}

/** By the address of each listener, the MD5 of what it has; several listeners at one address are one entry (measured). */
export type Listeners = Readonly<Record<string, unknown>>;

/** Methods that take an answer throw a `NacosError` for everything but their documented results. */
export interface Dialect {
  /** True: a failed compare-and-set says so. False: it may look like any other failure. */
  readonly namesConflicts: boolean;
  readRequest(name: DocumentName): WireRequest;
  /** Null: no such document. */
  document(answer: Answer, redact: Redact): LiveDocument | null;
  publishRequest(document: NewDocument): WireRequest;
  /** Returns when the server says that it has written the document. */
  requireWritten(answer: Answer, redact: Redact): void;
  betaRequest(name: DocumentName): WireRequest;
  beta(answer: Answer, redact: Redact): BetaReading | 'none' | 'unknown';
  listenersRequest(name: DocumentName): WireRequest;
  listeners(answer: Answer, redact: Redact): Listeners;
}

/** The parameters that have a value. An empty one is not the same as none: an empty `appName` clears the stored one. */
export function given(params: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== ''));
}

/** How a compare-and-set travels: a request header. As a form field it is ignored (measured, v1 and v3). */
export function casHeader(casMd5: string | null): Readonly<Record<string, string>> {
  return casMd5 === null ? {} : { casMd5 };
}
