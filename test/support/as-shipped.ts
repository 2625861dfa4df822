/**
 * The program as it is shipped, with what looks into it from inside. Both are plain JavaScript: types that are stripped
 * while a process runs keep a compiler of some tens of MiB in its memory, which would count as the daemon's.
 */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
/** In the scope of the project's package.json, so that its files are modules and find its packages. */
const HOOKS = resolve(ROOT, '.tools/hooks');

export const SHIPPED = {
  main: resolve(ROOT, 'dist/main.js'),
  /** Of `test/bench/probe.ts`, for `--import`. */
  probe: resolve(HOOKS, 'bench/probe.js'),
  /** Of `test/soak/inside.ts`, for `--import`. */
  inside: resolve(HOOKS, 'soak/inside.js'),
} as const;

/** Makes all files of `SHIPPED`; call it once, before the first daemon starts. */
export function buildAsShipped(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  const config = resolve(import.meta.dirname, 'tsconfig.hooks.json');
  execFileSync('npx', ['tsc', '-p', config], { cwd: ROOT, stdio: 'inherit' });
}
