/** A process that commits one decision to the store given as its argument and is killed at once. */
import { systemClock } from '../../src/lib/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { aSave, aState } from '../support/saves.ts';

const store = openStore(String(process.argv[2]), { clock: systemClock });
store.save(aSave('checkout', { state: aState('checkout', { reason: 'before the kill' }) }));
process.kill(process.pid, 'SIGKILL');
