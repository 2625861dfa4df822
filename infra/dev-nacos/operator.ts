/** What a person does to the server without HTTP: edits in the console, looks into the database. */
import { type HistoryRow, keyOf, type Publish, type StoredDocument } from './documents.ts';
import { publicTenant, storedTenant } from './generation.ts';
import type { Parts } from './parts.ts';
import { announce } from './publishing.ts';

/** Who holds a long poll for a document, and the md5 it has. */
export interface Listener {
  readonly dataId: string;
  readonly group: string;
  /** The empty string is the public namespace. */
  readonly tenant: string;
  readonly ip: string;
  readonly md5: string;
}

/** A namespace of '' or 'public' is the public one. */
export interface Operator {
  /** What the database holds, whatever runtime reads say. */
  get(dataId: string, group: string, tenant?: string): StoredDocument | undefined;
  /** Someone edits in the console: visible to readers after the dump, as any other write. */
  put(dataId: string, group: string, content: string, tenant?: string): void;
  delete(dataId: string, group: string, tenant?: string): void;
  /** Someone leaves a beta variant for the addresses `ips`. */
  publishBeta(dataId: string, group: string, content: string, ips: readonly string[], tenant?: string): void;
  stopBeta(dataId: string, group: string, tenant?: string): void;
  /** History rows of one document, newest first. */
  history(dataId: string, group: string, tenant?: string): readonly HistoryRow[];
  listeners(): readonly Listener[];
}

const OPERATOR = { user: 'operator', ip: '127.0.0.1' } as const;

export function createOperator(parts: Parts): Operator {
  const { generation, documents, polls } = parts;

  function named(dataId: string, group: string, tenant = '') {
    return { tenant: storedTenant(generation, tenant), group, dataId };
  }

  function edit(dataId: string, group: string, content: string, tenant?: string): Publish {
    const name = named(dataId, group, tenant);
    const old = documents.find(keyOf(name));
    return {
      ...name,
      ...OPERATOR,
      content,
      type: old?.type ?? 'json',
      appName: null,
      desc: old?.desc ?? null,
      configTags: null,
      expectedMd5: null,
    };
  }

  return {
    get: (dataId, group, tenant) => documents.find(keyOf(named(dataId, group, tenant))),
    put(dataId, group, content, tenant) {
      const publish = edit(dataId, group, content, tenant);
      documents.publish(publish);
      announce(parts, publish, { isBeta: false, by: 'operator' });
    },
    delete: (dataId, group, tenant) => documents.remove(named(dataId, group, tenant), OPERATOR),
    publishBeta(dataId, group, content, ips, tenant) {
      const publish = edit(dataId, group, content, tenant);
      documents.publishBeta(publish, ips.join(','));
      announce(parts, publish, { isBeta: true, by: 'operator' });
    },
    stopBeta: (dataId, group, tenant) => documents.removeBeta(named(dataId, group, tenant), OPERATOR),
    history: (dataId, group, tenant) => [...documents.history(keyOf(named(dataId, group, tenant)))].reverse(),
    listeners: () =>
      polls.all().flatMap(({ ip, watched }) =>
        watched.map(({ dataId, group, md5, tenant }) => ({
          dataId,
          group,
          tenant: tenant === publicTenant(generation) ? '' : tenant,
          ip,
          md5,
        })),
      ),
  };
}
