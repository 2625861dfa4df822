/** Starts the development server alone: `npm run -s dev-nacos -- --help`. */
import { optionsOf } from './flags.ts';
import { type DevNacos, type DevNacosOptions, startDevNacos } from './server.ts';

function reasonOf(error: unknown, options: DevNacosOptions): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const where = `port ${options.port} on ${options.host}`;
  if (code === 'EADDRINUSE') {
    return `${where} is already in use. Stop the other program or choose another port with --port.`;
  }
  if (code === 'EACCES') return `${where} needs more rights. Choose a port above 1023 with --port.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${options.host} is no address of this machine. Choose another with --host.`;
  }
  return String(error);
}

function startLine(nacos: DevNacos, options: DevNacosOptions): string {
  const { auth, dumpLag } = options;
  const access = auth ? `access control on for user ${auth.username}` : 'access control off';
  const lag = typeof dumpLag === 'object' ? Object.values(dumpLag).join(',') : dumpLag;
  return `dev-nacos ${nacos.version} is listening on ${nacos.url} (${access}; dump lag ${lag})`;
}

async function run(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const nacos = await startDevNacos(options).catch((error: unknown) => {
    console.error(`dev-nacos cannot start: ${reasonOf(error, options)}`);
    process.exit(1);
  });
  console.log(startLine(nacos, options));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void nacos.close());
  }
}

await run();
