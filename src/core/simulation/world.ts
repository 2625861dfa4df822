/**
 * A scripted world in virtual time: traffic, Prometheus and Nacos as a scenario describes them. No randomness: what
 * a query answers is the expected value over its window.
 */
import { parseDuration } from '../../lib/duration.ts';
import type { Scenario, ScenarioChange } from '../../spec/scenario.ts';
import { READY_REQUEST } from '../gates.ts';
import type { Measurement, MeasureRequest, PublishReport, Reading, Signal } from '../observation.ts';
import { md5, parseRule } from '../rule.ts';
import { counterSeries, type Flow } from './counters.ts';
import type { Surroundings } from './run.ts';

export interface World extends Surroundings {
  /** Applies what a change says about the world; what concerns the daemon is left to the caller. */
  apply(change: ScenarioChange): void;
  measure(request: MeasureRequest, at: number): Measurement;
  /** The time that it has come to, monotonic. */
  now(): number;
}

/** Virtual time starts here: 2026-01-01T00:00:00Z. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);
/** Traffic did not begin when the daemon did. */
const BEFORE_MS = 3_600_000;
const HEALTHY = { error: 0, p99: 0.1 };

interface Segment {
  readonly from: number;
  to: number;
  readonly rates: ReadonlyMap<string, { readonly rps: number; readonly error: number; readonly p99: number }>;
}

