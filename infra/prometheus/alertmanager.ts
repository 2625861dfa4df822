/** Runs a real Alertmanager on a free loopback port for tests, and leaves nothing behind. */
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { ensureAlertmanager } from './fetch.ts';
import { type Launched, launch } from './launch.ts';

/**
 * Starts Alertmanager with this configuration (YAML text) and resolves once it is ready. Throws with the last lines of
 * its log when it does not come up. Stopping it removes what it kept.
 */
export async function startAlertmanager(config: string): Promise<Launched> {
  const program = await ensureAlertmanager();
  const scratch = await mkdtemp(join(tmpdir(), 'alertmanager-'));
  const configFile = join(scratch, 'alertmanager.yml');
  await writeFile(configFile, config);
  const clean = () => rm(scratch, { recursive: true, force: true });
  try {
    const [command = '', ...before] = await runnable(program);
    const { url, pid, stop } = await launch('Alertmanager', command, [
      ...before,
      `--config.file=${configFile}`,
      `--storage.path=${join(scratch, 'data')}`,
      '--web.listen-address=127.0.0.1:0',
      // No other one to gossip with: it would take a port of its own.
      '--cluster.listen-address=',
    ]);
    return { url, pid, stop: () => stop().then(clean) };
  } catch (cause) {
    await clean();
    throw cause;
  }
}

/**
 * The program's command line. Debian's build reads its templates from /usr/share, where an unpacked package has none:
 * it sees its own folder there instead, in a namespace that only it lives in. That needs the right to make one.
 */
async function runnable(program: string): Promise<readonly string[]> {
  const share = resolve(dirname(program), '../share');
  const isInstalled =
    share === '/usr/share' || (await access('/usr/share/prometheus/alertmanager').then(yes, no));
  if (isInstalled) return [program];
  const script = 'mount --bind "$1" /usr/share && shift && exec "$@"';
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, 'sh', share, program];
}

const yes = () => true;
const no = () => false;
