/** What this process itself prints: nothing of it may be a secret, and nobody's log goes there. */
import { onTestFinished } from 'vitest';

/** Takes standard output and error for the rest of the test; tells what was written there so far. */
export function listenToProcess(): () => string {
  const said: string[] = [];
  for (const stream of ['stdout', 'stderr'] as const) {
    const { write } = process[stream];
    process[stream].write = (chunk: string | Uint8Array) => {
      said.push(String(chunk));
      return true;
    };
    onTestFinished(() => {
      process[stream].write = write;
    });
  }
  return () => said.join('');
}
