/** The database of the development server: formal documents, beta variants and history, held in memory. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../src/lib/clock.ts';

export interface DocumentName {
  readonly tenant: string;
  readonly group: string;
  readonly dataId: string;
}

export interface StoredDocument extends DocumentName {
  readonly id: string;
  readonly content: string;
  readonly md5: string;
  readonly type: string;
  readonly appName: string | null;
  readonly desc: string | null;
  readonly configTags: string | null;
  readonly user: string | null;
  readonly ip: string;
  /** Unix milliseconds of the last write; real servers move the creation time with it. */
  readonly modifiedAt: number;
}

export interface StoredBeta extends StoredDocument {
  /** The addresses that get this variant, as they were sent: comma separated. */
  readonly ips: string;
}

export interface HistoryRow {
  readonly nid: string;
  readonly operation: 'I' | 'U' | 'D';
  /** The new document of an insert; the old one of an update or a deletion. */
  readonly document: StoredDocument;
  readonly variant: 'beta' | null;
  readonly ip: string;
  readonly user: string | null;
  readonly at: number;
}

/** One publish. Null for `appName` and `configTags` keeps what is stored; null for `desc` clears it. */
export interface Publish extends DocumentName {
  readonly content: string;
  readonly type: string;
  readonly appName: string | null;
  readonly desc: string | null;
  readonly configTags: string | null;
  readonly user: string | null;
  readonly ip: string;
  /** MD5 that a stored document must have; null for none. An absent document is inserted whatever it says. */
  readonly expectedMd5: string | null;
}

/** What a write changed: the formal document or its beta variant. */
export type Part = 'formal' | 'beta';

export interface Documents {
  find(key: string): StoredDocument | undefined;
  findBeta(key: string): StoredBeta | undefined;
  publish(publish: Publish): 'written' | 'conflict';
  publishBeta(publish: Publish, ips: string): 'written' | 'conflict';
  /** Deletes the formal document only: a beta variant of it stays stored. */
  remove(name: DocumentName, by: { user: string | null; ip: string }): void;
  removeBeta(name: DocumentName, by: { user: string | null; ip: string }): void;
  /** Rows of one document, oldest first. */
  history(key: string): readonly HistoryRow[];
  historyRow(nid: string): HistoryRow | undefined;
  /** Every formal document, in no special order. */
  all(): Iterable<StoredDocument>;
  /** Keys that have a formal document or a beta variant. */
  keys(): Iterable<string>;
}

export interface DocumentsOptions {
  readonly clock: Clock;
  /** False: writes of beta variants leave no history rows. */
  readonly recordsVariants: boolean;
  /** Called after each write, with the part that it touched. */
  onChange(key: string, part: Part): void;
}

/** Rows kept for one document, so that a long soak does not grow without end. */
const HISTORY_LIMIT = 1_000;
const FIRST_ID = 1_098_876_731_785_220_096n;

export function keyOf(name: DocumentName): string {
  return `${name.tenant}\u0002${name.group}\u0002${name.dataId}`;
}

/** Lower-case hex MD5 of the UTF-8 text: how Nacos names a content. */
export function md5Of(content: string): string {
  return createHash('md5').update(content, 'utf8').digest('hex');
}

export function createDocuments(options: DocumentsOptions): Documents {
  const { clock, recordsVariants, onChange } = options;
  const documents = new Map<string, StoredDocument>();
  const betas = new Map<string, StoredBeta>();
  const rows = new Map<string, HistoryRow[]>();
  const rowsByNid = new Map<string, HistoryRow>();
  let nextId = FIRST_ID;
  let nextNid = 1;

  function record(key: string, row: Omit<HistoryRow, 'nid' | 'at'>): void {
    const saved = { ...row, nid: String(nextNid++), at: clock.now() };
    const list = rows.get(key) ?? [];
    rows.set(key, list);
    list.push(saved);
    rowsByNid.set(saved.nid, saved);
    if (list.length > HISTORY_LIMIT) {
      const oldest = list.shift();
      if (oldest !== undefined) rowsByNid.delete(oldest.nid);
    }
  }

  function nextVersion(publish: Publish, old: StoredDocument | undefined): StoredDocument {
    return {
      tenant: publish.tenant,
      group: publish.group,
      dataId: publish.dataId,
      id: old?.id ?? String(nextId++),
      content: publish.content,
      md5: md5Of(publish.content),
      type: publish.type,
      appName: publish.appName ?? old?.appName ?? null,
      desc: publish.desc,
      configTags: publish.configTags ?? old?.configTags ?? null,
      user: publish.user,
      ip: publish.ip,
      modifiedAt: clock.now(),
    };
  }

  function isConflict(publish: Publish, old: StoredDocument | undefined): boolean {
    return publish.expectedMd5 !== null && old !== undefined && old.md5 !== publish.expectedMd5;
  }

  return {
    find: (key) => documents.get(key),
    findBeta: (key) => betas.get(key),

    publish(publish) {
      const key = keyOf(publish);
      const old = documents.get(key);
      if (isConflict(publish, old)) return 'conflict';
      const next = nextVersion(publish, old);
      documents.set(key, next);
      const { ip, user } = publish;
      record(key, { operation: old ? 'U' : 'I', document: old ?? next, variant: null, ip, user });
      onChange(key, 'formal');
      return 'written';
    },

    publishBeta(publish, ips) {
      const key = keyOf(publish);
      const old = betas.get(key);
      if (isConflict(publish, old)) return 'conflict';
      const next = { ...nextVersion(publish, old), ips };
      betas.set(key, next);
      const { ip, user } = publish;
      if (recordsVariants) {
        record(key, { operation: old ? 'U' : 'I', document: old ?? next, variant: 'beta', ip, user });
      }
      onChange(key, 'beta');
      return 'written';
    },

    remove(name, by) {
      const key = keyOf(name);
      const old = documents.get(key);
      if (old === undefined) return;
      documents.delete(key);
      record(key, { operation: 'D', document: old, variant: null, ...by });
      onChange(key, 'formal');
    },

    removeBeta(name, by) {
      const key = keyOf(name);
      const old = betas.get(key);
      if (old === undefined) return;
      betas.delete(key);
      if (recordsVariants) record(key, { operation: 'D', document: old, variant: 'beta', ...by });
      onChange(key, 'beta');
    },

    history: (key) => rows.get(key) ?? [],
    historyRow: (nid) => rowsByNid.get(nid),
    all: () => documents.values(),
    keys: () => new Set([...documents.keys(), ...betas.keys()]),
  };
}
