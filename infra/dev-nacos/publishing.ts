/** The publish that the v1 and the v3 API share: variants, compare-and-set and what a missing field means. */
import { md5Of, type Publish } from './documents.ts';
import { publicTenant } from './generation.ts';
import { headerOf, type NacosRequest, type Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { text } from './replies.ts';

const TYPES: ReadonlySet<string> = new Set([
  'properties',
  'xml',
  'json',
  'text',
  'html',
  'yaml',
  'toml',
  'unset',
]);

/** The sentence of a failed compare-and-set, for a formal document and for a variant. */
const CONFLICT = 'Cas publish fail, server md5 may have changed.';
const BETA_CONFLICT = 'Cas publish gray config fail, server md5 may have changed.';

/** An unknown or absent type is stored as `text`, whatever was stored before. */
export function storedType(given: string | undefined): string {
  return given !== undefined && TYPES.has(given) ? given : 'text';
}

/** Tag variants are the one kind of publish that this server does not model; null for every other request. */
export function tagRefusal(request: NacosRequest): Reply | null {
  const tag = request.params.get('tag') ?? '';
  return tag.trim() === '' ? null : text(501, 'tag variants are not modelled by the development server');
}

/** Stores what a publish request asks for; a string is the sentence of a failed compare-and-set. */
export function publishRequest(
  parts: Parts,
  request: NacosRequest,
  publish: Omit<Publish, 'ip' | 'expectedMd5'>,
): 'written' | { readonly conflict: string } {
  const casMd5 = headerOf(request.headers, 'casmd5');
  const isGuarded = parts.generation.comparesMd5 && casMd5.trim() !== '';
  const whole: Publish = { ...publish, ip: request.ip, expectedMd5: isGuarded ? casMd5 : null };
  const ips = headerOf(request.headers, 'betaips');
  const isBeta = ips.trim() !== '';
  const outcome = isBeta ? parts.documents.publishBeta(whole, ips) : parts.documents.publish(whole);
  if (outcome === 'conflict') return { conflict: isBeta ? BETA_CONFLICT : CONFLICT };
  announce(parts, whole, { isBeta, by: 'http' });
  return 'written';
}

/** Tells the watchers of this server about a stored publish. */
export function announce(
  parts: Parts,
  publish: Publish,
  how: { isBeta: boolean; by: 'http' | 'operator' },
): void {
  const { dataId, group, content } = publish;
  const tenant = publish.tenant === publicTenant(parts.generation) ? '' : publish.tenant;
  const at = parts.clock.now();
  parts.published({ dataId, group, tenant, content, md5: md5Of(content), at, ...how });
}
