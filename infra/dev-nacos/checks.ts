/** Parameter checks, with the different answers that each generation gives to the same mistake. */
import type { Generation } from './generation.ts';
import type { NacosRequest, Reply } from './http.ts';
import { caused, failure, json, NO_CACHE, springError } from './replies.ts';

/** Whose manners an error answer follows. */
export type Api = 'v1' | 'v3 client' | 'v3 admin';

const NAME = /^[A-Za-z0-9_\-.:]+$/;
/** 2.2.3 asks Java's `isLetterOrDigit`, which knows every script. */
const NAME_ANY_SCRIPT = /^[\p{L}\p{Nd}_\-.:]+$/u;
const TENANT = /^[\w-]+$/;

interface NameRule {
  readonly params: readonly string[];
  readonly label: string;
  readonly pattern: RegExp;
  readonly maxLength: number;
}

const NAME_RULES: readonly NameRule[] = [
  { params: ['namespaceId', 'tenant'], label: 'namespaceId/tenant', pattern: TENANT, maxLength: 64 },
  { params: ['dataId'], label: 'dataId', pattern: NAME, maxLength: 256 },
  { params: ['groupName', 'group'], label: 'group', pattern: NAME, maxLength: 128 },
];

function filterRefusal(message: string): Reply {
  return { status: 400, headers: { ...NO_CACHE }, body: `${message}\r\n` };
}

/** The filter for characters and lengths that stands before every handler since 2.3; null lets the request pass. */
export function filterNames(generation: Generation, request: NacosRequest): Reply | null {
  // A search by pattern is let through unseen, but only when it says so: the v3 list's own default is not looked at.
  const isPatternSearch = request.method === 'GET' && request.params.get('search') === 'blur';
  if (!generation.filtersNames || isPatternSearch) return null;
  for (const { params, label, pattern, maxLength } of NAME_RULES) {
    const value = params.map((name) => request.params.get(name)).find((each) => each !== undefined) ?? '';
    if (value === '') continue;
    if (value.length > maxLength) {
      return filterRefusal(`Param '${label}' is illegal, the param length should not exceed ${maxLength}.`);
    }
    if (!pattern.test(value)) {
      return filterRefusal(`Param '${label}' is illegal, illegal characters should not appear in the param.`);
    }
  }
  return null;
}

/** The answer to a request that lacks `name`. */
export function missing(
  generation: Generation,
  api: Api,
  name: string,
  request: NacosRequest,
  nowMs: number,
): Reply {
  const required = `Required parameter '${name}' type String is not present`;
  if (api === 'v3 admin') return failure(400, 10000, required);
  if (api === 'v3 client') return caused(400, required);
  if (generation.major === 3) {
    return springError(400, `Required parameter '${name}' is not present.`, request, nowMs);
  }
  return caused(500, `Required request parameter '${name}' for method parameter type String is not present`);
}

/** What a v1 handler says of a bad name or a blank content; null when all is well. 2.2.3 makes it a 500. */
export function checkV1(
  generation: Generation,
  named: { dataId: string; group: string },
  content: string,
): Reply | null {
  const status = generation.version === '2.2.3' ? 500 : 400;
  const isName = (value: string) => NAME_ANY_SCRIPT.test(value);
  if (!isName(named.dataId.trim())) return caused(status, `invalid dataId : ${named.dataId}`);
  if (!isName(named.group)) return caused(status, `invalid group : ${named.group}`);
  if (content.trim() === '') return caused(status, `content is blank : ${content}`);
  return null;
}

function metadataComplaint(desc: string | null, configTags: string | null): string | null {
  if (desc !== null && desc.length > 128) return 'too long desc, over 128';
  const tags = configTags === null ? [] : configTags.split(',');
  if (tags.length > 5) return 'too much config_tags, over 5';
  return tags.some((tag) => tag.length > 64) ? 'too long tag, over 64' : null;
}

/** Limits of description and tags; null when they are kept. On the v1 API of 3.x the reason is swallowed. */
export function checkMetadata(
  generation: Generation,
  api: Api,
  given: { desc: string | null; configTags: string | null },
): Reply | null {
  const complaint = metadataComplaint(given.desc, given.configTags);
  if (complaint === null) return null;
  if (api !== 'v1') return failure(400, 20002, complaint);
  if (generation.major === 3) return json(400, false);
  return caused(generation.version === '2.2.3' ? 500 : 400, complaint);
}

/** A page request, or the refusal of a nonsensical one. */
export function pageOf(request: NacosRequest): { pageNo: number; pageSize: number } | Reply {
  const page = { pageNo: 1, pageSize: 100 };
  for (const name of ['pageNo', 'pageSize'] as const) {
    const raw = request.params.get(name);
    if (raw === undefined || raw === '') continue;
    const value = Number(raw);
    if (!Number.isInteger(value) || value < 1) {
      return failure(
        400,
        20002,
        `Required parameter '${name}' should be positive integer, current is ${raw}`,
      );
    }
    page[name] = value;
  }
  return { pageNo: page.pageNo, pageSize: Math.min(500, page.pageSize) };
}
