/** The command line: grammar, global flags, and from each command its exit code. */
import { Command, CommanderError, Option, type OptionValues } from 'commander';
import { ROLES } from '../access/roles.ts';
import type { Verb } from '../view/requests.ts';
import { parseEnd, parseEvent, parsePattern, parseServer, parseTarget, parseTimeout } from './arguments.ts';
import { type ApproveFlags, approve } from './commands/approve.ts';
import { addBacktestFlags, type BacktestFlags, backtest } from './commands/backtest.ts';
import { type BackUp, backup } from './commands/backup.ts';
import { doctor, type Examine } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { get } from './commands/get.ts';
import { type ExportOptions, exportRules } from './commands/grafana.ts';
import { explain, history } from './commands/history.ts';
import { lint, schema } from './commands/lint.ts';
import { list } from './commands/list.ts';
import { plan } from './commands/plan.ts';
import { addServeFlags, type Serve, type ServeFlags } from './commands/serve.ts';
import { addSimulateFlags, type SimulateFlags, simulate } from './commands/simulate.ts';
import { type CreateFlags, createToken, listTokens, revokeToken, type TokenFlags } from './commands/token.ts';
import { giveCommand, start } from './commands/verbs.ts';
import { version } from './commands/version.ts';
import { WAIT_TARGETS, wait } from './commands/wait.ts';
import { type Connection, type ConnectionFlags, connectionOf, DEFAULT_SERVER } from './connection.ts';
import { type Context, createContext, FORMATS, type Format } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { OpenTraffic } from './forecasts.ts';
import type { Io } from './io.ts';
import { RULE_FORMATS } from './render/alert-files.ts';

const DEFAULT_WAIT_MS = 1_800_000;

export interface CliOptions {
  readonly io: Io;
  /** Of this package. */
  readonly version: string;
  readonly serve: Serve;
  readonly backUp: BackUp;
  readonly examine: Examine;
  readonly openTraffic: OpenTraffic;
}

/** Runs one command line (without node and script). Never throws for anything a caller may do wrong. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const program = createProgram(options, (ended) => {
    code = ended;
  });
  try {
    if (argv.length === 0) program.help({ error: true });
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    return error.exitCode === EXIT.badSettings ? EXIT.badSettings : EXIT.usage;
  }
}

interface GlobalFlags extends ConnectionFlags {
  readonly output: Format;
  readonly color: boolean;
}

type Run<Flags> = (
  context: Context,
  /** The first argument, '' where the command takes none. */
  name: string,
  flags: Flags,
  /** All arguments. */
  args: readonly string[],
) => ExitCode | Promise<ExitCode>;

/** Adds one command and what it does. */
type Define = <Flags extends OptionValues>(spec: string, description: string, run: Run<Flags>) => Command;

function createProgram(options: CliOptions, ended: (code: ExitCode) => void): Command {
  const { io } = options;
  const program = new Command('canary')
    .description('Canary releases that judge themselves.')
    .version(options.version)
    .option(
      '--server <url>',
      `address of the controller (CANARY_SERVER; default ${DEFAULT_SERVER})`,
      parseServer,
    )
    .option('--token-file <file>', 'file with the token to show (CANARY_TOKEN_FILE)')
    .option('--server-ca <file>', "PEM file of authorities to trust (CANARY_SERVER_CA; default the system's)")
    .addOption(
      new Option('-o, --output <format>', 'how answers are printed').choices(FORMATS).default('table'),
    )
    .option('--no-color', 'no colors (also by NO_COLOR)')
    .configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.talk(text.trimEnd()),
      outputError: (text, write) => write(text.replaceAll('\n', ' ')),
    })
    .exitOverride();

  const defineIn =
    (parent: Command): Define =>
    (spec, description, run) => {
      const command = parent.command(spec).description(description);
      return command.action(async () => {
        const { output, color, ...flags } = command.optsWithGlobals<GlobalFlags>();
        const context = createContext({
          io,
          connection: () => connectionFor(program, flags, io.env),
          format: output,
          color,
          version: options.version,
        });
        try {
          const { args } = command;
          ended(await run(context, args[0] ?? '', command.opts(), args));
        } finally {
          await context.client.close();
        }
      });
    };
  const define = defineIn(program);

  const serve = define<ServeFlags>('serve', 'run the controller', (_context, _name, flags) =>
    options.serve.run(flags),
  );
  addServeFlags(serve, options.serve.flags);
  serve.exitOverride(({ exitCode, code, message }) => {
    throw new CommanderError(exitCode === 0 ? 0 : EXIT.badSettings, code, message);
  });
  defineReads(define);
  defineChanges(define);
  definePlan(define, options);
  defineOffline(define);
  defineTrials(define, options);
  defineBackup(define, options);
  defineDoctor(define, options);
  defineTokens(defineIn(program.command('token').description('who may use the HTTP interface')), io);
  defineGrafana(defineIn(program.command('grafana').description('rules for Grafana and Prometheus')));
  return program;
}

