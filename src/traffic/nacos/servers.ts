/**
 * The addresses of one Nacos: which of them is used, what is known of it, and a circuit that keeps thousands of
 * callers from asking a server that is down.
 *
 * A server is *up* from a successful probe until an exchange shows that it is lost (refused, reset, no answer in time,
 * not Nacos any more). Then the first caller probes it again; while that fails, the pause before the next probe grows
 * up to `capMs`, with jitter, and everyone else is told so at once without a connection being opened. An answered
 * exchange, not a probe, ends the series: a server whose state answers while its documents do not stays paused.
 * That pause holds no write back: where only exchanges failed since the last probe, it is tried all the same, and has a
 * pause of its own when that fails too.
 * With several addresses the one in use is kept until it is lost; then the next one is probed.
 */
import type { Clock } from '../../lib/clock.ts';
import type { RouterFacts } from '../router.ts';
import { isServerLost, NacosError } from './errors.ts';
import { type PauseOptions, pauseAfter } from './pause.ts';
import { type ApiChoice, probe, type ServerFacts } from './probe.ts';
import type { Redact, Secrets } from './redact.ts';
import { type Credentials, createSession, type Session } from './session.ts';
import type { Answer, Transport, WireRequest } from './transport.ts';
import { until } from './until.ts';

/** A probed server, ready to be asked in the course of one call. */
export interface Server {
  readonly facts: ServerFacts;
  readonly redact: Redact;
  /** Throws a `NacosError`; ends when the call's signal aborts. */
  exchange(wire: WireRequest): Promise<Answer>;
}

export interface Servers {
  /** Probes the first address without waiting for it. */
  start(): void;
  /**
   * Runs `use` with a server that is up, probing one first where that is due. Throws what `use` threw, or the reason
   * why there is no server, as a `NacosError`.
   */
  ask<T>(signal: AbortSignal, use: (server: Server) => Promise<T>): Promise<T>;
  /** As `ask`, for writes: that reads hang says nothing about them. */
  askToWrite<T>(signal: AbortSignal, use: (server: Server) => Promise<T>): Promise<T>;
  /**
   * As `ask`, but what becomes of the exchanges is no news about the server: for questions that no decision waits for,
   * whose impatient deadline or weak endpoint must not make anyone else pause.
   */
  askAside<T>(signal: AbortSignal, use: (server: Server) => Promise<T>): Promise<T>;
  /** What the last successful probe found; null before the first. */
  facts(): RouterFacts | null;
  /** Whether at least one address counts as up. */
  isUp(): boolean;
}

/** Where the servers tell what they found; pino's loggers fit. */
export interface NacosLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface ServersOptions {
  /** Base URLs with the context path; at least one. */
  readonly urls: readonly string[];
  readonly api: ApiChoice;
  readonly transport: Transport;
  readonly credentials: Credentials | null;
  readonly secrets: Secrets;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: NacosLog | null;
  /** Longest pause between two probes of a server that is down, milliseconds. */
  readonly capMs: number;
}

interface Entry {
  readonly url: string;
  readonly session: Session;
  facts: ServerFacts | null;
  /** What the last probe found, also after an exchange has failed since; null after a probe that failed. */
  probed: ServerFacts | null;
  /** Monotonic time before which nobody writes on the strength of `probed`. */
  writeAt: number;
  /** Failures in a row. */
  failures: number;
  /** Monotonic time before which nobody probes. */
  probeAt: number;
  probing: Promise<void> | null;
  lost: NacosError | null;
}

interface Choice {
  readonly entry: Entry;
  readonly facts: ServerFacts;
}

const FIRST_PAUSE_MS = 100;
const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

