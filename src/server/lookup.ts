/** Finding what a caller names, and what of it is shown. */
import type { Controls, Gateways } from '../controller/controls.ts';
import { didYouMean } from '../lib/text.ts';
import type { Spec } from '../spec/canary.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import { canaryView } from '../view/build.ts';
import type { CanaryView, Problem } from '../view/schemas.ts';
import type { ServerDeps } from './deps.ts';
import { problem } from './problems.ts';

/** All names with a valid file, a state, or both, in order. */
export function canaryNames(controls: Controls): string[] {
  const names = new Set([...controls.names(), ...controls.specs().map((spec) => spec.canary.name)]);
  return [...names].sort();
}

export function isKnown(controls: Controls, name: string): boolean {
  return controls.state(name) !== null || specOf(controls, name) !== null;
}

export function specOf(controls: Controls, name: string): Spec | null {
  return controls.specs().find((spec) => spec.canary.name === name) ?? null;
}

/** The objects of these Canaries, made when they are asked for. */
export function* canaryViews(controls: Controls, names: readonly string[]): Generator<CanaryView> {
  const specs = new Map(controls.specs().map((spec) => [spec.canary.name, spec]));
  const diagnostics = Map.groupBy(controls.diagnostics(), ({ canary }) => canary);
  for (const name of names) {
    yield viewOf(controls, name, specs.get(name) ?? null, diagnostics.get(name) ?? []);
  }
}

/** The object of one Canary, with what is known of its gateways, or null for an unknown name. */
export function findCanary(controls: Controls, name: string, gateways: Gateways | null): CanaryView | null {
  if (!isKnown(controls, name)) return null;
  const spec = specOf(controls, name);
  // A broken file may no longer say whose it is, and a vanished one is a matter of the directory.
  const concerns = ({ canary, file, code }: Diagnostic) =>
    canary === name || (canary === undefined && (file === spec?.file || code === 'SPEC_DIRECTORY'));
  return viewOf(controls, name, spec, controls.diagnostics().filter(concerns), gateways);
}

function viewOf(
  controls: Controls,
  name: string,
  spec: Spec | null,
  diagnostics: readonly Diagnostic[],
  gateways: Gateways | null = null,
): CanaryView {
  const state = controls.state(name);
  const explanation = controls.explanation(name);
  const signals = controls.signals(name);
  return canaryView({ name, spec, state, explanation, diagnostics, gateways, signals });
}

/**
 * Why there is no log of this name; null where there is, as that of a Canary that was forgotten. Before the first scan
 * nothing is refused: a reader that comes back then must not be sent away for good.
 */
export function objectionToLogOf(
  { controls, store }: Pick<ServerDeps, 'controls' | 'store'>,
  name: string,
): Problem | null {
  if (!controls.isReady() || isKnown(controls, name)) return null;
  return store.events({ canary: name, limit: 1 }).length > 0 ? null : unknownCanary(controls, name);
}

/** Why a name leads nowhere: its file is broken, it is a slip, or it is simply unknown. */
export function unknownCanary(controls: Controls, name: string): Problem {
  const broken = controls
    .diagnostics()
    .find(({ canary, severity }) => canary === name && severity === 'error');
  if (broken !== undefined) {
    const { file, line, column, code, detail } = broken;
    return problem(
      'NOT_FOUND',
      `${name} was never valid: ${file}:${line}:${column} ${code} ${detail}`,
      `correct ${file}`,
    );
  }
  return problem('NOT_FOUND', `there is no Canary ${name}.${didYouMean(name, canaryNames(controls))}`);
}
