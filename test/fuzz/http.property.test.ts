import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Problem } from '../../src/view/schemas.ts';
import { serverOf, standIn } from '../server/stand-in.ts';
import { listenToProcess } from '../support/listen-to-process.ts';
import { type Call, calls } from './calls.ts';
import { createAnswerCheck, type Document, operationsOf } from './description.ts';
import { type Answer, aWorld, credentials, type FuzzWorld, HINTS, SECRETS, SITUATIONS } from './world.ts';

/** Worlds to live through; each is asked up to thirty things. More by FUZZ_RUNS, again by FUZZ_SEED. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
const SEED = process.env['FUZZ_SEED'];
/** Worlds of one test: they are closed at its end. */
const BATCH = 40;

const CODES = readFileSync(new URL('../../docs/reference/codes.md', import.meta.url), 'utf8');

/** Time that passes between two requests. */
interface Pause {
  readonly ms: number;
}

async function served(): Promise<Document> {
  return (await serverOf(standIn()).app.inject('/openapi.json')).json();
}

const situation = fc.record({ of: fc.constantFrom(...SITUATIONS), isGuarded: fc.boolean() });
const pause: fc.Arbitrary<Pause> = fc.constantFrom(1_000, 10_000, 70_000).map((ms) => ({ ms }));

const batches = Array.from({ length: Math.ceil(RUNS / BATCH) }, (_, index) => index);

test.each(batches)(
  'whatever is asked is answered as described, and what is refused changes nothing (batch %i)',
  async (batch) => {
    const document = await served();
    const isAsDescribed = createAnswerCheck(document);
    const step = fc.oneof(
      { weight: 9, arbitrary: calls(document, operationsOf(document), HINTS, credentials) },
      { weight: 1, arbitrary: pause },
    );
    const process = listenToProcess();
    const reached = { answered: false, refused: false };

    async function judge(world: FuzzWorld, call: Call): Promise<void> {
      await world.rig.settle();
      const before = world.snapshot();
      const answer = await world.ask(call);
      await world.rig.settle();
      reached[answer.status < 400 ? 'answered' : 'refused'] = true;
      expect(complaint(call, answer, isAsDescribed), told(call, answer)).toBeNull();
      const mayChange = answer.status < 300 && call.method === 'POST';
      if (!mayChange && !answer.body.includes('"NOT_YET"')) {
        expect(world.snapshot(), told(call, answer)).toBe(before);
      }
    }

    await fc.assert(
      fc.asyncProperty(
        situation,
        fc.array(step, { minLength: 1, maxLength: 30, size: 'max' }),
        async (given, asked) => {
          const world = await aWorld(given.of, given.isGuarded);
          for (const one of asked) {
            if ('ms' in one) await world.rig.run(one.ms);
            else await judge(world, one);
          }
          expect(world.errors.filter((error) => !/event stream/.test(JSON.stringify(error)))).toEqual([]);
          const kept = JSON.stringify(world.rig.store.events({ after: 0, limit: 10_000 }));
          for (const secret of SECRETS) expect(`${world.said()}${kept}`).not.toContain(secret);
        },
      ),
      {
        numRuns: Math.min(BATCH, RUNS),
        endOnFailure: RUNS > BATCH,
        ...(SEED === undefined ? {} : { seed: Number(SEED) + batch }),
      },
    );
    for (const secret of SECRETS) expect(process()).not.toContain(secret);
    expect(reached).toEqual({ answered: true, refused: true });
  },
  60_000 + 2_000 * BATCH,
);

/** Null: nothing is wrong with the answer as such. */
function complaint(
  { operation, method }: Call,
  { status, type, headers, body }: Answer,
  isAsDescribed: ReturnType<typeof createAnswerCheck>,
): string | null {
  if (SECRETS.some((secret) => body.includes(secret) || headers.includes(secret))) return 'it holds a secret';
  if (headers.includes('x-injected')) return 'a header was injected';
  // What another method of the same address answers is not described.
  const other = method === operation.method ? isAsDescribed(operation, status, type, body) : null;
  if (status < 400 || method === 'HEAD' || other !== null) return other;
  if (!type.startsWith('application/problem+json')) return `a problem is no problem+json but ${type}`;
  const problem = Problem.safeParse(JSON.parse(body));
  if (!problem.success) return 'it is no problem';
  const { code, detail, hint } = problem.data;
  if (!CODES.includes(`\`${code}\``)) return `the code ${code} is not in docs/reference/codes.md`;
  if (detail === '' || hint === '') return 'it does not say what is wrong and what to do';
  if (status >= 500 && status !== 503) return `a fault of ours: ${detail}`;
  return null;
}

function told({ method, url, headers, payload }: Call, { status, body }: Answer): string {
  const asked = JSON.stringify({ method, url, headers, payload: payload?.toString().slice(0, 2_000) });
  return `${asked} → ${status} ${body.slice(0, 1_000)}`;
}
