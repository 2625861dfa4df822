/**
 * The least that a loop of looks could cost: `node empty-loop.ts NACOS DATABASE`. For each look a timer fires, one
 * rule document is read from Nacos over a kept connection and parsed, and a row of 2 KiB is written, 50 ms of them in
 * one transaction. No PromQL, no judging, no history. Prints its user and system time and its looks as JSON.
 */
import { setTimeout as wait } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { Pool } from 'undici';
import type { EmptyLoop } from './floor.ts';

/** 10,000 canaries at 30 s. */
const LOOKS_PER_SECOND = 333;
const WARM_UP_S = 1;
const MEASURED_S = 3;
const COMMIT_MS = 50;
const NAMES = 1_000;
const ROW = JSON.stringify({ state: 'x'.repeat(2_048) });
const DOCUMENT = JSON.stringify({ serviceName: 'empty-loop', rules: [], padding: 'x'.repeat(400) });

const [nacosUrl = '', databaseFile = ''] = process.argv.slice(2);
const { origin, pathname } = new URL(nacosUrl);
const pool = new Pool(origin, { connections: 8 });
const db = new Database(databaseFile);
db.pragma('journal_mode = WAL');
db.pragma('synchronous = FULL');
db.exec('CREATE TABLE looks (name TEXT PRIMARY KEY, row TEXT NOT NULL) STRICT');
const upsert = db.prepare(
  'INSERT INTO looks VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET row = excluded.row',
);
let waiting: string[] = [];
let looks = 0;

const commit = db.transaction((names: readonly string[]) => {
  for (const name of names) upsert.run(name, ROW);
});

async function publish(): Promise<void> {
  const body = new URLSearchParams({ dataId: 'empty-loop', group: 'BENCH', content: DOCUMENT, type: 'json' });
  await fetch(`${nacosUrl}/v1/cs/configs`, { method: 'POST', body });
}

async function look(name: string): Promise<void> {
  const path = `${pathname}/v1/cs/configs?dataId=empty-loop&group=BENCH`;
  const { body } = await pool.request({ method: 'GET', path });
  JSON.parse(await body.text());
  if (waiting.length === 0) setTimeout(save, COMMIT_MS);
  waiting.push(name);
}

function save(): void {
  commit(waiting);
  looks += waiting.length;
  waiting = [];
}

async function run(seconds: number): Promise<EmptyLoop> {
  const before = { usage: process.cpuUsage(), looks };
  const planned = LOOKS_PER_SECOND * seconds;
  for (let index = 0; index < planned; index += 1) {
    setTimeout(() => void look(`service-${index % NAMES}`), (index * 1_000) / LOOKS_PER_SECOND);
  }
  await wait(seconds * 1_000 + 2 * COMMIT_MS);
  const { user, system } = process.cpuUsage(before.usage);
  return { cpuMs: (user + system) / 1_000, looks: looks - before.looks };
}

await publish();
// The dump of the server makes a write visible to reads a moment later.
await wait(200);
await run(WARM_UP_S);
console.log(JSON.stringify(await run(MEASURED_S)));
await pool.close();
db.close();
