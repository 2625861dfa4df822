import { connect } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { serverOf, standIn } from '../server/stand-in.ts';
import { paymentSpec, stableState } from '../view/states.ts';

/** Byte streams to send; more by FUZZ_RUNS. */
const RUNS = 8 * Number(process.env['FUZZ_RUNS'] ?? 25);

const BODY = JSON.stringify({ service_name: 'payment-service', canary_version: 'v9', reason: 'a build' });
const REQUEST = [
  'POST /api/v1/canary/start HTTP/1.1',
  'Host: localhost',
  'Content-Type: application/json',
  `Content-Length: ${BODY.length}`,
  'Idempotency-Key: key',
  'Connection: close',
  '',
  BODY,
].join('\r\n');

const PIECES = [
  '\r\n',
  '\0',
  '\n',
  ':',
  'Transfer-Encoding: chunked\r\n',
  'Content-Length: 9\r\n',
  'é',
  '\u00ff',
  'x'.repeat(20_000),
];

/** The request with some of its bytes replaced by others. */
const broken = fc
  .array(
    fc.record({
      at: fc.nat({ max: REQUEST.length }),
      length: fc.nat({ max: 12 }),
      piece: fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'binary', maxLength: 8 })),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((cuts) =>
    cuts.reduce(
      (text, { at, length, piece }) => text.slice(0, at) + piece + text.slice(at + length),
      REQUEST,
    ),
  );
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Sends the bytes and says that there are no more; resolves with what came back until the end. */
function exchange(url: string, text: string): Promise<string> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), hostname);
    socket.on('data', (piece) => {
      answer += piece;
    });
    // A connection that is reset is an end like any other.
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
    socket.end(text, 'latin1');
  });
}

test('whatever bytes arrive are a request, or are refused with a problem and change nothing', async () => {
  const behind = standIn({ specs: [paymentSpec()], states: [stableState()] });
  const { app, errors } = serverOf(behind);
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  let refused = 0;
  let takenInAll = 0;
  await fc.assert(
    fc.asyncProperty(fc.oneof({ weight: 4, arbitrary: broken }, noise), async (text) => {
      const before = behind.submitted.length;
      const answer = await exchange(url, text);
      // Several requests may stand in the bytes, so several answers may come: each for itself.
      const statuses = [...answer.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
      expect(statuses.filter((status) => status >= 500)).toEqual([]);
      const taken = statuses.filter((status) => status === 202).length;
      // Also where the connection was cut without an answer. A repeated key is taken, and changes nothing again.
      expect(behind.submitted.length - before).toBeLessThanOrEqual(taken);
      takenInAll += taken;
      if (statuses.some((status) => status >= 400)) {
        refused += 1;
        expect(answer).toContain('application/problem+json');
      }
    }),
    { numRuns: RUNS },
  );
  expect(refused).toBeGreaterThan(RUNS / 10);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  // What a cut connection left behind could also have been done later.
  expect(behind.submitted.length).toBeLessThanOrEqual(takenInAll);
  expect(errors).toEqual([]);
});