/** `enough`: how many instances `strategy.ready` asks for; so many there are while the canary is up. */
export function createWorld(scenario: Scenario, enough = 1): World {
  const base = scenario.world;
  let mode = {
    rps: base.rps,
    stable: { ...HEALTHY, ...defined(base.stable) },
    canary: { ...HEALTHY, ...defined(base.canary) },
    canaryUp: true,
    prometheus: 'up' as NonNullable<ScenarioChange['prometheus']>,
    nacos: 'up' as NonNullable<ScenarioChange['nacos']>,
  };
  let live: string | null = null;
  let skewMs = 0;
  let alert: Signal | null = null;
  let alerts = 0;
  const segments: Segment[] = [];
  let now = EPOCH_MS - BEFORE_MS;

  function rates(): Segment['rates'] {
    const rule = live === null ? null : parseRule(live);
    const stable = rule?.ok ? rule.value.stableVersion : base.stableRevision;
    const canary = rule?.ok ? rule.value.canaryVersion : '';
    const share = rule?.ok && rule.value.enabled && canary !== stable ? rule.value.canaryWeight / 100 : 0;
    const result = new Map([[stable, { rps: mode.rps * (1 - share), ...behaviourOf(stable) }]]);
    if (share > 0 && mode.canaryUp) result.set(canary, { rps: mode.rps * share, ...behaviourOf(canary) });
    return result;
  }

  function behaviourOf(version: string): { error: number; p99: number } {
    return version === base.stableRevision ? mode.stable : mode.canary;
  }

  function cut(): void {
    segments.push({ from: now, to: now, rates: rates() });
  }

  function wall(at: number): number {
    return at + skewMs;
  }

  function advance(at: number): void {
    const last = segments.at(-1);
    if (last !== undefined) last.to = at;
    now = at;
  }

  function set(content: string | null): void {
    live = content;
    cut();
  }

  function edit(
    change: (document: Record<string, unknown>, condition: Record<string, unknown>) => void,
  ): void {
    if (live === null) return;
    const document = JSON.parse(live) as { rules: { type: string; condition: Record<string, unknown> }[] };
    const condition = document.rules.find((rule) => rule.type === 'weight')?.condition;
    if (condition === undefined) return;
    change(document as unknown as Record<string, unknown>, condition);
    set(JSON.stringify(document));
  }

  /** Requests, failures and slowness of a version in (from, to]. */
  function integrate(version: string, from: number, to: number): { total: number; bad: number; p99: number } {
    let total = 0;
    let bad = 0;
    let slow = 0;
    for (const segment of segments) {
      const rate = segment.rates.get(version);
      const seconds = (Math.min(segment.to, to) - Math.max(segment.from, from)) / 1000;
      if (rate === undefined || seconds <= 0) continue;
      total += rate.rps * seconds;
      bad += rate.rps * rate.error * seconds;
      slow += rate.rps * rate.p99 * seconds;
    }
    return { total, bad, p99: total === 0 ? 0 : slow / total };
  }

  /** The version's requests up to `to`, by behavior. */
  function flows(version: string, to: number): Flow[] {
    return segments.flatMap(({ from, to: end, rates: all }) => {
      const rate = all.get(version);
      const seconds = (Math.min(end, to) - from) / 1000;
      if (rate === undefined || seconds <= 0) return [];
      const requests = rate.rps * seconds;
      return [{ requests, bad: requests * rate.error, p99: rate.p99 }];
    });
  }

  /** Scrapes in (from, to] at which the version was there, wall time. */
  function scrapes(version: string, from: number, to: number): number[] {
    const times: number[] = [];
    for (let at = (Math.floor(from / base.scrape) + 1) * base.scrape; at <= to; at += base.scrape) {
      const segment = segments.findLast((one) => wall(one.from) <= at && at <= wall(one.to));
      if (segment?.rates.has(version)) times.push(at);
    }
    return times;
  }

  function answer(request: MeasureRequest, at: number): Reading {
    if (mode.prometheus === 'down') return failure('PROM_CONNECT', 'Prometheus does not answer', false);
    if (mode.prometheus === 'slow')
      return failure('PROM_TIMEOUT', 'Prometheus did not answer in time', false);
    if (mode.prometheus === 'bad') return failure('PROM_BAD_QUERY', 'Prometheus refuses the query', true);
    if (mode.prometheus === 'empty') return { kind: 'noData', why: 'empty', detail: 'no series' };
    if (mode.prometheus === 'nan') return { kind: 'noData', why: 'nan', detail: 'no requests in the window' };
    const { source } = request;
    if (source.kind === 'query') {
      const known = Object.entries(base.answers).find(([part]) => source.query.includes(part));
      const instances = mode.canaryUp ? enough : 0;
      return {
        kind: 'value',
        value: known?.[1] ?? (request.id === READY_REQUEST ? instances : 1),
        requests: null,
      };
    }
    if (source.kind === 'presence') {
      const isUp = request.version === base.stableRevision || mode.canaryUp;
      return { kind: 'value', value: isUp ? 1 : 0, requests: null };
    }
    if (source.kind === 'counters') {
      const until = request.at ?? wall(at);
      const times = scrapes(request.version, until - request.windowMs, until);
      if (times.length === 0) return { kind: 'noData', why: 'empty', detail: 'no series' };
      const flowsUntil = (time: number) => flows(request.version, time - skewMs);
      return { kind: 'series', series: counterSeries({ ...request, source }, times, flowsUntil) };
    }
    const until = request.at === null ? at : request.at - skewMs;
    const counts = integrate(request.version, until - request.windowMs, until);
    if (counts.total === 0) {
      const wasSeen = segments.some((segment) => segment.rates.has(request.version));
      return wasSeen
        ? { kind: 'noData', why: 'nan', detail: 'no requests in the window' }
        : { kind: 'noData', why: 'empty', detail: 'no series' };
    }
    const value = source.kind === 'ratio' ? counts.bad / counts.total : counts.p99;
    return { kind: 'value', value: round(value), requests: Math.round(counts.total) };
  }

  cut();
  advance(EPOCH_MS);
  return {
    advance,
    now: () => now,
    apply(change) {
      if (change.rps !== undefined) mode = { ...mode, rps: change.rps };
      if (change.stable !== undefined)
        mode = { ...mode, stable: { ...mode.stable, ...defined(change.stable) } };
      if (change.canary !== undefined)
        mode = { ...mode, canary: { ...mode.canary, ...defined(change.canary) } };
      if (change.canaryUp !== undefined) mode = { ...mode, canaryUp: change.canaryUp };
      if (change.prometheus !== undefined) mode = { ...mode, prometheus: change.prometheus };
      if (change.nacos !== undefined) mode = { ...mode, nacos: change.nacos };
      if (change.clock !== undefined) skewMs += signedDuration(change.clock);
      const { weight } = change;
      if (weight !== undefined)
        edit((_document, condition) => Object.assign(condition, { canaryWeight: weight }));
      if (change.document === 'deleted') set(null);
      if (change.document === 'disabled') edit((document) => Object.assign(document, { enabled: false }));
      if (change.document === 'foreign') {
        edit((document) =>
          Object.assign(document, { managedBy: { controller: 'canary-controller/other', operation: 'x' } }),
        );
      }
      if (change.document === 'other-pair') {
        edit((_document, condition) =>
          Object.assign(condition, { canaryVersion: 'vX', stableVersion: 'vY' }),
        );
      }
      if (change.alert !== undefined) {
        alerts += 1;
        alert = signalOf(change.alert, alerts, wall(now));
      }
      cut();
    },
    wall,
    read(at) {
      if (mode.nacos === 'down' || mode.nacos === 'slow') {
        return {
          kind: 'unreadable',
          at: wall(at),
          code: 'NACOS_UNAVAILABLE',
          detail: 'Nacos does not answer',
        };
      }
      if (live === null) return { kind: 'absent', at: wall(at), authoritative: true };
      return { kind: 'document', at: wall(at), content: live, md5: md5(live), authoritative: true };
    },
    publish(operation, content, expectMd5, at) {
      const report = (result: PublishReport['result'], code: string, detail: string): PublishReport => ({
        operation,
        at: wall(at),
        result,
        code,
        detail,
      });
      if (mode.nacos === 'down' || mode.nacos === 'slow')
        return report('failed', 'NACOS_UNAVAILABLE', 'no answer');
      if (mode.nacos === 'ignores-writes') return report('accepted', 'OK', '');
      const is = live === null ? 'absent' : md5(live);
      if (expectMd5 !== null && expectMd5 !== is)
        return report('conflict', 'NACOS_CONFLICT', 'the document changed');
      set(content);
      return report('accepted', 'OK', '');
    },
    measure: (request, at) => ({
      id: request.id,
      at: request.at ?? wall(at),
      reading: answer(request, at),
      query: request.source.kind === 'query' ? request.source.query : `${request.id} of ${request.version}`,
      skewMs: 0,
    }),
    // Its sender repeats it all the time.
    signals: () => (alert === null ? [] : [{ ...alert, toldAt: wall(now) }]),
    document: () => live,
    weight() {
      const rule = live === null ? null : parseRule(live);
      return rule?.ok && rule.value.enabled ? rule.value.canaryWeight : 0;
    },
  };
}