export function createServers(options: ServersOptions): Servers {
  const { api, transport, secrets, clock, random, log, capMs } = options;
  const pause: PauseOptions = { baseMs: FIRST_PAUSE_MS, capMs, random };
  const entries = options.urls.map((url): Entry => {
    const session = createSession({ ...options, base: url });
    const now = clock.monotonic();
    const nothing = { facts: null, probed: null, probing: null, lost: null };
    return { url, session, ...nothing, writeAt: now, failures: 0, probeAt: now };
  });
  let current = 0;
  let found: RouterFacts | null = null;

  function lose(entry: Entry, error: NacosError): void {
    const { code, message: detail } = error;
    if (entry.failures === 0) log?.warn({ url: entry.url, code, detail }, 'Nacos lost');
    entry.facts = null;
    entry.lost = error;
    entry.failures += 1;
    // The first failure may be a connection that the server closed while it was idle: look again at once.
    const wait = entry.failures === 1 ? 0 : pauseAfter(entry.failures - 1, pause);
    entry.probeAt = clock.monotonic() + wait;
    if (entries[current] === entry) current = (current + 1) % entries.length;
  }

  async function probeNow(entry: Entry): Promise<void> {
    try {
      const facts = await probe({ transport, base: entry.url, api, redact: secrets.redact });
      entry.facts = facts;
      entry.probed = facts;
      found = withSettings(facts, entry.url, options);
      log?.info({ url: entry.url, nacos: found.summary, warnings: found.warnings }, 'Nacos probed');
    } catch (error) {
      if (!(error instanceof NacosError)) throw error;
      if (error.code === 'NACOS_ABORTED') return;
      entry.probed = null;
      lose(entry, error);
    } finally {
      entry.probing = null;
    }
  }

  /** The facts of a server that is up, or null. Only one caller at a time probes. */
  async function factsOf(entry: Entry, signal: AbortSignal): Promise<ServerFacts | null> {
    if (entry.facts !== null) return entry.facts;
    if (entry.probing === null) {
      if (clock.monotonic() < entry.probeAt) return null;
      entry.probing = probeNow(entry);
    } else if (entry.failures > 1) {
      // Known to be down: nobody else waits for the one who looks.
      return null;
    }
    await until(entry.probing, signal);
    return entry.facts;
  }

  async function choose(signal: AbortSignal): Promise<Choice | null> {
    const start = current;
    for (let step = 0; step < entries.length; step += 1) {
      const index = (start + step) % entries.length;
      const entry = entries[index];
      if (entry === undefined) continue;
      const facts = await factsOf(entry, signal);
      if (facts !== null) {
        current = index;
        return { entry, facts };
      }
    }
    return null;
  }

  /** A server that is paused although its last probe was answered. */
  function chooseToWrite(): Choice | null {
    for (const entry of entries) {
      const { probed: facts, writeAt } = entry;
      if (facts !== null && clock.monotonic() >= writeAt) return { entry, facts };
    }
    return null;
  }

  async function run<T>(
    { entry, facts }: Choice,
    signal: AbortSignal,
    use: (server: Server) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await use(serverAt(entry, facts, signal));
      if (entry.facts === facts) entry.failures = 0;
      return result;
    } catch (error) {
      if (error instanceof NacosError) noteFailure(entry, facts, error);
      throw error;
    }
  }

  /** Of many exchanges that fail together only the first one says something new. */
  function noteFailure(entry: Entry, facts: ServerFacts, error: NacosError): void {
    const isLost = isServerLost(error.code);
    if (entry.facts !== facts) {
      if (isLost) entry.writeAt = clock.monotonic() + pauseAfter(Math.max(1, entry.failures), pause);
    } else if (isLost) {
      lose(entry, error);
    } else if (error.code !== 'NACOS_ABORTED') {
      entry.failures = 0;
    }
  }

  function none(): never {
    throw nothingUp(entries);
  }

  function serverAt(entry: Entry, facts: ServerFacts, signal: AbortSignal): Server {
    const exchange = (wire: WireRequest) => entry.session.exchange(facts.api, wire, signal);
    return { facts, redact: secrets.redact, exchange };
  }

  return {
    start() {
      const [first] = entries;
      if (first !== undefined) first.probing = probeNow(first);
    },
    async ask(signal, use) {
      return run((await choose(signal)) ?? none(), signal, use);
    },
    async askToWrite(signal, use) {
      return run((await choose(signal)) ?? chooseToWrite() ?? none(), signal, use);
    },
    async askAside(signal, use) {
      const { entry, facts } = (await choose(signal)) ?? none();
      return use(serverAt(entry, facts, signal));
    },
    facts: () => found,
    isUp: () => entries.some((entry) => entry.facts !== null),
  };
}

/** Why nobody can be asked. A time-out was suffered by the one who probed; for the others the server is just down. */
function nothingUp(entries: readonly Entry[]): NacosError {
  const lost = entries.find((entry) => entry.lost !== null)?.lost ?? null;
  if (lost === null)
    return new NacosError('NACOS_ABORTED', 'no server was reached before the caller gave up');
  const addresses = entries.length > 1 ? `, like the other ${entries.length - 1}` : '';
  const code = lost.code === 'NACOS_TIMEOUT' ? 'NACOS_UNAVAILABLE' : lost.code;
  return new NacosError(code, `${lost.particulars} (not asked again at once${addresses})`);
}

/** The facts together with the doubts that come from the settings. */
function withSettings(facts: ServerFacts, url: string, options: ServersOptions): RouterFacts {
  const warnings = [...facts.warnings];
  const addresses = options.urls.length;
  if (addresses > 1) {
    const seen = facts.authoritativeReads
      ? 'the database that all members share'
      : `what ${url} has taken in`;
    warnings.push(
      `${addresses} addresses are configured and one is asked at a time: a read shows ${seen}, other members may serve an older rule for a while`,
    );
  }
  const { protocol, hostname } = new URL(url);
  if (options.credentials !== null && protocol === 'http:' && !LOOPBACK.test(hostname)) {
    warnings.push(`user name and password travel to ${hostname} unencrypted; use https`);
  }
  return { ...facts, warnings };
}
