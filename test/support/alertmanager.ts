/** Whether a real Alertmanager can run here, for the tests that need one. */
import { startAlertmanager } from '../../infra/prometheus/alertmanager.ts';

/** Null where it can; else the reason why not, which is also printed, so that nobody takes the silence for success. */
export async function noAlertmanager(what: string): Promise<string | null> {
  try {
    const running = await startAlertmanager('route: { receiver: none }\nreceivers: [{ name: none }]\n');
    await running.stop();
    return null;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    process.stderr.write(`skipped: ${what}: ${reason}\n`);
    return reason;
  }
}
