/** What people do: commands, edits of files, and hands in the documents. */
import type { CommandVerb } from '../../src/core/observation.ts';
import { parseRule } from '../../src/core/rule.ts';
import type { Canary } from '../../src/spec/canary.ts';
import type { Daemons } from './daemons.ts';
import { drawSteps, WINDOWS_MS } from './draw-canary.ts';
import type { Fleet } from './fleet.ts';
import type { Random } from './random.ts';
import type { Rules } from './rules.ts';
import type { Timeline } from './timeline.ts';
import { count, type Tally } from './weather.ts';

export interface People {
  /** They go home. */
  end(): void;
}

export interface PeopleOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly rules: Rules;
  readonly daemons: Daemons;
  readonly say: (line: string) => void;
}

const COMMANDS_EVERY_MS = 40_000;
const EDITS_EVERY_MS = 50_000;
const HANDS_EVERY_MS = 150_000;

const VERBS: readonly (readonly [CommandVerb, number])[] = [
  ['resume', 6],
  ['approve', 3],
  ['retry', 3],
  ['start', 2],
  ['promote', 2],
  ['pause', 1],
  ['abort', 1],
  ['undo', 1],
  ['forget', 1],
];

export function createPeople(options: PeopleOptions): People {
  const { timeline, random, fleet, daemons, tally } = options;
  let isOver = false;

  function often(everyMs: number, act: () => void): void {
    timeline.at(timeline.now() + random.exponential(everyMs), () => {
      if (isOver) return;
      act();
      often(everyMs, act);
    });
  }

  function command(): void {
    const controller = daemons.leading()?.controller;
    if (controller === undefined || fleet.names().length === 0) return;
    const canary = random.pick(fleet.names());
    const verb = random.weighted(VERBS);
    const owned = fleet.file(canary).spec.canary.revision;
    const revision = verb === 'start' ? (owned ?? fleet.nextRevision(canary).revision) : null;
    const asked = {
      canary,
      verb,
      actor: 'operator',
      source: 'simulation',
      reason: 'chance',
      force: random.chance(0.3),
      full: random.chance(0.3),
      revision,
      restart: random.chance(0.3),
    };
    void controller.submit(asked).then((answer) => {
      const isTaken = 'changed' in answer;
      count(tally, isTaken ? `command ${verb}` : `command refused ${answer.code}`);
    });
  }

  function edit(): void {
    for (const what of fleet.replace()) count(tally, what);
    const name = random.pick(fleet.names());
    const { state } = fleet.file(name);
    if (state !== 'present') {
      fleet.move(name, 'present');
      say(name, 'file back');
    } else {
      editFile(name);
    }
    rescan();
  }

  function editFile(name: string): void {
    const what = random.weighted(EDITS);
    if (what === 'remove') {
      fleet.move(name, 'missing');
      timeline.at(timeline.now() + 35_000, () => {
        if (fleet.file(name).state === 'missing') fleet.move(name, 'gone');
        rescan();
      });
    } else {
      const { canary } = fleet.file(name).spec;
      const edited = editedCanary(what, canary, options);
      fleet.edit(name, () => edited);
      if (edited.revision !== canary.revision) options.say(`${name} file: revision ${edited.revision}`);
    }
    say(name, `file ${what}`);
  }

  function say(name: string, what: string): void {
    count(tally, what);
    options.say(`${name} ${what}`);
  }

  function rescan(): void {
    for (const { controller, clock } of daemons.alive()) {
      if (clock.state() === 'running') void controller.rescan();
    }
  }

  often(COMMANDS_EVERY_MS * random.pick([0.5, 1, 3]), command);
  often(EDITS_EVERY_MS * random.pick([0.5, 1, 3]), edit);
  if (random.chance(0.7)) {
    often(HANDS_EVERY_MS * random.pick([0.5, 1, 4]), () => {
      if (fleet.names().length === 0) return;
      const name = random.pick(fleet.names());
      const what = random.weighted(HANDS);
      const text = editedDocument(what, name, options);
      if (text === undefined) return;
      say(name, `document ${what} by hand`);
      options.rules.edit(name, text);
    });
  }

  return {
    end() {
      isOver = true;
    },
  };
}

const EDITS = [
  ['revision', 10],
  ['reverted', 2],
  ['steps', 2],
  ['bounds', 2],
  ['windows', 2],
  ['suspend', 1],
  ['unsuspend', 4],
  ['drift', 1],
  ['remove', 1],
] as const;

function editedCanary(
  what: (typeof EDITS)[number][0],
  canary: Canary,
  { random, fleet, daemons }: PeopleOptions,
): Canary {
  const { strategy, analysis } = canary;
  switch (what) {
    case 'revision':
      return { ...canary, revision: fleet.nextRevision(canary.name).revision };
    case 'reverted': {
      const stable = daemons.leading()?.controller.state(canary.name)?.stable ?? canary.revision;
      return { ...canary, revision: canary.revision === null ? null : stable };
    }
    case 'steps':
      return { ...canary, strategy: { ...strategy, steps: drawSteps(random) } };
    case 'bounds': {
      const bounds = { maxDelta: random.between(0.03, 0.06) };
      const metrics = analysis.metrics.map((metric) =>
        metric.name === 'error-rate' ? { ...metric, bounds } : metric,
      );
      return { ...canary, analysis: { ...analysis, metrics } };
    }
    case 'windows': {
      const windowMs = random.pick(WINDOWS_MS);
      return {
        ...canary,
        analysis: { ...analysis, metrics: analysis.metrics.map((metric) => ({ ...metric, windowMs })) },
      };
    }
    case 'drift':
      return { ...canary, onDrift: random.pick(['correct', 'pause', 'adopt'] as const) };
    default:
      return { ...canary, suspend: what === 'suspend' };
  }
}

const HANDS = [
  ['raised', 4],
  ['lowered', 3],
  ['disabled', 2],
  ['given another pair', 2],
  ['commented', 3],
  ['restored from a backup', 2],
  ['deleted', 2],
  ['taken by another controller', 1],
  ['broken', 1],
] as const;

/** The text after somebody's edit; null: deleted; undefined: there is nothing to edit. */
function editedDocument(
  what: (typeof HANDS)[number][0],
  name: string,
  { rules, random }: PeopleOptions,
): string | null | undefined {
  const text = rules.document(name);
  const rule = text === null ? null : parseRule(text);
  if (text === null || rule === null || !rule.ok) return undefined;
  const document = JSON.parse(text);
  const condition = document.rules.find((one: { type: string }) => one.type === 'weight').condition;
  const weight = rule.value.canaryWeight;
  switch (what) {
    case 'raised':
      condition.canaryWeight = random.whole(Math.ceil(weight), 100);
      break;
    case 'lowered':
      condition.canaryWeight = random.whole(0, Math.floor(weight));
      break;
    case 'disabled':
      document.enabled = false;
      break;
    case 'given another pair':
      condition[random.pick(['canaryVersion', 'stableVersion'])] = 'vX';
      break;
    case 'commented':
      document.comment = random.whole(0, 1_000_000);
      break;
    case 'restored from a backup':
      return random.pick(rules.history(name));
    case 'deleted':
      return null;
    case 'taken by another controller':
      document.managedBy = {
        ...document.managedBy,
        controller: 'canary-controller/other',
        operation: 'theirs',
      };
      break;
    case 'broken':
      return '{"rules": [';
  }
  return JSON.stringify(document);
}
