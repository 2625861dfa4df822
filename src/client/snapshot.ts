/** The last good rule documents on disk, for a gateway that starts while Nacos is away. */
import { readFile, rename, writeFile } from 'node:fs/promises';

export interface Snapshot {
  /** What was kept, dataId to document; empty when there is no file or it is damaged. To be called first. */
  load(): Promise<ReadonlyMap<string, string>>;
  /** Keeps a document, or with null forgets it. Writes follow each other; the file is whole at any time. */
  keep(dataId: string, content: string | null): void;
  /** Resolves when everything kept so far is on disk. */
  settled(): Promise<void>;
}

export interface SnapshotProblem {
  readonly type: 'snapshotProblem';
  readonly detail: string;
}

/** @param onProblem called when the file cannot be written; the rule in use is not affected */
export function createSnapshot(file: string, onProblem: (problem: SnapshotProblem) => void): Snapshot {
  const kept = new Map<string, string>();
  let writing: Promise<void> = Promise.resolve();

  async function write(): Promise<void> {
    const text = `${JSON.stringify(Object.fromEntries(kept), null, 2)}\n`;
    try {
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      onProblem({ type: 'snapshotProblem', detail: `the rules cannot be kept: ${detail}` });
    }
  }

  return {
    async load() {
      try {
        const stored: unknown = JSON.parse(await readFile(file, 'utf8'));
        const entries = typeof stored === 'object' && stored !== null ? Object.entries(stored) : [];
        for (const [dataId, content] of entries) {
          if (typeof content === 'string') kept.set(dataId, content);
        }
      } catch {
        // No file yet, or a damaged one: the defaults hold until Nacos answers, and then it is written anew.
      }
      return kept;
    },
    keep(dataId, content) {
      if (content === null) kept.delete(dataId);
      else kept.set(dataId, content);
      writing = writing.then(write);
    },
    settled: () => writing,
  };
}
