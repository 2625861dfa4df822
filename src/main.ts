#!/usr/bin/env node
/** The entry: looks at the Node.js version before anything native is loaded, then hands over to the command line. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import type { Check } from './cli/commands/doctor.ts';
import type { ServeFlags } from './cli/commands/serve.ts';
import type { ExitCode } from './cli/exit-codes.ts';
import type { Traffic } from './cli/forecasts.ts';
import type { Config } from './config.ts';
import { supportsNode } from './lib/node-version.ts';
import { err, ok, type Result } from './lib/result.ts';

const OK = 0;
const FAILED = 1;
const BAD_SETTINGS = 78;

if (supportsNode(process.versions.node)) {
  process.exitCode = await run();
} else {
  process.stderr.write(
    `error: canary needs Node.js 22.22 or later, 24.11 or later, or 26 and up; this is ${process.versions.node}. ` +
      'In a checkout use `npm run -s canary -- ARGS`, which brings its own.\n',
  );
  process.exitCode = BAD_SETTINGS;
}

async function run(): Promise<number> {
  const { runCli } = await import('./cli/cli.ts');
  const { processIo } = await import('./cli/io.ts');
  const { packageVersion } = await import('./telemetry/build.ts');
  const { SETTINGS } = await import('./settings.ts');
  return runCli(process.argv.slice(2), {
    io: processIo(),
    version: packageVersion(),
    serve: { flags: SETTINGS, run: serve },
    examine,
    openTraffic,
    // Loaded when it is asked for: every other command does without the database's native part.
    backUp: async (from, to) => (await import('./store/backup.ts')).backUp(from, to),
  });
}

async function examine(flags: ServeFlags): Promise<Result<readonly Check[], string>> {
  const config = await configOf(flags);
  if (!config.ok) return config;
  const doctor = await import('./doctor.ts');
  return ok(await doctor.examine(config.value));
}

async function openTraffic(flags: ServeFlags): Promise<Result<Traffic, string>> {
  const { loadPrometheus } = await import('./config.ts');
  const prometheus = loadPrometheus({ flags, env: process.env, readFile: readText });
  if (!prometheus.ok) return prometheus;
  const { openTraffic } = await import('./providers.ts');
  try {
    return ok(openTraffic({ prometheus: prometheus.value }));
  } catch (error) {
    return err(error instanceof Error ? error.message : String(error));
  }
}

function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

async function configOf(flags: ServeFlags): Promise<Result<Config, string>> {
  const { loadConfig } = await import('./config.ts');
  return loadConfig({
    flags,
    env: process.env,
    readFile: readText,
    isCheckout: existsSync(new URL('../src/main.ts', import.meta.url)),
    isTerminal: process.stderr.isTTY,
  });
}

/** Settings that cannot work end with 78, a daemon that cannot start with 1, each with one readable line. */
async function serve(flags: ServeFlags): Promise<ExitCode> {
  const config = await configOf(flags);
  if (!config.ok) {
    process.stderr.write(`error: ${config.error}\n`);
    return BAD_SETTINGS;
  }
  const { canaries } = config.value;
  if (!statSync(canaries, { throwIfNoEntry: false })?.isDirectory()) {
    process.stderr.write(`error: --canaries ${canaries} is no directory\n`);
    return BAD_SETTINGS;
  }
  const { runDaemon } = await import('./daemon.ts');
  try {
    return (await runDaemon(config.value)) === 0 ? OK : FAILED;
  } catch (error) {
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return FAILED;
  }
}
