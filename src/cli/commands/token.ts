/** `canary token create`, `list` and `revoke`: the tokens file of a controller on this machine, with or without it running. */
import { readFileSync } from 'node:fs';
import { rewriteFile } from '../../access/rewrite.ts';
import type { Role } from '../../access/roles.ts';
import {
  isExpired,
  newToken,
  parseTokens,
  type Token,
  TokenName,
  withoutToken,
  withToken,
} from '../../access/tokens.ts';
import { parseDuration } from '../../lib/duration.ts';
import { err, ok, type Result } from '../../lib/result.ts';
import { alignColumns, didYouMean } from '../../lib/text.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';

export interface TokenFlags {
  /** The file; default the one of the environment. */
  readonly tokens?: string;
}

export interface CreateFlags extends TokenFlags {
  readonly role: Role;
  readonly canary?: readonly string[];
  /** Unix ms. */
  readonly expires?: number;
}

/** Standard output holds the token and nothing else: it is shown this once, because only its hash is kept. */
export function createToken(context: Context, name: string, flags: CreateFlags): ExitCode {
  const path = fileOf(context, flags);
  if (path === null) return noFile(context);
  const named = TokenName.safeParse(name);
  if (!named.success) return context.refuse(EXIT.usage, `the name ${named.error.issues[0]?.message}`);
  const now = context.io.clock.now();
  const { canary: canaries, role, expires } = flags;
  if (expires !== undefined && expires <= now) {
    return context.refuse(
      EXIT.usage,
      '--expires lies in the past',
      'give a duration such as 90d, or a later time',
    );
  }
  const { secret, sha256 } = newToken();
  const token: Token = {
    ...{ name, role, sha256 },
    ...(canaries === undefined ? {} : { canaries: [...canaries] }),
    created: timeOf(now),
    ...(expires === undefined ? {} : { expires: timeOf(expires) }),
  };
  const made = rewriteFile(path, (text) => {
    const known = text === null ? ok([]) : readable(path, text);
    if (!known.ok) return known;
    if (known.value.some((other) => other.name === name)) {
      return err(`${path} has a token ${name} already: choose another name, or revoke that one first`);
    }
    return ok({ text: withToken(text ?? '', token), value: null });
  });
  if (!made.ok) return context.refuse(EXIT.failed, made.error);
  context.print({ ...shown(token, now), token: secret }, () => secret);
  context.talk(`${name} may act as ${role} with this token, which is shown only now; ${path} keeps its hash`);
  return EXIT.ok;
}

export function listTokens(context: Context, flags: TokenFlags): ExitCode {
  const path = fileOf(context, flags);
  if (path === null) return noFile(context);
  const read = readTokens(path);
  if (!read.ok) return context.refuse(EXIT.failed, read.error);
  const now = context.io.clock.now();
  const tokens = read.value.map((token) => shown(token, now));
  context.print({ tokens }, () => {
    const rows = tokens.map(({ name, role, canaries, created, expires, expired }) => [
      name,
      role,
      canaries?.join(', ') ?? 'all',
      created ?? '-',
      expires === null ? 'never' : `${expires}${expired ? ' (over)' : ''}`,
    ]);
    return alignColumns([['NAME', 'ROLE', 'CANARIES', 'CREATED', 'EXPIRES'], ...rows]).join('\n');
  });
  return EXIT.ok;
}

export function revokeToken(context: Context, name: string, flags: TokenFlags): ExitCode {
  const path = fileOf(context, flags);
  if (path === null) return noFile(context);
  const made = rewriteFile(path, (text) => {
    const known = readable(path, text ?? '');
    if (!known.ok) return known;
    const names = known.value.map((token) => token.name);
    if (!names.includes(name)) return err(`${path} has no token ${name}.${didYouMean(name, names)}`);
    return ok({ text: withoutToken(text ?? '', name), value: null });
  });
  if (!made.ok) return context.refuse(EXIT.failed, made.error);
  context.print({ revoked: name }, () => name);
  context.talk(`${name} is revoked; a controller that runs refuses it within five seconds`);
  return EXIT.ok;
}

/** "90d" from now on, "2027-01-31" or "2027-01-31T12:00:00Z"; null: neither. Unix ms. */
export function parseExpiry(text: string, now: number): number | null {
  const ms = parseDuration(text);
  if (ms !== null) return now + ms;
  const isTime = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))?$/.test(text);
  const at = isTime ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : at;
}

function fileOf({ io }: Context, { tokens }: TokenFlags): string | null {
  return tokens || io.env['CANARY_TOKENS'] || null;
}

function noFile(context: Context): ExitCode {
  return context.refuse(EXIT.usage, 'no tokens file is named', 'add --tokens FILE, or set CANARY_TOKENS');
}

function readTokens(path: string): Result<readonly Token[], string> {
  try {
    return readable(path, readFileSync(path, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    return err(`${path} cannot be read: ${code}`);
  }
}

function readable(path: string, text: string): Result<readonly Token[], string> {
  const parsed = parseTokens(text);
  return parsed.ok ? parsed : err(`${path} ${parsed.error}`);
}

/** Without the hash, which is of no use to anybody. */
function shown(token: Token, now: number) {
  const { name, role, canaries = null, created = null, expires = null } = token;
  return { name, role, canaries, created, expires, expired: isExpired(token, now) };
}

function timeOf(at: number): string {
  return new Date(at).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
