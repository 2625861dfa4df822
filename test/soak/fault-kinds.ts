/** Each kind of fault: Nacos, Prometheus, the database, processes, files, documents in strange hands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { FaultRule } from '../../infra/dev-nacos/faults.ts';
import { parseRule } from '../../src/core/rule.ts';
import type { Random } from '../simulation/random.ts';
import { dataIdOf, GROUP } from './declaration.ts';
import type { Releases } from './releases.ts';
import type { World } from './world.ts';

export interface Surroundings {
  readonly world: World;
  readonly releases: Releases;
  readonly random: Random;
  /** Between two looks: what times of faults are measured in. */
  readonly intervalMs: number;
}

export interface Kind {
  readonly name: string;
  /** Mean time between two of its kind, in intervals. */
  readonly every: number;
  /** Shortest and longest duration, in intervals. */
  readonly lasts: readonly [number, number];
  /** Whether it ends the daemon that leads. */
  readonly isEnding?: true;
  /** Begins it and returns how it ends. Null: it makes no sense now. */
  begin(): Promise<End | null> | End | null;
}

type End = () => unknown;

const LOCKER = resolve(import.meta.dirname, 'locker.ts');
const FLEET_WIDE = { every: 60, lasts: [0.5, 4] } as const;
const ONE_SERVICE = { every: 10, lasts: [0.5, 3] } as const;

export function faultKinds(around: Surroundings): readonly Kind[] {
  return [
    ...nacosKinds(around),
    ...prometheusKinds(around),
    ...processKinds(around),
    ...fileKinds(around),
    ...documentKinds(around),
  ];
}

function nacosKinds({ world: { nacos, setStaleness }, random, intervalMs }: Surroundings): Kind[] {
  const rule = (name: string, make: () => FaultRule): Kind => ({
    name,
    ...FLEET_WIDE,
    begin: () => nacos.faults.inject(make()).remove,
  });
  return [
    {
      name: 'Nacos refuses connections',
      ...FLEET_WIDE,
      async begin() {
        await nacos.faults.refuse();
        return () => nacos.faults.accept();
      },
    },
    {
      name: 'Nacos restarts',
      ...FLEET_WIDE,
      begin: () => {
        const back = nacos.restart(random.between(0.5, 3) * intervalMs);
        return () => back;
      },
    },
    rule('Nacos is slow', () => ({ fault: 'delay', ms: Math.round(random.between(0.02, 0.4) * intervalMs) })),
    rule('Nacos answers too late', () => ({ fault: 'delay', ms: Math.round(3 * intervalMs) })),
    rule('Nacos says yes to writes and does nothing', () => ({ fault: 'ignoreWrite' })),
    rule('Nacos answers false to writes', () => ({ fault: 'answerFalse' })),
    rule('Nacos does what it is asked and hangs up', () => ({ fault: 'drop', on: 'write', when: 'after' })),
    rule('Nacos hangs up', () => ({ fault: 'drop' })),
    rule('Nacos answers an error', () => ({ fault: 'status', status: random.pick([403, 500, 503]) })),
    rule('Nacos is hidden by a proxy that answers 404', () => ({ fault: 'notFound', by: 'proxy' })),
    {
      name: 'Nacos serves old texts',
      ...FLEET_WIDE,
      begin() {
        setStaleness(random.between(0.5, 2.5) * intervalMs);
        return () => setStaleness(0);
      },
    },
  ];
}

function prometheusKinds({ world: { prometheus }, random, intervalMs }: Surroundings): Kind[] {
  const late = (name: string, ms: () => number): Kind => ({
    name,
    ...FLEET_WIDE,
    begin() {
      prometheus.setDelay(ms());
      return () => prometheus.setDelay(0);
    },
  });
  return [
    {
      name: 'Prometheus refuses connections',
      ...FLEET_WIDE,
      async begin() {
        await prometheus.refuse();
        return prometheus.accept;
      },
    },
    late('Prometheus is slow', () => random.between(0.05, 0.5) * intervalMs),
    late('Prometheus answers too late', () => 4 * intervalMs),
    {
      name: 'Prometheus answers nothing',
      ...FLEET_WIDE,
      begin() {
        prometheus.setEmpty(true);
        return () => prometheus.setEmpty(false);
      },
    },
  ];
}

