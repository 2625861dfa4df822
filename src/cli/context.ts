/** What every command gets: where to ask, how to print, and how failures end. */
import { stringify } from 'yaml';
import { type Client, createClient, type Failure } from './client.ts';
import type { Connection } from './connection.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { detailOf, hintOf } from './hints.ts';
import type { Io } from './io.ts';
import { paintGlyphs } from './render/paint.ts';

export const FORMATS = ['table', 'json', 'yaml'] as const;
export type Format = (typeof FORMATS)[number];

export interface Context {
  readonly io: Io;
  readonly format: Format;
  readonly version: string;
  /** Connects at the first request; closed by whoever made the context. */
  readonly client: Client;
  /** Prints an answer: as data in the chosen format, or as the text that `table` makes of it. */
  print(answer: object, table: () => string): void;
  /** Prints one answer of many that follow each other: JSON one a line, YAML as documents. */
  printNext(answer: object, table: () => string): void;
  /** Progress and advice, on standard error. */
  talk(text: string): void;
  /** Says on standard error what went wrong and what to do. The exit code to end with. */
  fail(failure: Failure): ExitCode;
  /** The same for what is no failure of the server. */
  refuse(code: ExitCode, detail: string, hint?: string): ExitCode;
}

export interface ContextOptions {
  readonly io: Io;
  /** Asked at the first request: a command that needs no server does not care for a bad address. */
  readonly connection: () => Connection;
  readonly format: Format;
  readonly color: boolean;
  readonly version: string;
}

export function createContext({ io, connection, format, color, version }: ContextOptions): Context {
  const paint =
    color && io.isTerminal && (io.env['NO_COLOR'] ?? '') === '' ? paintGlyphs : (text: string) => text;

  function refuse(code: ExitCode, detail: string, hint = ''): ExitCode {
    io.talk(harmless(`error: ${detail}`));
    if (hint !== '') io.talk(harmless(`hint: ${hint}`));
    return code;
  }

  return {
    io,
    format,
    version,
    client: createClient(connection, version),
    print(answer, table) {
      if (format === 'json') io.out(JSON.stringify(answer, null, 2));
      else if (format === 'yaml') io.out(stringify(answer).trimEnd());
      else io.out(paint(harmless(table())));
    },
    printNext(answer, table) {
      if (format === 'json') io.out(JSON.stringify(answer));
      else if (format === 'yaml') io.out(`---\n${stringify(answer).trimEnd()}`);
      else io.out(paint(harmless(table())));
    },
    talk: (text) => io.talk(harmless(text)),
    fail(failure) {
      if (failure.kind === 'problem') {
        return refuse(EXIT.failed, detailOf(failure.problem), hintOf(failure.problem));
      }
      if (failure.kind === 'foreign') {
        return refuse(
          EXIT.failed,
          failure.detail,
          'check --server and that both sides have the same version',
        );
      }
      return refuse(EXIT.unreachable, failure.detail, failure.hint);
    },
    refuse,
  };
}

/** Control characters in a reason or a revision would move the cursor, or worse. */
function harmless(text: string): string {
  return text.replaceAll(/[^\P{Cc}\n]/gu, '\uFFFD');
}
