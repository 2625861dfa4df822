/** What must be so once the faults are over: every canary decided, Nacos as the store says, nothing lost. */
import { setTimeout as wait } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { CanaryState } from '../../src/core/rollout.ts';
import { md5, parseRule } from '../../src/core/rule.ts';
import type { CanaryListView, CanaryView } from '../../src/view/schemas.ts';
import { dataIdOf, GROUP } from './declaration.ts';
import type { People } from './people.ts';
import type { Releases } from './releases.ts';
import type { Witness } from './witness.ts';
import type { World } from './world.ts';

/** Waits until no canary is under way; returns why not, one sentence each, when the time is over. */
export async function awaitRest(
  { daemons, fleet }: World,
  releases: Releases,
  everyMs: number,
  withinMs: number,
): Promise<readonly string[]> {
  const deadline = performance.now() + withinMs;
  let restless: readonly string[] = ['nobody answered'];
  while (restless.length > 0 && performance.now() < deadline) {
    await wait(everyMs);
    const url = daemons.leader()?.url ?? '';
    const answer = await fetch(`${url}/api/v1/canaries`).catch(() => null);
    if (!answer?.ok) continue;
    const { items } = (await answer.json()) as CanaryListView;
    restless =
      items.length === fleet.services.length
        ? items.flatMap((canary) => unrest(canary, releases.named(canary.name)) ?? [])
        : [`${items.length} of ${fleet.services.length} canaries are known`];
  }
  return restless;
}

function unrest(canary: CanaryView, named: string): string | null {
  const { name, phase, reason, stableRevision, failedRevisions, pauses } = canary;
  const isDecided = stableRevision === named || failedRevisions.includes(named);
  const isAtRest = phase === 'Stable' || phase === 'Succeeded' || phase === 'RolledBack';
  return isDecided && isAtRest && pauses.length === 0
    ? null
    : `${name} is ${phase}, ${named} is named: ${reason}`;
}

export interface Table {
  readonly name: string;
  readonly bytes: number;
}

export interface Remains {
  readonly violations: readonly string[];
  /** What each table takes up in the database, its indexes included; largest first. */
  readonly tables: readonly Table[];
}

/** Reads the database of a daemon that has ended. */
export function examine(world: World, releases: Releases, witness: Witness, people: People): Remains {
  const db = new Database(world.database, { readonly: true });
  try {
    const states = db
      .prepare<[], { state: string }>('SELECT state FROM canaries')
      .all()
      .map(({ state }): CanaryState => JSON.parse(state));
    return {
      violations: [
        ...integrity(db),
        ...states.flatMap((state) => misfits(world, releases, state)),
        ...(states.length === world.fleet.services.length ? [] : [`${states.length} canaries are stored`]),
        ...lost(db, witness, people),
      ],
      tables: db
        .prepare<[], Table>(
          `SELECT coalesce(tbl_name, d.name) AS name, sum(pgsize) AS bytes
           FROM dbstat AS d LEFT JOIN sqlite_schema AS s ON s.name = d.name
           GROUP BY 1 ORDER BY 2 DESC`,
        )
        .all(),
    };
  } finally {
    db.close();
  }
}

function integrity(db: Database.Database): string[] {
  const found = String(db.pragma('integrity_check', { simple: true }));
  return found === 'ok' ? [] : [`the database is damaged: ${found}`];
}

/** Where the store, the live document, the file and the truth are not one. */
function misfits({ nacos, fleet }: World, releases: Releases, state: CanaryState): string[] {
  const { name, stable, target, known } = state;
  const named = releases.named(name);
  const found: string[] = [];
  if (target !== named) found.push(`${name}: ${target} is wanted and the file names ${named}`);
  const truth = fleet.truth(name, named);
  if (truth !== 'good' && stable === named) found.push(`${name}: ${named} is ${truth} and stable`);
  const content = nacos.get(dataIdOf(name), GROUP)?.content ?? null;
  const live = content === null ? null : md5(content);
  if (live !== (known?.md5 ?? null)) found.push(`${name}: Nacos and the store hold different documents`);
  const rule = content === null ? null : parseRule(content);
  if (rule === null) return found;
  if (!rule.ok) return [...found, `${name}: ${rule.error}`];
  const { canaryVersion, stableVersion, canaryWeight, enabled } = rule.value;
  const share = enabled && canaryVersion !== stableVersion ? canaryWeight : 0;
  const served = [...(share > 0 ? [canaryVersion] : []), ...(share < 100 ? [stableVersion] : [])];
  const isRight = served.every((version) => version === stable);
  return isRight ? found : [...found, `${name}: ${stable} is stable and ${served.join(' and ')} is served`];
}

function lost(db: Database.Database, witness: Witness, people: People): string[] {
  const numberOf = (sql: string) => db.prepare<[], { n: number | null }>(sql).get()?.n ?? 0;
  const events = numberOf('SELECT count(*) AS n FROM events');
  const lastEvent = numberOf('SELECT max(id) AS n FROM events');
  const open = numberOf('SELECT count(*) AS n FROM rollouts WHERE ended_at IS NULL');
  const ended = numberOf('SELECT count(*) AS n FROM rollouts WHERE ended_at IS NOT NULL');
  const commands = numberOf('SELECT count(*) AS n FROM commands');
  const unanswered = people.commands.filter((id) => !witness.answered.has(id));
  return [
    ...(events === lastEvent ? [] : [`${events} events have numbers up to ${lastEvent}`]),
    ...(lastEvent >= witness.lastEvent() ? [] : [`events after ${lastEvent} were told and are gone`]),
    ...(open === 0 ? [] : [`${open} rollouts have no end`]),
    ...(ended === witness.ended.size ? [] : [`${witness.ended.size} rollouts ended and ${ended} are stored`]),
    ...[...witness.begun].filter((id) => !witness.ended.has(id)).map((id) => `${id} began and never ended`),
    ...(commands === 0 ? [] : [`${commands} commands wait`]),
    ...(unanswered.length === 0 ? [] : [`commands ${unanswered.join(', ')} were never answered`]),
  ];
}
