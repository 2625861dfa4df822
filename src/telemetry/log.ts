/** Structured logs: a constant message, the variables as fields, secrets removed whatever their place. */
import { createRequire } from 'node:module';
import pino from 'pino';

export type Fields = Readonly<Record<string, unknown>>;

/**
 * What the rest of the program logs with. The message is constant, so that lines group; what varies is a field.
 * error: someone must act. warn: degraded, heals by itself. info: a decision. debug: a tick.
 */
export interface Log {
  debug(fields: Fields, message: string): void;
  info(fields: Fields, message: string): void;
  warn(fields: Fields, message: string): void;
  error(fields: Fields, message: string): void;
  /** A logger whose every line also carries `fields`. */
  child(fields: Fields): Log;
}

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
  /** Where whole lines go; default standard error. */
  readonly destination?: { write(line: string): void };
}

export function createLogger({ level, format, destination }: LogOptions): Log {
  const out = destination ?? pino.destination({ dest: 2, sync: true });
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are cleaned here; pino's own serializer would take them for plain objects afterwards.
      serializers: { err: (err) => err },
    },
    format === 'pretty' ? prettyPrinter(out) : out,
  );
  return toLog(logger);
}

function toLog(logger: pino.Logger): Log {
  return {
    debug(fields, message) {
      if (logger.isLevelEnabled('debug')) logger.debug(withoutSecrets(fields), message);
    },
    info: (fields, message) => logger.info(withoutSecrets(fields), message),
    warn: (fields, message) => logger.warn(withoutSecrets(fields), message),
    error: (fields, message) => logger.error(withoutSecrets(fields), message),
    child: (fields) => toLog(logger.child(withoutSecrets(fields))),
  };
}

/** Loaded only here: a daemon that writes JSON has no use for it. */
function prettyPrinter(out: { write(line: string): void }): pino.DestinationStream {
  const { prettyFactory }: typeof import('pino-pretty') = createRequire(import.meta.url)('pino-pretty');
  const pretty = prettyFactory({ colorize: process.stderr.isTTY, translateTime: 'SYS:HH:MM:ss' });
  return { write: (line) => out.write(pretty(line)) };
}

const REDACTED = '[redacted]';
/** Names that end so hold secrets: `Proxy-Authorization`, `accessToken`, `nacos_password`; `passwordFile` does not. */
const SECRET_NAME = /(authorization|cookie|credentials?|passwd|password|secret|token)$/i;
const MAX_DEPTH = 6;

/**
 * A copy of `fields` in which every value under a secret's name is replaced, at any depth. pino's own redaction
 * wants exact paths in exact case, and lets through what nobody foresaw. Of an error only type, code, message, stack
 * and cause are kept: clients hang whole requests on their errors.
 */
export function withoutSecrets(fields: Fields): Record<string, unknown> {
  return cleanEntries(fields, 0);
}

function cleanEntries(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      SECRET_NAME.test(name) && value !== null && value !== undefined ? REDACTED : clean(value, depth),
    ]),
  );
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Error) return cleanError(value, depth);
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  return cleanEntries(value, depth + 1);
}

function cleanError(error: Error, depth: number): Record<string, unknown> {
  return {
    type: error.name,
    ...('code' in error ? { code: error.code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || depth >= MAX_DEPTH ? {} : { cause: clean(error.cause, depth + 1) }),
  };
}
