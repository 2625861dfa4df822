/** What the answers of Nacos servers mean when they are not the ones hoped for. */
import { NacosError } from './errors.ts';
import { excerpt, type Redact } from './redact.ts';
import type { Answer } from './transport.ts';

/** The envelope of v3 answers: code 0 is success. Errors of filters and routes come without it. */
export interface Envelope {
  readonly code: number;
  readonly message: string;
  readonly data: unknown;
}

/** `resource not found`: no such config, or the config has no beta. */
export const CODE_NOT_FOUND = 20004;
/** `resource conflict`: a compare-and-set that did not hold. */
export const CODE_CONFLICT = 20005;

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The body as a JSON object, whatever its Content-Type claims: servers label plain text as JSON. */
export function jsonObject(answer: Answer): Readonly<Record<string, unknown>> | null {
  try {
    const parsed: unknown = JSON.parse(answer.body);
    return isRecord(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

export function envelopeOf(answer: Answer): Envelope | null {
  const object = jsonObject(answer);
  if (object === null || typeof object['code'] !== 'number') return null;
  return { code: object['code'], message: String(object['message'] ?? ''), data: object['data'] };
}

/** A server's own words for people: the message of a JSON error, else the beginning of the body, unless it is a page. */
export function wordsOf(answer: Answer, redact: Redact): string {
  if (/^\s*</.test(answer.body)) return 'a page of HTML';
  const object = jsonObject(answer);
  const parts = [object?.['message'], object?.['data']].filter(
    (part): part is string => typeof part === 'string' && part !== '',
  );
  return excerpt(parts.length === 0 ? answer.body : parts.join(': '), redact);
}

/** The 3.x console, on its own port, says this to the paths of the server. */
function isConsole(answer: Answer): boolean {
  return answer.body.includes('No static resource ') || answer.body.includes('Nacos Console default port');
}

/**
 * The failure that an unwanted answer stands for, by its status. A 404 here is never "no such config": that one is
 * recognized by its body before anything else.
 */
export function failureOf(answer: Answer, where: string, redact: Redact): NacosError {
  const { status } = answer;
  const particulars = `${where}: ${status}, ${wordsOf(answer, redact)}`;
  if (isConsole(answer)) {
    return new NacosError('NACOS_NOT_NACOS', `${where}: this is the console of Nacos, not its server port`);
  }
  if (status === 401 || status === 403) return new NacosError('NACOS_FORBIDDEN', particulars);
  if (status === 409) return new NacosError('NACOS_BUSY', particulars);
  if (status === 410) return new NacosError('NACOS_GONE', particulars);
  if (status === 400 || status === 413) return new NacosError('NACOS_REJECTED', particulars);
  if (status === 429 || (status >= 502 && status <= 504)) {
    return new NacosError('NACOS_UNAVAILABLE', particulars);
  }
  if (status >= 500) return new NacosError('NACOS_FAILED', particulars);
  return new NacosError('NACOS_NOT_NACOS', particulars);
}