/** Ends the command when there is no way to ask. */
function connectionFor(program: Command, flags: ConnectionFlags, env: Io['env']): Connection {
  const connection = connectionOf(flags, env);
  return connection.ok ? connection.value : program.error(`error: ${connection.error}`);
}

function defineReads(define: Define): void {
  define('list', 'all Canaries at a glance', list);
  define<{ watch?: boolean }>(
    'get <name>',
    'one Canary: steps, metrics, what is next and why',
    (context, name, flags) => get(context, name, flags.watch === true),
  ).option('-w, --watch', 'print again on every change');
  define<{ at?: string }>(
    'explain <name>',
    'why the last decision, or the one behind an event, was taken',
    (context, name, flags) => explain(context, name, flags.at),
  ).option('--at <event>', 'number of an event', parseEvent);
  define('history <name>', 'rollouts of a Canary, newest first', history);
  define<{ follow?: boolean; canary?: string; after?: string; limit?: string }>(
    'events',
    'what happened',
    (context, _name, { follow, canary, after, limit }) =>
      events(context, { follow: follow === true, canary, after, limit }),
  )
    .option('-f, --follow', 'go on as events come')
    .option('--canary <name>', 'of one Canary only')
    .option('--after <event>', 'the first ones after this number; without it the newest', parseEvent)
    .option('--limit <count>', 'how many', parseEvent);
  define<WaitFlags>(
    'wait <name>',
    'stand still until a rollout ended, or is in a phase',
    (context, name, flags) =>
      wait(context, name, { targets: flags.for, revision: flags.revision ?? null, timeoutMs: flags.timeout }),
  )
    .option('--revision <revision>', 'the newest rollout of this revision, also when it has yet to begin')
    .requiredOption(
      '--for <what>',
      `one of ${WAIT_TARGETS.join(', ')}; again for more, of which one is enough`,
      (target: string, before: readonly string[] = []) => [...before, parseTarget(target)],
    )
    .addOption(
      new Option('--timeout <duration>', 'give up after')
        .default(DEFAULT_WAIT_MS, '30m')
        .argParser(parseTimeout),
    );
}

interface WaitFlags {
  readonly for: readonly string[];
  readonly revision?: string;
  readonly timeout: number;
}

interface StartFlags {
  readonly revision: string;
  readonly reason: string;
  readonly restart?: boolean;
  readonly force?: boolean;
  readonly wait?: boolean;
  readonly timeout?: number;
}

interface VerbFlags {
  readonly reason: string;
  readonly force?: boolean;
  readonly full?: boolean;
}

function defineChanges(define: Define): void {
  const verb = (name: Verb, description: string) =>
    define<VerbFlags>(`${name} <name>`, description, (context, canary, flags) =>
      giveCommand(context, name, canary, flags),
    ).option('--reason <text>', 'kept in the history', '');
  define<StartFlags>('start <name>', 'start a rollout of a revision', (context, name, flags) => {
    const { revision, restart = false, force = false, reason, wait, timeout } = flags;
    if (timeout !== undefined && wait !== true) {
      return context.refuse(EXIT.usage, '--timeout is the limit of --wait', 'add --wait');
    }
    const waitMs = wait === true ? (timeout ?? DEFAULT_WAIT_MS) : null;
    return start(context, name, { revision, restart, force, reason, waitMs });
  })
    .requiredOption('--revision <revision>', 'what to release')
    .option('--restart', 'replace a rollout of another revision, or try a failed one again, as `retry`')
    .option('--force', 'also while stable is in an incident (analysis.incident)')
    .option('--wait', 'until it is promoted: exit code 3 when it ends otherwise, 6 when it takes too long')
    .option('--timeout <duration>', 'with --wait, give up after (default: 30m)', parseTimeout)
    .option('--reason <text>', 'kept in the history', '');
  verb('pause', 'hold the weight; looks and rollbacks go on');
  verb('resume', 'end the pauses that need a person; what is missing for this step is accepted');
  define<ApproveFlags>('approve <name>', 'approve the step that asks for it', approve)
    .option('--revision <revision>', 'only of this revision; what is approved or promoted already is good')
    .option('--reason <text>', 'kept in the history', '');
  verb('promote', 'leave the current step without the rest of its bake')
    .option('--full', 'and every later step')
    .option('--force', 'also without data');
  verb('abort', 'go back to weight 0 now');
  verb('retry', 'start the failed revision again');
  verb('undo', 'take a promotion back').option('--force', 'also when the old version shows no live target');
  verb('forget', 'confirm that a Canary whose file is gone was meant to be removed');
}

