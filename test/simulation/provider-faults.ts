/** Faults of what the daemon asks: Nacos or rule files, and Prometheus. */
import type { Begin, FaultsOptions, Kind, OwnKind } from './fault-kinds.ts';
import { NO_LOSS, noteReadable, noteUnreadable, type Weather } from './weather.ts';

export function ownKinds({ weather, random, rules }: FaultsOptions): readonly OwnKind[] {
  const { hanging, betas } = weather;
  const beta: OwnKind = {
    name: 'beta variant of one document',
    every: 400,
    lasts: [20, 300],
    begin(name) {
      betas.add(name);
      return () => void betas.delete(name);
    },
  };
  return [
    ...(rules.dialect === 'file' ? [] : [beta]),
    {
      name: 'providers hang for one canary',
      every: 300,
      lasts: [10, 120],
      begin(name) {
        hanging.add(name);
        return () => void hanging.delete(name);
      },
    },
    {
      name: 'metrics of one canary broken',
      every: 300,
      lasts: [10, 180],
      begin(name) {
        weather.own.set(
          name,
          random.pick(['refused', 'hole', 'nan', 'empty', 'structural', 'partial'] as const),
        );
        return () => void weather.own.delete(name);
      },
    },
  ];
}

export function nacosKinds({ weather, rules, random, timeline }: FaultsOptions): readonly Kind[] {
  const down = (name: Weather['nacos']): void => {
    weather.nacos = name;
    noteUnreadable(weather, timeline.now());
  };
  const up = (): void => {
    weather.nacos = 'up';
    noteReadable(weather, timeline.now());
  };
  const mode = (name: Weather['nacos']): Begin => {
    return () => {
      down(name);
      return up;
    };
  };
  return [
    { name: 'Nacos refuses connections', every: 500, lasts: [5, 120], begin: mode('refused') },
    { name: 'Nacos never answers', every: 500, lasts: [5, 60], begin: mode('hole') },
    { name: 'Nacos denies access', every: 900, lasts: [10, 60], begin: mode('denied') },
    {
      name: 'Nacos restarts',
      every: 600,
      lasts: [15, 20],
      begin() {
        down('refused');
        return () => {
          up();
          rules.serveAll();
        };
      },
    },
    {
      name: 'Nacos is slow',
      every: 500,
      lasts: [20, 120],
      begin() {
        weather.nacosLatencyMs = random.pick([200, 700, 3_000]);
        return () => {
          weather.nacosLatencyMs = 15;
        };
      },
    },
    {
      name: 'Nacos serves old texts',
      every: 600,
      lasts: [2, 20],
      begin() {
        weather.dumpStuck = true;
        return () => {
          weather.dumpStuck = false;
        };
      },
    },
    {
      name: 'the network to Nacos loses',
      every: 300,
      lasts: [30, 240],
      begin() {
        const share = () => random.between(0, 0.2);
        weather.loss = { lostRequest: share(), lostAnswer: share(), delayed: share(), liar: share() };
        return () => {
          weather.loss = NO_LOSS;
        };
      },
    },
  ];
}

export function ruleFileKinds({ weather, timeline }: FaultsOptions): readonly Kind[] {
  const mode = (name: Weather['disk']): Begin => {
    return () => {
      weather.disk = name;
      (name === 'FILE_UNWRITABLE' ? noteReadable : noteUnreadable)(weather, timeline.now());
      return () => {
        weather.disk = 'fine';
        noteReadable(weather, timeline.now());
      };
    };
  };
  return [
    { name: 'rule files cannot be read', every: 400, lasts: [5, 120], begin: mode('FILE_UNREADABLE') },
    { name: 'rule files cannot be written', every: 400, lasts: [5, 120], begin: mode('FILE_UNWRITABLE') },
    { name: 'rule files are in the way', every: 900, lasts: [10, 60], begin: mode('FILE_NOT_REGULAR') },
  ];
}

export function prometheusKinds({ weather }: FaultsOptions): readonly Kind[] {
  const mode = (name: Weather['prometheus']): Begin => {
    return () => {
      weather.prometheus = name;
      return () => {
        weather.prometheus = 'up';
      };
    };
  };
  return [
    { name: 'Prometheus refuses connections', every: 700, lasts: [5, 120], begin: mode('refused') },
    { name: 'Prometheus never answers', every: 700, lasts: [5, 120], begin: mode('hole') },
    { name: 'Prometheus answers too late', every: 700, lasts: [20, 120], begin: mode('slow') },
    { name: 'Prometheus answers NaN', every: 900, lasts: [10, 120], begin: mode('nan') },
    { name: 'Prometheus answers nothing', every: 900, lasts: [10, 120], begin: mode('empty') },
    { name: 'Prometheus answers several series', every: 900, lasts: [10, 60], begin: mode('structural') },
    { name: 'Prometheus answers in part', every: 900, lasts: [10, 120], begin: mode('partial') },
  ];
}
