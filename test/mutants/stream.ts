/** Mutations of the event stream and of what a caller may rely on: each loses, doubles or piles up something. */
import type { Mutant } from './mutants.ts';

const ONCE = 'a reader of the stream hears every event once, in order';
const BOUNDED = 'a reader costs no memory, however slow it is';
const ANSWERED = 'every request gets its own answer, once';

export const STREAM: readonly Mutant[] = [
  {
    name: 'what another process committed in between is passed over',
    guards: ONCE,
    file: 'src/server/event-tail.ts',
    text: 'if (fresh[0]?.id === end + 1) append(fresh);',
    by: 'append(fresh);',
    tests: ['test/server/stream.test.ts'],
  },
  {
    name: 'nobody looks for what other processes commit',
    guards: ONCE,
    file: 'src/server/stream-hub.ts',
    text: '      tail.refresh();\n      for (',
    by: '      for (',
    tests: ['test/server/stream.test.ts'],
  },
  {
    name: 'a page that is full ends at the end of the log',
    guards: ONCE,
    file: 'src/server/event-tail.ts',
    text: 'upTo: page.length < PAGE ? Math.max(last, end) : last,',
    by: 'upTo: Math.max(last, end),',
    tests: ['test/server/stream.test.ts'],
  },
  {
    name: 'a reader that comes back begins where it first began',
    guards: ONCE,
    file: 'src/server/stream.ts',
    text: 'after: last ?? after ?? null',
    by: 'after: after ?? last ?? null',
    tests: ['test/server/stream.test.ts'],
  },
  {
    name: 'a place in another log is taken for one in this',
    guards: ONCE,
    file: 'src/server/stream-hub.ts',
    text: 'wish.after > tail.end()',
    by: 'wish.after > Infinity',
    tests: ['test/server/stream.test.ts'],
  },
  {
    name: 'a slow reader is handed more all the same',
    guards: BOUNDED,
    file: 'src/server/stream-hub.ts',
    text: 'if (!reader.wants || reader.isEnding) return;',
    by: 'if (reader.isEnding) return;',
    tests: ['test/server/stream-hub.test.ts'],
  },
  {
    name: 'a reader that stands still stays',
    guards: BOUNDED,
    file: 'src/server/stream-hub.ts',
    text: 'silentMs >= limits.stallMs',
    by: 'silentMs >= Infinity',
    tests: ['test/server/stream-hub.test.ts'],
  },
  {
    name: 'an Idempotency-Key is everybody’s',
    guards: ANSWERED,
    file: 'src/server/start.ts',
    text: 'JSON.stringify([actorOf(request), key])',
    by: "JSON.stringify(['anyone', key])",
    tests: ['test/server/start.test.ts'],
  },
  {
    name: 'broken bytes take the place of the answer before them',
    guards: ANSWERED,
    file: 'src/server/broken-requests.ts',
    text: 'if (running !== null) {',
    by: 'if (running !== running) {',
    tests: ['test/server/broken-requests.test.ts'],
  },
];
