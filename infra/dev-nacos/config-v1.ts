/** The v1 config API that the official npm client speaks: read, publish, delete. */
import { checkMetadata, checkV1, missing } from './checks.ts';
import { type DocumentName, keyOf } from './documents.ts';
import type { View } from './dump.ts';
import { v1Tenant } from './generation.ts';
import type { NacosRequest, Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { publishRequest, storedType, tagRefusal } from './publishing.ts';
import { caused, JSON_TYPE, json, NO_CACHE, TEXT_TYPE } from './replies.ts';

/** Plain text under a JSON label, on every generation: clients must decide by the body. */
const NO_SUCH_CONFIG: Reply = {
  status: 404,
  headers: { 'Content-Type': JSON_TYPE },
  body: 'config data not exist\n',
};

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  json: JSON_TYPE,
  xml: 'application/xml;charset=UTF-8',
  html: 'text/html;charset=UTF-8',
};

/** The first of `names` that the request lacks, as a refusal; null when it has them all. */
export function lacking(parts: Parts, request: NacosRequest, names: readonly string[]): Reply | null {
  const name = names.find((each) => !request.params.has(each));
  return name === undefined ? null : missing(parts.generation, 'v1', name, request, parts.clock.now());
}

/** The document that a v1 request names, its namespace as this generation takes it. */
export function namedV1(
  parts: Parts,
  request: NacosRequest,
  use: 'read' | 'publish' | 'other',
): DocumentName {
  const { params } = request;
  const prefersNamespaceId = use === 'read' && parts.generation.version !== '2.2.3';
  const tenant = (prefersNamespaceId ? params.get('namespaceId') : undefined) ?? params.get('tenant') ?? '';
  return {
    tenant: v1Tenant(parts.generation, use, tenant),
    group: params.get('group') ?? '',
    dataId: params.get('dataId') ?? '',
  };
}

function readHeaders(parts: Parts, view: View): Record<string, string> {
  const { document, isBeta } = view;
  const { typedReads } = parts.generation;
  const type = (typedReads ? CONTENT_TYPES[document.type] : undefined) ?? TEXT_TYPE;
  const mark = isBeta ? { isBeta: 'true' } : typedReads ? null : { 'Encrypted-Data-Key': '' };
  return {
    'Config-Type': document.type,
    'Content-Type': type,
    'Content-MD5': document.md5,
    ...NO_CACHE,
    'Last-Modified': new Date(document.modifiedAt).toUTCString(),
    ...mark,
  };
}

/**
 * The runtime read: what the dump has for the client's address. 2.2.3 takes the content from the database instead,
 * but only once the document was dumped, and its md5 header still comes from the dump.
 */
export function readV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']);
  if (refusal !== null) return refusal;
  const name = namedV1(parts, request, 'read');
  const complaint = checkV1(parts.generation, name, 'content');
  if (complaint !== null) return complaint;
  const key = keyOf(name);
  const view = parts.dump.view(key, request.ip);
  if (view === null || (request.params.get('tag') ?? '') !== '') return NO_SUCH_CONFIG;
  const headers = readHeaders(parts, view);
  if (!parts.generation.readsDatabase) return { status: 200, headers, body: view.document.content };
  const current = view.isBeta ? parts.documents.findBeta(key) : parts.documents.find(key);
  return current === undefined ? NO_SUCH_CONFIG : { status: 200, headers, body: current.content };
}

/** A publish: 200 `true`, or a failed compare-and-set in this generation's words. */
export function publishV1(parts: Parts, request: NacosRequest): Reply {
  const { generation } = parts;
  const refusal = lacking(parts, request, ['dataId', 'group', 'content']) ?? tagRefusal(request);
  if (refusal !== null) return refusal;
  const { params } = request;
  const name = namedV1(parts, request, 'publish');
  const content = params.get('content') ?? '';
  const given = { desc: params.get('desc') ?? null, configTags: params.get('config_tags') ?? null };
  const complaint = checkV1(generation, name, content) ?? checkMetadata(generation, 'v1', given);
  if (complaint !== null) return complaint;
  const outcome = publishRequest(parts, request, {
    ...name,
    ...given,
    content,
    type: storedType(params.get('type')),
    appName: params.get('appName') ?? null,
    user: params.get('src_user') || parts.access.userOf(request),
  });
  if (outcome === 'written') return json(200, true);
  return generation.major === 3 ? json(500, false) : caused(500, outcome.conflict);
}

/** A deletion: `true`, also when there was nothing to delete. */
export function deleteV1(parts: Parts, request: NacosRequest): Reply {
  const refusal = lacking(parts, request, ['dataId', 'group']) ?? tagRefusal(request);
  if (refusal !== null) return refusal;
  const name = namedV1(parts, request, 'other');
  const complaint = checkV1(parts.generation, name, 'rm');
  if (complaint !== null) return complaint;
  parts.documents.remove(name, { user: parts.access.userOf(request), ip: request.ip });
  return json(200, true);
}
