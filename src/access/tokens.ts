/**
 * The tokens file: who may use the HTTP interface, as YAML that holds no secret. Of a token only its SHA-256 is kept.
 * A slow, salted hash would add nothing: it makes guessing dear where people choose passwords, but a token is 256 random
 * bits, which nobody guesses at any speed, and it is compared at every request.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Document, isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { err, ok, type Result } from '../lib/result.ts';
import { ROLES } from './roles.ts';

/** Says of a text what it is, to people and to scanners that look for lost secrets. */
const PREFIX = 'canary_';
const SECRET_BYTES = 32;

/** One that is longer is no token; it is not even hashed. */
const SECRET_LIMIT = 200;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const PATTERN = /^[A-Za-z0-9._-]{1,253}\*?$|^\*$/;

export const TokenName = z
  .string('must be a text')
  .regex(
    NAME,
    'must be 1 to 64 letters, digits, dots, dashes, underscores or @, beginning with a letter or digit',
  );

export const CanaryPattern = z
  .string('must be a text')
  .regex(PATTERN, 'must be the name of a Canary, or the beginning of names and a *');

const Time = z.iso.datetime({ offset: true, error: 'must be a time such as 2027-01-31T00:00:00Z' });

export const Token = z.strictObject({
  /** Becomes the actor of what is done with it. */
  name: TokenName,
  role: z.enum(ROLES, `must be one of ${ROLES.join(', ')}`),
  /** Lower-case hex of the whole token. */
  sha256: z.string('must be a text').regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits'),
  /** What it may change; left out: every Canary. */
  canaries: z.array(CanaryPattern).min(1, 'must name at least one Canary, or be left out').optional(),
  created: Time.optional(),
  /** From this time on it is refused. */
  expires: Time.optional(),
});
export type Token = z.infer<typeof Token>;

const TokensFile = z.strictObject({ tokens: z.array(Token) });

/** The tokens of a file's text, or one line that says what is wrong with it and repeats nothing of what it holds. */
export function parseTokens(text: string): Result<readonly Token[], string> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) {
    return err(`is no YAML: ${fault.code} in line ${lines.linePos(fault.pos[0]).line}`);
  }
  if (document.contents === null) return err('is empty; without any token it must hold "tokens: []"');
  // Without aliases: they make a small file a huge one.
  const read = TokensFile.safeParse(toPlain(document));
  if (!read.success) return err(describe(read.error.issues));
  const { tokens } = read.data;
  const twice = tokens.find(({ name, sha256 }, index) =>
    tokens.slice(0, index).some((other) => other.name === name || other.sha256 === sha256),
  );
  return twice === undefined ? ok(tokens) : err(`holds the token ${twice.name} twice`);
}

function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: 0 });
  } catch {
    return null;
  }
}

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const [issue, ...more] = issues;
  if (issue === undefined) return 'is no tokens file';
  const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  const where = place.join('').replace(/^\./, '');
  const count = more.length === 0 ? '' : `, and ${more.length} more`;
  if (issue.code === 'unrecognized_keys')
    return `has unknown fields${where === '' ? '' : ` in ${where}`}${count}`;
  return `${where === '' ? 'must be a mapping with "tokens"' : `is wrong: ${where} ${issue.message}`}${count}`;
}

/** A new token and what is kept of it. */
export function newToken(): { readonly secret: string; readonly sha256: string } {
  const secret = PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  return { secret, sha256: digestOf(secret).toString('hex') };
}

function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

/** The file's text with one more token. Comments and order stay. `text` must be a good file, or '' for a new one. */
export function withToken(text: string, token: Token): string {
  const document = text === '' ? new Document({ tokens: [] }) : parseDocument(text);
  document.addIn(['tokens'], document.createNode(token));
  const list = document.get('tokens');
  // An empty list can only be written as [].
  if (isSeq(list)) list.flow = false;
  return String(document);
}

/** The file's text without the token of that name. Comments and order of the others stay. */
export function withoutToken(text: string, name: string): string {
  const document = parseDocument(text);
  const list = document.get('tokens');
  if (isSeq(list)) list.items = list.items.filter((item) => !(isMap(item) && item.get('name') === name));
  return String(document);
}

/** Finds whose token a text is. */
export interface TokenBook {
  /** Null: nobody's. In a time that tells nothing of how near it came to one. */
  find(secret: string): Token | null;
}

export function createTokenBook(tokens: readonly Token[]): TokenBook {
  const digests = tokens.map((token) => ({ token, digest: Buffer.from(token.sha256, 'hex') }));
  return {
    find(secret) {
      if (secret.length > SECRET_LIMIT) return null;
      const asked = digestOf(secret);
      let found: Token | null = null;
      for (const { token, digest } of digests) if (timingSafeEqual(asked, digest)) found = token;
      return found;
    },
  };
}

export function isExpired({ expires }: Pick<Token, 'expires'>, now: number): boolean {
  return expires !== undefined && Date.parse(expires) <= now;
}

/** Whether a token may change a Canary, whatever its role. */
export function mayChange({ canaries }: Pick<Token, 'canaries'>, canary: string): boolean {
  return (
    canaries === undefined ||
    canaries.some((pattern) =>
      pattern.endsWith('*') ? canary.startsWith(pattern.slice(0, -1)) : canary === pattern,
    )
  );
}
