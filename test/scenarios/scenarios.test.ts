import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { timelineLine } from '../../src/cli/render/story.ts';
import type { NewEvent } from '../../src/core/events.ts';
import type { CanaryState } from '../../src/core/rollout.ts';
import { simulate } from '../../src/core/simulation/simulate.ts';
import type { Spec } from '../../src/spec/canary.ts';
import { parseFile } from '../../src/spec/parse.ts';
import { parseScenario, type Scenario } from '../../src/spec/scenario.ts';
import { runController } from './run-controller.ts';

const HERE = import.meta.dirname;
const scratch = mkdtempSync(join(tmpdir(), 'canary-scenarios-'));
afterAll(() => rmSync(scratch, { recursive: true }));

/** A scenario file holds a Canary and, after `---`, the world it meets. */
function load(name: string): { spec: Spec; scenario: Scenario } {
  const text = readFileSync(join(HERE, `${name}.yaml`), 'utf8');
  const [declaration = '', world = ''] = text.split(/^---$/m);
  const parsed = parseFile(declaration, `${name}.yaml`);
  const [spec] = parsed.specs;
  if (spec === undefined) throw new Error(JSON.stringify(parsed.diagnostics));
  const scenario = parseScenario(world);
  if (!scenario.ok) throw new Error(scenario.error.join('\n'));
  return { spec, scenario: scenario.value };
}

function line(at: number, phase: CanaryState['phase'], weight: number, event: NewEvent): string {
  const message = event.message.replace(/(-\d+)-[0-9a-z]{8}\b/g, '$1');
  return timelineLine(at, phase, weight, event.type, message);
}

const names = readdirSync(HERE)
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => file.replace(/\.yaml$/, ''));

describe.each(names)('scenario %s', (name) => {
  const { spec, scenario } = load(name);
  const golden = join(HERE, `${name}.timeline`);

  it('runs in the simulator as its timeline says', async () => {
    const { timeline, state, weight } = simulate(spec, scenario);
    const lines = timeline.map((row) => line(row.at, row.phase, row.weight, row.event));
    await expect([...lines, `end: ${state.phase}, weight ${weight} %`, ''].join('\n')).toMatchFileSnapshot(
      golden,
    );
  });

  it('runs through the whole controller in the same way', async () => {
    const events = await runController(spec, scenario, join(scratch, `${name}.db`));
    const lines = events.map(({ at, event }) =>
      line(at, event.explanation?.phase ?? 'Initializing', event.explanation?.to ?? 0, event),
    );
    const expected = readFileSync(golden, 'utf8').split('\n').slice(0, -2);
    expect(lines).toEqual(expected);
  });
});
