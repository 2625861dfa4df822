/**
 * Who may change anything while there are no tokens: a program on this machine. A web page that a browser on this
 * machine happens to show is not one, whether it sends a form, names us by a domain of its own that points to
 * 127.0.0.1, or is fetched from another local server.
 */
import type { Problem } from '../view/schemas.ts';
import { problem } from './problems.ts';

/** What a write request says about where it comes from. */
export interface Provenance {
  readonly remoteAddress: string | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** Any of them betrays a proxy, behind which the caller may be anywhere; not every proxy sends the same ones. */
const PROXY_HEADERS = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/** Why this request may not change anything, or null when it may. Needs no body. */
export function objectionToWrite({ remoteAddress, headers }: Provenance): Problem | null {
  if (!isLoopbackAddress(remoteAddress)) {
    return problem(
      'NOT_LOOPBACK',
      `changes are taken from loopback addresses only, not from ${remoteAddress}`,
    );
  }
  if (PROXY_HEADERS.some((name) => headers[name] !== undefined)) {
    return problem(
      'NOT_LOOPBACK',
      'the request was forwarded by a proxy, so it may come from another machine',
    );
  }
  const host = headers['host'];
  if (typeof host !== 'string' || !isLoopbackHost(host)) {
    return problem('FOREIGN_HOST', `the Host header ${JSON.stringify(host ?? '')} names no loopback address`);
  }
  const origin = headers['origin'];
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    return problem('FOREIGN_ORIGIN', `the Origin header ${JSON.stringify(origin)} is not this server`);
  }
  const type = headers['content-type'];
  if (type === undefined ? hasBody(headers) : !isJsonType(type)) {
    return problem('UNSUPPORTED_MEDIA_TYPE', 'changes are taken as application/json only');
  }
  return null;
}

/** 127.0.0.0/8, also as an IPv4-mapped IPv6 address, and ::1. */
export function isLoopbackAddress(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === '::1' || /^(?:::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(address);
}

/** A Host header (port allowed) that can only mean this machine. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  return name === 'localhost' || name === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

function isJsonType(type: string | readonly string[]): boolean {
  return typeof type === 'string' && /^application\/json\s*(?:;|$)/i.test(type.trim());
}

function hasBody(headers: Provenance['headers']): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
}
