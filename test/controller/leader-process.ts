/** A daemon reduced to its leadership: leads on the store given as its argument, saves once and waits to be killed. */
import { createLeader } from '../../src/controller/leader.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { lockFileOf } from '../../src/store/file-lock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { aSave } from '../support/saves.ts';

const file = String(process.argv[2]);
const store = openStore(file, { clock: systemClock });
createLeader({
  lockFile: lockFileOf(file),
  store,
  clock: systemClock,
  log: { warn: console.error },
  onChange({ epoch }) {
    store.save(aSave('checkout'));
    console.log(`leads with epoch ${epoch}`);
  },
}).start();
