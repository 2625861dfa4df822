/** v1 queries of the 2.x servers for people and consoles: full document, search, history, beta, listeners. */
import { pageOf } from './checks.ts';
import { lacking, namedV1 } from './config-v1.ts';
import { type HistoryRow, keyOf, type StoredDocument } from './documents.ts';
import type { NacosRequest, Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { extInfo, findDocuments, paddedOperation, paged } from './queries.ts';
import { caused, EMPTY, json, jsonTime, text } from './replies.ts';

/** Every history row of v1 claims to be created then, whatever it is. */
const HISTORY_CREATED = jsonTime(Date.UTC(2010, 4, 5));

function summary(document: StoredDocument) {
  return {
    id: document.id,
    dataId: document.dataId,
    group: document.group,
    content: document.content,
    md5: document.md5,
    encryptedDataKey: '',
    tenant: document.tenant,
    appName: document.appName,
    type: document.type,
  };
}

/** `show=all`: the document as the database has it, or an empty 200. */
export function showAll(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const document = parts.documents.find(keyOf(namedV1(parts, request, 'other')));
  if (document === undefined) return EMPTY;
  return json(200, {
    ...summary(document),
    createTime: document.modifiedAt,
    modifyTime: document.modifiedAt,
    createUser: document.user,
    createIp: document.ip,
    desc: document.desc,
    use: null,
    effect: null,
    schema: null,
    configTags: document.configTags,
  });
}

/** `search=accurate` and `search=blur`. */
export function searchV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group', 'pageNo', 'pageSize']);
  if (refusal !== null) return refusal;
  const page = pageOf(request);
  if ('status' in page) return caused(500, 'illegal page');
  const found = findDocuments(parts, namedV1(parts, request, 'other'));
  return json(200, paged(found, page, summary));
}

/** `beta=true`: the variant with its addresses, or null. */
export function betaV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const beta = parts.documents.findBeta(keyOf(namedV1(parts, request, 'other')));
  const found = beta === undefined ? null : { ...summary(beta), betaIps: beta.ips };
  return json(200, { code: 200, message: 'query beta ok', data: found });
}

export function stopBetaV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const by = { user: parts.access.userOf(request), ip: request.ip };
  parts.documents.removeBeta(namedV1(parts, request, 'other'), by);
  return json(200, { code: 200, message: 'stop beta ok', data: true });
}

/** Who listens: one md5 a client address. */
export function listenersV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const watchers = parts.polls.watchers(keyOf(namedV1(parts, request, 'other')));
  return json(200, { collectStatus: 200, lisentersGroupkeyStatus: Object.fromEntries(watchers) });
}

function historyItem(parts: Parts, row: HistoryRow, isDetail: boolean) {
  const { document } = row;
  const variant = {
    publishType: row.variant === null ? 'formal' : 'gray',
    grayName: row.variant,
    extInfo: extInfo(document),
  };
  return {
    id: row.nid,
    lastId: -1,
    dataId: document.dataId,
    group: document.group,
    tenant: document.tenant,
    appName: document.appName,
    md5: isDetail ? document.md5 : null,
    content: isDetail ? document.content : null,
    srcIp: row.ip,
    srcUser: row.user,
    opType: paddedOperation(row),
    ...(parts.generation.recordsVariants ? variant : null),
    createdTime: HISTORY_CREATED,
    lastModifiedTime: jsonTime(row.at),
    encryptedDataKey: isDetail ? '' : null,
  };
}

/** `search=accurate` lists rows, newest first and without contents; `nid` shows one row whole. */
export function historyV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const key = keyOf(namedV1(parts, request, 'other'));
  if (request.params.get('search') === 'accurate') {
    const page = pageOf(request);
    if ('status' in page) return caused(500, 'illegal page');
    const rows = [...parts.documents.history(key)].reverse();
    return json(
      200,
      paged(rows, page, (row) => historyItem(parts, row, false)),
    );
  }
  const lackingNid = lacking(parts, request, ['nid']);
  if (lackingNid !== null) return lackingNid;
  const row = parts.documents.historyRow(request.params.get('nid') ?? '');
  if (row === undefined) return EMPTY;
  if (keyOf(row.document) !== key) return text(403, 'Please check dataId, group or namespaceId.');
  return json(200, historyItem(parts, row, true));
}
