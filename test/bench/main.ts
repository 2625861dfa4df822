/** `npm run -s bench -- SCENARIO`: measures the shipped process and prints what it found as Markdown. */
import { appendFileSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { buildAsShipped } from '../support/as-shipped.ts';
import { section } from './markdown.ts';
import { asLine, describeMachine, type Found, isGood, type Outcome } from './outcome.ts';
import { cores, type Flags, inTurn, SCENARIOS } from './scenarios.ts';

const HELP = `
Scenarios:
  quick      a few minutes, small numbers (the default)
  all        everything in docs/benchmarks.md, some 30 minutes on a quiet machine
  progress   --judge --canaries --interval --seconds --commit-delay: every canary leaves a step by evidence
  growth     --interval --seconds: progress from 100 to 10,000 canaries
  idle       --canaries: nothing is released
  rollback   --runs --interval --nacos: failing sample queryable to weight 0 verified
  alerts     --canaries --interval --seconds --nacos: 200 webhooks a second, then rollbacks by alert
  readers    --readers --canaries --interval --seconds: that many follow the event stream
  restart    --canaries: SIGTERM and start again with rollouts in flight
  takeover   --canaries: kill -9 beside a standby
  together   progress, restart and takeover with the same canaries
  counters   --canaries --runs: the raw counters of a fleet, polled and counted
  backtest   --canaries: past releases of a fleet, judged over 45 minutes of them
  floor      fsync and an empty loop

Exit code 1: a target was missed or something was found.`;

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number above 0.');
  return value;
}

interface CommonFlags {
  readonly json?: string;
}

const command = new Command('bench')
  .argument('[scenario]', 'what to measure', 'quick')
  .addOption(new Option('--judge <name>', 'what judges the metrics').choices(['threshold', 'sequential']))
  .option('--canaries <number>', 'how many', whole)
  .option('--interval <seconds>', 'analysis.interval of every canary', whole)
  .option('--seconds <number>', 'how long to measure', whole)
  .option('--commit-delay <ms>', 'makes every commit so much slower', whole)
  .option('--runs <number>', 'rollbacks to measure', whole)
  .option('--readers <number>', 'readers of the event stream', whole)
  .addOption(new Option('--nacos <version>', 'server that Nacos behaves as').choices(['3.1', '2.5.1']))
  .option('--json <file>', 'also appends each result to this file, one JSON object a line')
  .addHelpText('after', HELP)
  .showHelpAfterError('Run with --help for all options.')
  .parse();

const [name = ''] = command.processedArgs as [string];
if (!Object.hasOwn(SCENARIOS, name)) command.error(`there is no scenario ${name}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

buildAsShipped();

const { json, ...flags } = command.opts<CommonFlags & Flags>();
const machine = describeMachine(cores.note);

function tell(kind: string, found: Found): void {
  const given = Object.entries(found.load).map(([flag, value]) => ` --${flag} ${value}`);
  const made = `npm run -s bench -- ${kind}${given.join('')}`;
  const outcome: Outcome = { scenario: kind, command: made, machine, ...found };
  console.log(`${section(outcome)}\n`);
  if (json !== undefined) appendFileSync(json, asLine(outcome));
  if (!isGood(found)) process.exitCode = 1;
}

await inTurn([{ scenario: name, flags }], tell);
