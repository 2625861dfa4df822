/** Finds a Prometheus and an Alertmanager to run in tests and the demo, without installing either. */
import { ensurePrograms } from './debian.ts';

export interface Binaries {
  /** Absolute path of the server. */
  readonly prometheus: string;
  /** Absolute path of its companion tool, from the same place. */
  readonly promtool: string;
  /** Where they come from, for the first line of a log. */
  readonly how: string;
}

/** The server and promtool, found or fetched; see `ensurePrograms`. */
export async function ensurePrometheus(): Promise<Binaries> {
  const programs = ['prometheus', 'promtool'];
  const { paths, how } = await ensurePrograms({ name: 'Prometheus', package: 'prometheus', programs });
  const [prometheus = '', promtool = ''] = paths;
  return { prometheus, promtool, how };
}

/** Absolute path of Alertmanager, under the name that Debian gives it, found or fetched; see `ensurePrograms`. */
export async function ensureAlertmanager(): Promise<string> {
  const programs = ['prometheus-alertmanager'];
  const wanted = { name: 'Alertmanager', package: 'prometheus-alertmanager', programs };
  const { paths } = await ensurePrograms(wanted);
  return paths[0] ?? '';
}

if (import.meta.main) {
  const { prometheus, promtool, how } = await ensurePrometheus();
  process.stdout.write(`${prometheus}\n${promtool}\n`);
  process.stderr.write(`Prometheus: ${how}.\n`);
}
