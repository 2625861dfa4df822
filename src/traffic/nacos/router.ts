/** The traffic router that keeps rules in Nacos: every failure becomes a value, every value says what it is worth. */
import type { PublishReport } from '../../core/observation.ts';
import { md5 } from '../../core/rule.ts';
import type { Clock } from '../../lib/clock.ts';
import type { NacosTarget, TrafficTarget } from '../../spec/canary.ts';
import type { TrafficRouter } from '../router.ts';
import { createConfigClient } from './agent.ts';
import { dialectOf, readDocument, readListeners } from './documents.ts';
import { isDenial, NacosError } from './errors.ts';
import { requireValidName } from './names.ts';
import type { ApiChoice } from './probe.ts';
import { createSecrets } from './redact.ts';
import { createServers, type NacosLog } from './servers.ts';
import type { Credentials } from './session.ts';
import { createTransport } from './transport.ts';

export interface NacosRouterOptions {
  /** Server addresses with the context path, e.g. `http://127.0.0.1:8848/nacos`; at least one. */
  readonly urls: readonly string[];
  readonly api: ApiChoice;
  /** Both or neither. */
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM certificates to trust instead of the system's authorities. */
  readonly ca?: string | undefined;
  readonly clock: Clock;
  /** Uniform in [0, 1), for jitter. */
  readonly random?: () => number;
  readonly log?: NacosLog;
  /** For one HTTP exchange, milliseconds. */
  readonly timeoutMs?: number;
}

/** Publishing was measured at up to 700 ms on a busy server. */
const TIMEOUT_MS = 3_000;
/** A rollback that waits for Nacos goes on at most this much after it came back. */
const PROBE_CAP_MS = 5_000;

/**
 * A router for Nacos 1.x to 3.x. It probes the first address at once and logs what it found (version, API, whether
 * compare-and-set is real, how reads are verified, doubts), and again after each loss of the server.
 *
 * Nothing is retried inside, except for one new login after a 401 or 403. While no address is up, calls fail at once
 * with the reason. With several addresses one is used until it is lost. What a read shows and what therefore counts as
 * verified is that server's answer: on v3 the database that all members of a cluster share, on v1 only what this member
 * has taken in.
 * Throws for options that cannot work, with a sentence for people.
 */
export function createNacosRouter(options: NacosRouterOptions): TrafficRouter {
  const { clock, api, random = Math.random, log = null, timeoutMs = TIMEOUT_MS } = options;
  const credentials = credentialsOf(options);
  const secrets = createSecrets();
  if (credentials !== null) secrets.add(credentials.password);
  const { redact } = secrets;
  const transport = createTransport({ clock, timeoutMs, ca: options.ca, redact });
  const urls = [...new Set(options.urls.map(baseOf))];
  if (urls.length === 0) throw new Error('at least one Nacos address is needed; set --nacos');
  const servers = createServers({
    urls,
    api,
    transport,
    credentials,
    secrets,
    clock,
    random,
    log,
    capMs: PROBE_CAP_MS,
  });
  const client = createConfigClient({ servers, redact, log });
  servers.start();

  return {
    async read(target, signal) {
      const name = nacosTarget(target);
      try {
        requireValidName(name);
        const { content, authoritative } = await client.read(name, signal);
        const at = clock.now();
        if (content === null) return { kind: 'absent', at, authoritative };
        return { kind: 'document', at, content, md5: md5(content), authoritative };
      } catch (error) {
        const { code, message } = expected(error);
        return { kind: 'unreadable', at: clock.now(), code, detail: message };
      }
    },

    async publish(target, operation, content, guard, signal) {
      const name = nacosTarget(target);
      try {
        requireValidName(name);
        await client.publish(name, content, guard, signal);
        const detail = 'the server says that it has written the document';
        return { operation, at: clock.now(), result: 'accepted', code: '', detail };
      } catch (error) {
        const { code, message } = expected(error);
        return { operation, at: clock.now(), result: resultOf(code), code, detail: message };
      }
    },

    async beta(target, signal) {
      const name = nacosTarget(target);
      try {
        requireValidName(name);
        return await servers.askAside(signal, async (server) => {
          const dialect = dialectOf(server);
          const answer = await server.exchange(dialect.betaRequest(name));
          const found = dialect.beta(answer, server.redact);
          // Where the server does not tell, a read shows at least whether this host is among the beta's addresses.
          if (found === 'unknown') await readDocument(server, name);
          return found;
        });
      } catch (error) {
        return expected(error).code === 'NACOS_BETA' ? { rule: 'for this host, at least' } : 'unknown';
      }
    },

    async listeners(target, signal) {
      const name = nacosTarget(target);
      try {
        requireValidName(name);
        return await servers.askAside(signal, (server) => readListeners(server, name));
      } catch (error) {
        return { kind: 'unknown', detail: expected(error).message };
      }
    },

    facts: servers.facts,
    isUp: servers.isUp,

    async close() {
      client.close();
      await transport.close();
    },
  };
}

function resultOf(code: NacosError['code']): PublishReport['result'] {
  if (code === 'NACOS_CONFLICT') return 'conflict';
  return isDenial(code) ? 'denied' : 'failed';
}

/** A failure of the outside world; anything else is a bug and goes on as one. */
function expected(error: unknown): NacosError {
  if (error instanceof NacosError) return error;
  throw error;
}

function nacosTarget(target: TrafficTarget): NacosTarget {
  if (target.kind === 'nacos') return target;
  throw new Error(`a ${target.kind} target was given to the Nacos router`);
}

function credentialsOf({ username, password }: NacosRouterOptions): Credentials | null {
  if (username !== undefined && password !== undefined) return { username, password };
  if (username === undefined && password === undefined) return null;
  throw new Error(
    'the Nacos user name and password go together; set CANARY_NACOS_USERNAME and CANARY_NACOS_PASSWORD, or neither',
  );
}

/** A server address as requests are built on it: no slash at its end, nothing in it that would leak or get lost. */
function baseOf(text: string): string {
  const url = URL.parse(text.trim());
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Error('a Nacos address must look like http://127.0.0.1:8848/nacos; check --nacos');
  }
  if (url.username !== '' || url.password !== '') {
    throw new Error(
      `the Nacos address of ${url.host} must not hold a user name or password; use CANARY_NACOS_USERNAME and CANARY_NACOS_PASSWORD`,
    );
  }
  if (url.search !== '' || url.hash !== '') {
    throw new Error(`the Nacos address of ${url.host} must end with its context path, usually /nacos`);
  }
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
}
