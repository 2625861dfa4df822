import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chooseVersion, positionOf, safeVersions } from '../../src/client/choose.ts';
import { type CanaryRule, readRule } from '../../src/client/rule.ts';
import { find, run, skipped } from '../terraform/tools.ts';

const FOLDER = resolve(import.meta.dirname, '../../infra/fleet/go');

interface Vectors {
  readonly documents: readonly {
    readonly name: string;
    readonly text: string;
    readonly rule: Partial<CanaryRule> | null;
  }[];
  readonly choices: readonly {
    readonly name: string;
    /** The last good rule, and whether it is the one to follow now. */
    readonly last: Omit<CanaryRule, 'isEnabled'> | null;
    readonly isFollowed: boolean;
    readonly fallback: string | null;
    readonly position: number;
    readonly has: readonly string[];
    readonly version: string | null;
  }[];
  readonly positions: readonly {
    readonly service: string;
    readonly key: string;
    readonly position: number;
  }[];
}

const vectors = JSON.parse(readFileSync(resolve(FOLDER, '../vectors.json'), 'utf8')) as Vectors;

describe('the values that the Go listener is tested by', () => {
  test.each(vectors.documents)('hold for the Node client: $name', ({ text, rule }) => {
    const reading = readRule(text);
    expect(reading).toMatchObject(rule === null ? { kind: 'none' } : { kind: 'rule', rule });
  });

  test.each(vectors.positions)('hold for the Node client: $key of $service', ({ service, key, position }) => {
    expect(positionOf(service, key)).toBeCloseTo(position, 5);
  });

  test.each(vectors.choices)('hold for the Node client: $name', ({ position, version, ...known }) => {
    const last = known.last === null ? null : { ...known.last, isEnabled: true };
    const safe = safeVersions(known.fallback, last);
    const has = (name: string) => known.has.includes(name);
    const asking = { position, override: null };
    expect(chooseVersion(known.isFollowed ? last : null, safe, asking, has).version).toBe(version);
  });
});

const go = await find('go');
/** Never from the network: what is not on this machine is skipped for that reason. */
const offline = { ...process.env, GOPROXY: 'off', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local' };
const ask = (...args: readonly string[]) => run(go ?? 'go', args, { cwd: FOLDER, env: offline });
const noGo = go === null ? skipped('the Go listener', 'go is not on PATH') : null;
const hasModules = noGo === null && (await ask('list', '-deps', './...')).code === 0;
if (noGo === null && !hasModules) {
  skipped(
    'the Go listener beside its package rule',
    'its modules are missing; run `go mod download` in infra/fleet/go',
  );
}

describe.skipIf(noGo !== null)('the Go listener', () => {
  test('is formatted', async () => {
    const files = await run(resolve(go ?? '', '../gofmt'), ['-l', '.'], { cwd: FOLDER });
    expect(files).toMatchObject({ code: 0, said: '' });
  });

  test('reads rules and places keys as the Node client does', { timeout: 300_000 }, async () => {
    const ended = await ask('test', './rule');
    expect(ended.said).toMatch(/^ok /);
    expect(ended.code).toBe(0);
  });

  test.skipIf(!hasModules)(
    'compiles, is vetted, and follows its document',
    { timeout: 600_000 },
    async () => {
      expect(await ask('vet', './...')).toMatchObject({ code: 0 });
      expect(await ask('test', '.')).toMatchObject({ code: 0 });
    },
  );
});
