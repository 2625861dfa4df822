/** The command line of `npm run -s dev-nacos`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Account } from './access.ts';
import type { DumpLag } from './dump.ts';
import { VERSIONS, type Version } from './generation.ts';
import type { DevNacosOptions } from './server.ts';

interface Flags {
  readonly port: number;
  readonly host: string;
  readonly version: Version;
  readonly auth?: string;
  readonly tokenTtl: number;
  readonly dumpLag: 'measured' | 'none' | DumpLag;
  readonly seed?: number;
  readonly clientApi: boolean;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Null when the text is no `user:password`. Only the first colon separates. */
function accountOf(text: string): Account | null {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) return null;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function dumpLag(text: string): 'measured' | 'none' | DumpLag {
  if (text === 'measured' || text === 'none') return text;
  const [tickMs = Number.NaN, tailShare = Number.NaN, tailMs = Number.NaN, ...rest] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const isSound = tickMs > 0 && tailShare >= 0 && tailShare <= 1 && tailMs >= tickMs && rest.length === 0;
  if (!isSound) {
    throw new InvalidArgumentError(
      'Give `measured`, `none`, or tick, share and tail of the slow ones, e.g. 100,0.015,1100.',
    );
  }
  return { tickMs, tailShare, tailMs };
}

const EXAMPLES = `
Examples:
  npm run -s dev-nacos -- --port 8848 --version 3.1 --auth nacos:secret
  npm run -s dev-nacos -- --port 0 --version 2.2.3 --dump-lag none

Faults, while it runs (POST adds one, GET lists, DELETE clears):
  curl -X POST http://127.0.0.1:8848/__dev/faults -d '{"fault":"status","status":503,"on":"write","times":3}'
`;

/** Options of a command line without the program's name; prints and exits by itself on --help and on bad flags. */
export function optionsOf(argv: readonly string[]): DevNacosOptions {
  const command = new Command('dev-nacos')
    .description('A Nacos-compatible development server: the HTTP side of real servers, traps included.')
    .addOption(new Option('--version <version>', 'server to behave as').choices(VERSIONS).default('3.1'))
    .option('--port <number>', 'port to listen on; 0 takes any free one', wholeNumber(0, 65_535), 8848)
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--auth <user:password>', 'switch access control on, with this one account')
    .option('--token-ttl <seconds>', 'life of a login token', wholeNumber(1, 2 ** 31 - 1), 18_000)
    .option(
      '--dump-lag <lag>',
      'how far reads are behind writes: measured, none, or TICK,SHARE,TAIL',
      dumpLag,
      'measured',
    )
    .option('--seed <number>', 'seed of the slow dumps', wholeNumber(0, 2 ** 32 - 1))
    .option('--no-client-api', 'close the v1 client API of 3.x with 410')
    .helpOption('--help', 'show this')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('Run with --help for all options.')
    .allowExcessArguments(false);
  command.parse(argv, { from: 'user' });
  const flags = command.opts<Flags>();
  const auth = flags.auth === undefined ? null : accountOf(flags.auth);
  if (flags.auth !== undefined && auth === null) {
    // Parsed here, because the parser would repeat a refused value, and this one may hold a password.
    command.error(
      "error: option '--auth <user:password>' is invalid. Give a user and a password with a colon between.",
    );
  }
  return {
    version: flags.version,
    port: flags.port,
    host: flags.host,
    tokenTtlSeconds: flags.tokenTtl,
    dumpLag: flags.dumpLag,
    clientApiEnabled: flags.clientApi,
    auth,
    ...(flags.seed === undefined ? null : { seed: flags.seed }),
  };
}
