/** Waiting for something that many callers share, each with its own end. */
import { NacosError } from './errors.ts';

/**
 * The outcome of `shared`, or NACOS_ABORTED as soon as `signal` aborts: the shared work itself goes on, because others
 * wait for it too.
 */
export function until<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(new NacosError('NACOS_ABORTED', 'the caller gave up'));
    if (signal.aborted) giveUp();
    signal.addEventListener('abort', giveUp, { once: true });
    const stopListening = () => signal.removeEventListener('abort', giveUp);
    shared.then(resolve, reject).finally(stopListening);
  });
}
