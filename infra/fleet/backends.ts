/** Where the versions of a service run: read from flags, or from a file that is read again when it changes. */
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { z } from 'zod';

/** The file that Terraform's `app_service` writes. Unknown fields are for others. */
const BackendsFile = z
  .object({
    service: z.string().min(1),
    /** Where everyone goes while there is no usable rule. */
    fallback: z.string().min(1),
    /** Version to the addresses of its instances. */
    versions: z.record(z.string(), z.array(z.url({ protocol: /^https?$/ }))),
  })
  .refine(({ fallback, versions }) => Object.hasOwn(versions, fallback), {
    message: 'fallback is not among the versions',
  });
export type Backends = z.infer<typeof BackendsFile>;

export interface BackendsWatch {
  readonly backends: Backends;
  close(): void;
}

const LOOK_MS = 1_000;

/** Backends of several services from `SERVICE=VERSION@URL`; the first version of a service is its fallback. Throws. */
export function backendsOf(flags: readonly string[]): Backends[] {
  const found = new Map<string, { fallback: string; versions: Record<string, string[]> }>();
  for (const flag of flags) {
    const [, service, version, url] = /^([^=]+)=([^@]+)@(.+)$/.exec(flag) ?? [];
    if (service === undefined || version === undefined || url === undefined) {
      throw new Error(`--backend is SERVICE=VERSION@URL, not "${flag}"`);
    }
    const backends = found.get(service) ?? { fallback: version, versions: {} };
    found.set(service, backends);
    backends.versions[version] = [...(backends.versions[version] ?? []), url];
  }
  return [...found].map(([service, backends]) => ({ service, ...backends }));
}

/**
 * Reads the file, and again within a second of each change. A changed file that cannot be used is reported and the
 * one before stays in use; throws only when the first reading fails.
 */
export function watchBackends(
  file: string,
  onChange: (backends: Backends) => void,
  onProblem: (detail: string) => void,
): BackendsWatch {
  const look = () => {
    try {
      onChange(readBackends(file));
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const backends = readBackends(file);
  // Looked at rather than waited for: a file in a volume is replaced as a whole, which no watch of the old one sees.
  watchFile(file, { interval: LOOK_MS, persistent: false }, look);
  return { backends, close: () => unwatchFile(file, look) };
}

function readBackends(file: string): Backends {
  const parsed = BackendsFile.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