/** Settings of `serve` that say how Prometheus is reached. */
const TRAFFIC_SETTINGS = /^CANARY_(CONFIG|PROMETHEUS)/;

function definePlan(define: Define, { serve, openTraffic }: CliOptions): void {
  const command = define<{ exitCode?: boolean }>(
    'plan <dir>',
    'what a directory would change, and how long its steps would take at the traffic of now',
    (context, directory, { exitCode, ...flags }) =>
      plan(context, directory, { exitCode: exitCode === true, openTraffic: () => openTraffic(flags) }),
  ).option('--exit-code', 'end with 5 when there are changes');
  addServeFlags(
    command,
    serve.flags.filter(({ env }) => TRAFFIC_SETTINGS.test(env)),
  );
}

function defineOffline(define: Define): void {
  define('lint <paths...>', 'check Canary files', (context, _first, _flags, paths) => lint(context, paths));
  define('schema', 'print the JSON Schema of Canary files', schema);
  define('version', 'print the version', version);
}

/** What a declaration would do, found out without a daemon. */
function defineTrials(define: Define, { serve, openTraffic }: CliOptions): void {
  const simulation = define<SimulateFlags>(
    'simulate <file>',
    'what a Canary would do, by the real core in virtual time: in a scripted world, or many times over with random traffic',
    (context, file, flags) => simulate(context, file, flags),
  );
  addSimulateFlags(simulation);
  const past = define<BacktestFlags & ServeFlags>(
    'backtest <path>',
    'how a file, or each of a directory, would have judged a release that Prometheus recorded',
    (context, path, { stable, canary, from, to, ...flags }) =>
      backtest(context, path, { stable, canary, from, to }, () => openTraffic(flags)),
  );
  addBacktestFlags(past);
  addServeFlags(
    past,
    serve.flags.filter(({ env }) => TRAFFIC_SETTINGS.test(env)),
  );
}

function defineBackup(define: Define, { io, backUp }: CliOptions): void {
  define<{ db?: string }>(
    'backup <file>',
    'copy the database on this machine, also while the controller runs',
    (context, file, { db }) => backup(context, backUp, db ?? (io.env['CANARY_DB'] || 'canary.db'), file),
  ).option('--db <file>', 'the database (CANARY_DB; default canary.db)');
}

function defineDoctor(define: Define, { serve, examine }: CliOptions): void {
  const command = define<ServeFlags>(
    'doctor',
    'examine what serve would work with by the same settings',
    (context, _name, flags) => doctor(context, examine, flags),
  );
  addServeFlags(command, serve.flags);
}

function defineGrafana(define: Define): void {
  define<ExportOptions>(
    'export <paths...>',
    'print alert rules that say what the Canary files say; exit code 1 when a Canary got none',
    (context, _first, flags, paths) => exportRules(context, paths, flags),
  )
    .addOption(
      new Option('--format <format>', "grafana: for Grafana's provisioning; prometheus: for Alertmanager")
        .choices(RULE_FORMATS)
        .default('grafana'),
    )
    .option('--datasource <uid>', 'uid of the Prometheus datasource in Grafana', 'prometheus');
}

function defineTokens(define: Define, { clock }: Io): void {
  const file = ['--tokens <file>', 'the tokens file (CANARY_TOKENS)'] as const;
  define<CreateFlags>('create <name>', 'add a token and print it, once', (context, name, flags) =>
    createToken(context, name, flags),
  )
    .addOption(new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option(
      '--canary <name>',
      'what it may change, a name or the beginning of names and *; again for more (default: all)',
      (pattern: string, before: readonly string[] = []) => [...before, parsePattern(pattern)],
    )
    .option('--expires <when>', 'when it ends: 90d, or 2027-01-31, or a time (default: never)', (text) =>
      parseEnd(text, clock.now()),
    )
    .option(...file);
  define<TokenFlags>('list', 'the tokens there are, without the tokens themselves', (context, _name, flags) =>
    listTokens(context, flags),
  ).option(...file);
  define<TokenFlags>('revoke <name>', 'take a token away', (context, name, flags) =>
    revokeToken(context, name, flags),
  ).option(...file);
}