/** Undoes a change after its `for`: the same keys with the values they had before it. */
export function inverseOf(change: ScenarioChange, scenario: Scenario): ScenarioChange {
  const { world } = scenario;
  return {
    at: change.at + (change.for ?? 0),
    ...(change.rps === undefined ? {} : { rps: world.rps }),
    ...(change.stable === undefined ? {} : { stable: { ...HEALTHY, ...world.stable } }),
    ...(change.canary === undefined ? {} : { canary: { ...HEALTHY, ...world.canary } }),
    ...(change.canaryUp === undefined ? {} : { canaryUp: true }),
    ...(change.prometheus === undefined ? {} : { prometheus: 'up' as const }),
    ...(change.nacos === undefined ? {} : { nacos: 'up' as const }),
    ...(change.alert === undefined ? {} : { alert: 'resolved' as const }),
    ...(change.suspend === undefined ? {} : { suspend: !change.suspend }),
  };
}

function failure(code: string, detail: string, structural: boolean): Reading {
  return { kind: 'error', structural, code, detail };
}

function signalOf(action: NonNullable<ScenarioChange['alert']>, eventId: number, at: number): Signal | null {
  if (action === 'resolved') return null;
  return {
    id: `alert-${at}`,
    name: 'SloBurn',
    action,
    firing: true,
    startedAt: at,
    summary: 'the budget burns',
    eventId,
    toldAt: at,
  };
}

function signedDuration(text: string): number {
  const isBack = text.startsWith('-');
  const ms = parseDuration(isBack ? text.slice(1) : text) ?? 0;
  return isBack ? -ms : ms;
}

/** Twelve significant digits: sums of products must not differ in the last bit between two ways of stepping. */
function round(value: number): number {
  return Number(value.toPrecision(12));
}

function defined<T extends object>(partial: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(partial).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