function processKinds({ world: { daemons, database } }: Surroundings): Kind[] {
  const reboot = async () => {
    if (daemons.alive().length === 0) await daemons.start();
  };
  const ending = (name: string, begin: Kind['begin']): Kind => ({
    name,
    every: 12,
    lasts: [0.1, 4],
    isEnding: true,
    begin,
  });
  const ended = (signal: 'SIGKILL' | 'SIGTERM') => async () => {
    const leader = daemons.leader();
    if (leader === null) return null;
    await leader.end(signal);
    return reboot;
  };
  return [
    ending('daemon killed', ended('SIGKILL')),
    ending('daemon told to stop', ended('SIGTERM')),
    ending('daemon killed, standby takes over', async () => {
      if (daemons.alive().length > 1) return null;
      await daemons.start();
      await daemons.leader()?.end('SIGKILL');
      return reboot;
    }),
    {
      name: 'standby started, and killed',
      ...FLEET_WIDE,
      async begin() {
        if (daemons.alive().length > 1) return null;
        const standby = await daemons.start();
        return () => (standby.leads() ? null : standby.end('SIGKILL'));
      },
    },
    {
      name: 'daemon frozen',
      ...FLEET_WIDE,
      begin() {
        const leader = daemons.leader();
        leader?.signal('SIGSTOP');
        return leader === null ? null : () => leader.signal('SIGCONT');
      },
    },
    {
      name: 'database locked',
      every: 60,
      lasts: [0.2, 2],
      async begin() {
        const locker = spawn(process.execPath, [LOCKER, database], { stdio: ['pipe', 'pipe', 'inherit'] });
        const ended = once(locker, 'exit');
        await Promise.race([once(locker.stdout, 'data'), ended]);
        return async () => {
          locker.stdin.end();
          await ended;
        };
      },
    },
  ];
}

function fileKinds({ world: { fleet, canaries }, releases, random }: Surroundings): Kind[] {
  const onOne = (name: string, spoil: (file: string, service: string) => End): Kind => ({
    name,
    ...ONE_SERVICE,
    begin() {
      const service = random.pick(fleet.services);
      return spoil(releases.fileOf(service), service);
    },
  });
  const whole = (service: string) => () => writeFileSync(releases.fileOf(service), releases.text(service));
  return [
    onOne('file half-written', (file, service) => {
      const text = releases.text(service);
      // Inside of a mapping: cut between two lines it could be a whole document that says less.
      writeFileSync(file, text.slice(0, text.lastIndexOf('{') + 9));
      return whole(service);
    }),
    onOne('file vanished', (file, service) => {
      rmSync(file, { force: true });
      return whole(service);
    }),
    onOne('canary named by a second file', (_, service) => {
      const second = join(canaries, `zz-${service}.yaml`);
      writeFileSync(second, releases.text(service).replace(/revision: .*/, 'revision: v0'));
      return () => rmSync(second, { force: true });
    }),
    onOne('swap file of an editor', (_, service) => {
      const swap = join(canaries, `.${service}.yaml.swp`);
      writeFileSync(swap, 'b0VIM 9.0');
      return () => rmSync(swap, { force: true });
    }),
  ];
}

const HANDS = ['raised', 'lowered', 'disabled', 'commented'] as const;

function documentKinds({ world: { fleet, nacos }, random }: Surroundings): Kind[] {
  const contentOf = (service: string) => nacos.get(dataIdOf(service), GROUP)?.content;
  const written = (service: string) => contentOf(service) !== undefined;
  const pick = () => {
    const some = fleet.services.filter(written);
    return some.length === 0 ? null : random.pick(some);
  };
  const byHand = (what: (typeof HANDS)[number]): Kind => ({
    name: `document ${what} by hand`,
    ...ONE_SERVICE,
    begin() {
      const service = pick();
      const text = edited(what, service === null ? undefined : contentOf(service), random);
      if (service === null || text === null) return null;
      nacos.put(dataIdOf(service), GROUP, text);
      return () => {};
    },
  });
  return [
    ...HANDS.map(byHand),
    {
      name: 'document deleted by hand, and put back',
      ...ONE_SERVICE,
      begin() {
        const service = pick();
        const content = service === null ? undefined : contentOf(service);
        if (service === null || content === undefined) return null;
        nacos.delete(dataIdOf(service), GROUP);
        return () => {
          if (contentOf(service) === undefined) nacos.put(dataIdOf(service), GROUP, content);
        };
      },
    },
  ];
}

/** The text after somebody's edit; null: there is nothing to edit. */
function edited(what: (typeof HANDS)[number], text: string | undefined, random: Random): string | null {
  const rule = text === undefined ? null : parseRule(text);
  if (text === undefined || rule === null || !rule.ok) return null;
  const document = JSON.parse(text);
  const { condition } = document.rules[0];
  const { canaryWeight } = rule.value;
  if (what === 'raised') {
    if (canaryWeight === 100) return null;
    condition.canaryWeight = random.whole(canaryWeight + 1, 100);
  } else if (what === 'lowered') {
    if (canaryWeight === 0) return null;
    condition.canaryWeight = random.whole(0, canaryWeight - 1);
  } else if (what === 'disabled') document.enabled = false;
  else document.comment = random.whole(0, 1_000_000);
  return JSON.stringify(document);
}
