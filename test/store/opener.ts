/** A process that opens the store given as its argument, prints its id and ends. */
import { systemClock } from '../../src/lib/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';

const store = openStore(String(process.argv[2]), { clock: systemClock });
process.stdout.write(store.storeId);
store.close();
