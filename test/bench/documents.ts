/** What Nacos holds for each canary, read over HTTP as anybody could. */
import { setTimeout as wait } from 'node:timers/promises';
import { Pool } from 'undici';

export type NacosVersion = '3.1' | '2.5.1';

const GROUP = 'CANARY_GROUP';
/** Names that are read at once: few, because the server shares a core with others. */
const READERS = 4;
const POLL_MS = 100;

export interface Documents {
  /** Percent that the canary version of `service` gets; null: there is no document. */
  weight(service: string): Promise<number | null>;
  /** Reads until each of them has at least this weight, or until the time is over; returns those that have not. */
  reach(services: readonly string[], weight: number, withinMs: number): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** `url`: with the context path. The Admin API of 3.1 is read, and the v1 API of 2.5.1. */
export function openDocuments(url: string, version: NacosVersion): Documents {
  const { origin, pathname } = new URL(url);
  const pool = new Pool(origin, { connections: READERS });

  async function weight(service: string): Promise<number | null> {
    const dataId = `canary-rules.${service}.json`;
    const path =
      version === '3.1'
        ? `/v3/admin/cs/config?${new URLSearchParams({ dataId, groupName: GROUP })}`
        : `/v1/cs/configs?${new URLSearchParams({ dataId, group: GROUP })}`;
    const { statusCode, body } = await pool.request({ method: 'GET', path: pathname + path });
    const text = await body.text();
    if (statusCode === 404) return null;
    if (statusCode !== 200)
      throw new Error(`Nacos answered ${statusCode} for ${dataId}: ${text.slice(0, 300)}`);
    const content =
      version === '3.1' ? (JSON.parse(text) as { data: { content: string } }).data.content : text;
    const document = JSON.parse(content) as { rules: { condition: { canaryWeight: number } }[] };
    return document.rules[0]?.condition.canaryWeight ?? null;
  }

  return {
    weight,
    async reach(services, least, withinMs) {
      const deadline = performance.now() + withinMs;
      const left = services[Symbol.iterator]();
      const missing: string[] = [];
      async function readOnward(): Promise<void> {
        for (const service of left) {
          while (((await weight(service)) ?? 0) < least) {
            if (performance.now() >= deadline) {
              missing.push(service);
              break;
            }
            await wait(POLL_MS);
          }
        }
      }
      await Promise.all(Array.from({ length: READERS }, readOnward));
      return missing;
    },
    close: () => pool.close(),
  };
}
