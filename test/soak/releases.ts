/** What people commit: new revisions, good and bad ones, and returns to what is live. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRule } from '../../src/core/rule.ts';
import type { Random } from '../simulation/random.ts';
import { count } from '../simulation/weather.ts';
import { canaryText, FIRST_REVISION, serviceOf } from './declaration.ts';
import type { Truth } from './fleet.ts';
import type { Pace } from './pace.ts';
import type { World } from './world.ts';

export interface Releases {
  /** One commit to some service, as a change of its file. */
  commit(): void;
  /** The revision that the file of a service names. */
  named(service: string): string;
  /** The text that the file of a service should have. */
  text(service: string): string;
  fileOf(service: string): string;
}

const TRUTHS: readonly (readonly [Truth, number])[] = [
  ['good', 11],
  ['failing', 4],
  ['slow', 2],
  ['late', 3],
];
const REVERTS = 0.1;

export function createReleases(
  { fleet, nacos, canaries, tally }: World,
  random: Random,
  pace: Pace,
): Releases {
  const named = new Map(fleet.services.map((service) => [service, FIRST_REVISION]));
  const promoted = new Map(named);
  let revisions = 1;

  nacos.onPublish(({ dataId, content }) => {
    const rule = parseRule(content);
    if (rule.ok && rule.value.managedBy?.promoted) promoted.set(serviceOf(dataId), rule.value.canaryVersion);
  });

  const nameOf = (service: string) => named.get(service) ?? FIRST_REVISION;
  const text = (service: string) => canaryText(service, nameOf(service), pace);
  const fileOf = (service: string) => join(canaries, `${service}.yaml`);

  function write(service: string): void {
    if (random.chance(0.5)) {
      writeFileSync(fileOf(service), text(service));
      return;
    }
    const beside = join(canaries, `.${service}.new`);
    writeFileSync(beside, text(service));
    renameSync(beside, fileOf(service));
  }

  return {
    commit() {
      const service = random.pick(fleet.services);
      if (random.chance(REVERTS)) {
        named.set(service, promoted.get(service) ?? FIRST_REVISION);
        count(tally, 'commit: back to the promoted revision');
      } else {
        const truth = random.weighted(TRUTHS);
        revisions += 1;
        const revision = `v${revisions}`;
        fleet.deploy(service, revision, truth);
        named.set(service, revision);
        count(tally, `commit: a ${truth} revision`);
      }
      write(service);
    },
    named: nameOf,
    text,
    fileOf,
  };
}
