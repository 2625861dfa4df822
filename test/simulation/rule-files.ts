/**
 * Rule documents in files of one directory: read and replaced within milliseconds, seen by gateways at once, on a disk
 * that fails at times. The comparison and the rename are one step here.
 */
import { md5 } from '../../src/core/rule.ts';
import type { TrafficTarget } from '../../src/spec/canary.ts';
import type { FileCode } from '../../src/traffic/file.ts';
import type { TrafficRouter } from '../../src/traffic/router.ts';
import { createDocuments, type RouterProbe, type Rules, type RulesOptions } from './rules.ts';
import type { ProcessClock } from './timeline.ts';

const ACCESS_MS = [0.2, 3] as const;

export function createRuleFiles(options: RulesOptions): Rules {
  const { random, weather } = options;
  const documents = createDocuments(options);

  function store(name: string, operation: string | null, content: string | null): void {
    documents.store(name, operation, content);
    documents.serve(name);
  }

  function router(clock: ProcessClock, probe: RouterProbe): TrafficRouter {
    function access<T>(work: () => T): Promise<T> {
      return new Promise((resolve) => {
        clock.after(random.between(...ACCESS_MS), () => resolve(work()));
      });
    }

    function replace(
      name: string,
      operation: string,
      content: string,
      expected: string | null,
    ): FileCode | null {
      if (weather.disk !== 'fine') return weather.disk;
      const live = documents.document(name);
      if (expected !== null && expected !== (live === null ? 'absent' : md5(live))) return 'FILE_CONFLICT';
      store(name, operation, content);
      return null;
    }

    return {
      read: (target) =>
        access(() => {
          const at = clock.now();
          const content = documents.document(nameOf(target));
          if (weather.disk === 'FILE_UNREADABLE') return unreadable(at, weather.disk);
          if (weather.disk === 'FILE_NOT_REGULAR') return unreadable(at, weather.disk);
          if (content === null) return { kind: 'absent', at, authoritative: true };
          return { kind: 'document', at, content, md5: md5(content), authoritative: true };
        }),
      async publish(target, operation, content, { expectMd5 }) {
        const name = nameOf(target);
        if (probe.dies('publish')) return new Promise(() => {});
        probe.publishing(name, operation, content);
        if (probe.dies('published')) {
          // In the middle of it: the rename was made, or it was not.
          if (random.chance(0.5)) replace(name, operation, content, expectMd5);
          return new Promise(() => {});
        }
        const code = await access(() => replace(name, operation, content, expectMd5));
        const at = clock.now();
        if (code === null)
          return { operation, at, result: 'accepted', code: '', detail: 'the file is written' };
        const result =
          code === 'FILE_CONFLICT' ? 'conflict' : code === 'FILE_NOT_REGULAR' ? 'denied' : 'failed';
        return { operation, at, result, code, detail: `the write failed: ${code}` };
      },
      beta: async (target) => {
        probe.askedBeta(nameOf(target), 'none');
        return 'none';
      },
      listeners: async () => ({ kind: 'unknown', detail: 'nobody can tell who reads a file' }),
      facts: () => null,
      isUp: () => weather.disk === 'fine',
      close: async () => {},
    };
  }

  return {
    dialect: 'file',
    ...documents,
    edit: (name, content) => store(name, null, content),
    inFlight: () => 0,
    router,
  };
}

function unreadable(
  at: number,
  code: FileCode,
): { kind: 'unreadable'; at: number; code: string; detail: string } {
  return { kind: 'unreadable', at, code, detail: `the file could not be read: ${code}` };
}

function nameOf(target: TrafficTarget): string {
  if (target.kind !== 'file') throw new Error(`a ${target.kind} target in a world of files`);
  return target.path;
}
