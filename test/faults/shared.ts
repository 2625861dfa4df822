/** What all rows of one test file share: a real Prometheus that scrapes already, and daemons that start fast. */
import { afterAll, vi } from 'vitest';
import { startMeasured } from './measured.ts';
import { warmUp } from './world.ts';

// Rows wait for their daemons most of the time.
vi.setConfig({ maxConcurrency: 12, testTimeout: 120_000 });

export const measured = await startMeasured();
afterAll(() => measured.stop());
await Promise.all([warmUp(measured), measured.isScraping()]);
