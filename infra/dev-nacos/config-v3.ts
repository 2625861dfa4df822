/** The v3 API of the 3.x servers: the client's runtime read and the Admin API, which reads the database. */
import { checkMetadata, missing, pageOf } from './checks.ts';
import {
  type DocumentName,
  type HistoryRow,
  keyOf,
  type StoredBeta,
  type StoredDocument,
} from './documents.ts';
import { storedTenant } from './generation.ts';
import type { NacosRequest, Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { publishRequest, storedType, tagRefusal } from './publishing.ts';
import { extInfo, findDocuments, paddedOperation, paged } from './queries.ts';
import { failure, success } from './replies.ts';

/** Every history row of v3 claims to be created then, whatever it is. */
const HISTORY_CREATED_MS = Date.UTC(2010, 4, 5);

function lacking(
  parts: Parts,
  api: 'v3 client' | 'v3 admin',
  request: NacosRequest,
  names: readonly string[],
): Reply | null {
  const name = names.find((each) => (request.params.get(each) ?? '').trim() === '');
  return name === undefined ? null : missing(parts.generation, api, name, request, parts.clock.now());
}

function named(parts: Parts, request: NacosRequest): DocumentName {
  return {
    tenant: storedTenant(parts.generation, request.params.get('namespaceId') ?? ''),
    group: request.params.get('groupName') ?? '',
    dataId: request.params.get('dataId') ?? '',
  };
}

/** The runtime read: a gRPC response object in the envelope; a missing document is HTTP 200 with code 20004. */
export function readClient(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 client', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const view = parts.dump.view(keyOf(named(parts, request)), request.ip);
  if (view === null) return failure(200, 20004, null);
  return success({
    resultCode: 200,
    errorCode: 0,
    message: null,
    requestId: null,
    content: view.document.content,
    encryptedDataKey: '',
    contentType: view.document.type,
    md5: view.document.md5,
    lastModified: view.document.modifiedAt,
    tag: null,
    beta: view.isBeta,
    success: true,
  });
}

function basics(document: StoredDocument, createTime: number, modifyTime: number) {
  return {
    id: document.id,
    namespaceId: document.tenant,
    groupName: document.group,
    dataId: document.dataId,
    md5: document.md5,
    type: document.type,
    appName: document.appName,
    createTime,
    modifyTime,
  };
}

/** The database read, never stale; a missing document is HTTP 404 with code 20004. */
export function readAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const document = parts.documents.find(keyOf(named(parts, request)));
  if (document === undefined) return failure(404, 20004, 'Config not exist, please publish Config first.');
  return success({
    ...basics(document, document.modifiedAt, document.modifiedAt),
    content: document.content,
    desc: document.desc,
    encryptedDataKey: '',
    createUser: document.user,
    createIp: document.ip,
    configTags: document.configTags,
  });
}

export function publishAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal =
    lacking(parts, 'v3 admin', request, ['groupName', 'dataId', 'content']) ?? tagRefusal(request);
  if (refusal !== null) return refusal;
  const { params } = request;
  const given = { desc: params.get('desc') ?? null, configTags: params.get('configTags') ?? null };
  const complaint = checkMetadata(parts.generation, 'v3 admin', given);
  if (complaint !== null) return complaint;
  const outcome = publishRequest(parts, request, {
    ...named(parts, request),
    ...given,
    content: params.get('content') ?? '',
    type: storedType(params.get('type')),
    appName: params.get('appName') ?? null,
    user: params.get('srcUser') || parts.access.userOf(request),
  });
  return outcome === 'written' ? success(true) : failure(500, 20005, outcome.conflict);
}

/** A deletion: `true`, also when there was nothing to delete. */
export function deleteAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']) ?? tagRefusal(request);
  if (refusal !== null) return refusal;
  const by = { user: parts.access.userOf(request), ip: request.ip };
  parts.documents.remove(named(parts, request), by);
  return success(true);
}

export function listAdmin(parts: Parts, request: NacosRequest): Reply {
  const page = pageOf(request);
  if ('status' in page) return page;
  const found = findDocuments(parts, named(parts, request));
  return success(paged(found, page, (document) => basics(document, 0, 0)));
}

/** Who listens: one md5 a client address, so gateways behind one address collapse into one entry. */
export function listenersAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const watchers = parts.polls.watchers(keyOf(named(parts, request)));
  return success({ queryType: 'config', listenersStatus: Object.fromEntries(watchers) });
}

function grayRule(beta: StoredBeta): string {
  return JSON.stringify({ type: 'beta', version: '1.0.0', expr: beta.ips, priority: 2 ** 31 - 1 });
}

export function betaAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const beta = parts.documents.findBeta(keyOf(named(parts, request)));
  if (beta === undefined) return failure(404, 20004, 'Config is not in beta.');
  return success({
    ...basics(beta, 0, beta.modifiedAt),
    content: beta.content,
    desc: null,
    encryptedDataKey: '',
    createUser: beta.user,
    createIp: null,
    configTags: null,
    grayName: 'beta',
    grayRule: grayRule(beta),
  });
}

export function stopBetaAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const by = { user: parts.access.userOf(request), ip: request.ip };
  parts.documents.removeBeta(named(parts, request), by);
  return success(true);
}

function historyItem(row: HistoryRow) {
  return {
    ...basics(row.document, HISTORY_CREATED_MS, row.at),
    id: row.nid,
    type: null,
    srcIp: row.ip,
    srcUser: row.user,
    opType: paddedOperation(row),
    publishType: row.variant === null ? 'formal' : 'gray',
  };
}

/** History rows, newest first, without contents and md5s. */
export function historyListAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId']);
  if (refusal !== null) return refusal;
  const page = pageOf(request);
  if ('status' in page) return page;
  const rows = [...parts.documents.history(keyOf(named(parts, request)))].reverse();
  return success(paged(rows, page, (row) => ({ ...historyItem(row), md5: null })));
}

/** One history row by `nid`: an update's row holds the old content. */
export function historyAdmin(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, 'v3 admin', request, ['groupName', 'dataId', 'nid']);
  if (refusal !== null) return refusal;
  const nid = request.params.get('nid') ?? '';
  const row = parts.documents.historyRow(nid);
  if (row === undefined) {
    return failure(404, 20004, `certain config history for nid = ${nid} not exist`);
  }
  if (keyOf(row.document) !== keyOf(named(parts, request))) {
    return failure(403, 10001, 'Please check dataId, group or namespaceId.');
  }
  return success({
    ...historyItem(row),
    content: row.document.content,
    encryptedDataKey: '',
    grayName: row.variant,
    extInfo: extInfo(row.document),
  });
}
