/** Where the controller is, and what is shown to it: flags before environment. */
import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '../lib/result.ts';
import type { Io } from './io.ts';

export const DEFAULT_SERVER = 'http://127.0.0.1:5001';

export interface Connection {
  readonly url: URL;
  /** Shown as a bearer token; null: none. */
  readonly token: string | null;
  /** PEM of the authorities to trust; null: the system's. */
  readonly ca: string | null;
}

export interface ConnectionFlags {
  readonly server?: URL;
  readonly tokenFile?: string;
  readonly serverCa?: string;
}

/** An empty variable names nothing. The error is a sentence without what the files hold. */
export function connectionOf(flags: ConnectionFlags, env: Io['env']): Result<Connection, string> {
  const url = flags.server ?? httpUrl(env['CANARY_SERVER'] || DEFAULT_SERVER);
  if (url === null) return err('CANARY_SERVER in the environment must be an http or https address');
  const token = contentOf(flags.tokenFile ?? env['CANARY_TOKEN_FILE'], 'token', /^[\x21-\x7e]+$/);
  if (!token.ok) return token;
  const ca = contentOf(
    flags.serverCa ?? env['CANARY_SERVER_CA'],
    'PEM certificate',
    /-----BEGIN CERTIFICATE-----/,
  );
  return ca.ok ? ok({ url, token: token.value, ca: ca.value }) : ca;
}

export function httpUrl(text: string): URL | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) ? url : null;
}

function contentOf(path: string | undefined, what: string, form: RegExp): Result<string | null, string> {
  if (path === undefined || path === '') return ok(null);
  try {
    const text = readFileSync(path, 'utf8').trim();
    return form.test(text) ? ok(text) : err(`${path} holds no ${what}`);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : 'unknown error';
    return err(`${path}, the file with the ${what}, cannot be read: ${code}`);
  }
}
