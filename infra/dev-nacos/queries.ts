/** What the v1 and v3 queries share: searching, paging and the shape of history. */
import type { DocumentName, HistoryRow, StoredDocument } from './documents.ts';
import type { Parts } from './parts.ts';

interface PageRequest {
  readonly pageNo: number;
  readonly pageSize: number;
}

export function paged<Row, Item>(
  rows: readonly Row[],
  { pageNo, pageSize }: PageRequest,
  item: (row: Row) => Item,
) {
  const start = (pageNo - 1) * pageSize;
  return {
    totalCount: rows.length,
    pageNumber: pageNo,
    pagesAvailable: Math.ceil(rows.length / pageSize),
    pageItems: rows.slice(start, start + pageSize).map(item),
  };
}

/** `*` stands for any text; an empty pattern matches everything. */
function matcher(pattern: string): (value: string) => boolean {
  if (pattern === '') return () => true;
  if (!pattern.includes('*')) return (value) => value === pattern;
  const escaped = pattern.split('*').map((piece) => piece.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const expression = new RegExp(`^${escaped.join('.*')}$`);
  return (value) => expression.test(value);
}

/** Documents of one namespace whose group and dataId match, in the order of their ids. */
export function findDocuments(parts: Parts, wanted: DocumentName): readonly StoredDocument[] {
  const isGroup = matcher(wanted.group);
  const isDataId = matcher(wanted.dataId);
  return [...parts.documents.all()]
    .filter(({ tenant, group, dataId }) => tenant === wanted.tenant && isGroup(group) && isDataId(dataId))
    .sort((left, right) => (left.id < right.id ? -1 : 1));
}

/** Real servers pad the operation letter to the width of its column. */
export function paddedOperation(row: HistoryRow): string {
  return row.operation.padEnd(10);
}

/** Metadata of a history row's document as JSON text; blank fields are left out. */
export function extInfo(document: StoredDocument): string {
  const fields = {
    type: document.type,
    config_tags: document.configTags || undefined,
    src_user: document.user || undefined,
    c_desc: document.desc || undefined,
  };
  return JSON.stringify(fields);
}
