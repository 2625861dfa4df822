import { expect, test } from 'vitest';
import { hintOf } from '../../src/cli/hints.ts';
import { objection } from '../../src/core/admit.ts';
import { PROBLEM_KINDS, type ProblemCode, problem } from '../../src/server/problems.ts';
import { NOW, paymentSpec, progressingState, rolledBackState } from '../view/states.ts';
import { run, type Scene, scene } from './run.ts';

/** What only a request has: methods, headers, bodies and their fields, addresses. */
const HTTP =
  /GET|POST|headers?\b|\bbody\b|\bfield\b|openapi|Bearer|Retry-After|\w=\d|: true|Idempotency|JSON/;

/** What the command line gets for nothing that anyone may type. */
const NEVER: readonly ProblemCode[] = [
  'INVALID_JSON',
  'INVALID_HEADER',
  'INVALID_REQUEST',
  'WEBHOOK_UNSIGNED',
  'WEBHOOK_SECRET_WRONG',
  'WEBHOOK_STALE',
  'FOREIGN_ORIGIN',
  'AMBIGUOUS',
  'TOO_MANY_ALERTS',
  'UNSUPPORTED_MEDIA_TYPE',
  'KEY_REUSED',
  'HEADERS_TOO_LARGE',
];

const CODES = Object.keys(PROBLEM_KINDS) as ProblemCode[];

test.each(CODES.filter((code) => !NEVER.includes(code)))('the hint of %s is of the command line', (code) => {
  const hint = hintOf(problem(code, 'so it is'));
  expect(hint).not.toBe('');
  expect(hint).not.toMatch(HTTP);
});

async function hintAfter(at: Scene, ...argv: readonly string[]): Promise<string | undefined> {
  const { code, talk } = await run(at, ...argv);
  expect(code).toBe(1);
  return /^hint: (.*)$/m.exec(talk)?.[1];
}

test.each([
  [['get', 'nobody'], '`canary list` shows what there is'],
  [['events', '--limit', '2000'], '`canary COMMAND --help` shows what it takes'],
  [
    ['explain', 'payment-service', '--at', '77'],
    '`canary events --canary payment-service -o json` lists the events; those with "explained": true have a decision',
  ],
  [
    ['events', '-f', '--after', '77'],
    'the database was begun anew or restored: forget the number, and begin without --after or with --after 0',
  ],
])('%j', async (argv, hint) => {
  expect(await hintAfter(await scene(), ...argv)).toBe(hint);
});

test('a value that the controller does not take is told by the flag that gave it', async () => {
  const at = await scene();
  const { code, talk } = await run(at, 'start', 'payment-service', '--revision', ' v2');
  expect([code, talk]).toEqual([
    1,
    'error: INVALID_BODY: --revision must be one line of text without blanks at its ends\nhint: `canary COMMAND --help` shows what it takes',
  ]);
});

test('a standby is told with who took the lead last and how the leader is named', async () => {
  const at = await scene();
  at.behind.isLeader = false;
  at.store.claimEpoch('shop-2/815', NOW);
  const { code, talk } = await run(at, 'pause', 'payment-service');
  expect([code, talk]).toEqual([
    1,
    'error: STANDBY: this process stands by; shop-2/815 (host/process) took the lead last\nhint: --server or CANARY_SERVER must name the leader: /leaderz answers 200 on it alone',
  ]);
});

test('what a start may do about a refusal is a flag', async () => {
  const at = await scene();
  const spec = paymentSpec({ revision: null });
  const asked = { verb: 'start', restart: false, force: false, full: false } as const;
  const hints: unknown[] = [];
  for (const [state, revision] of [
    [progressingState(spec), 'v9'],
    [{ ...rolledBackState(spec), target: null }, 'v1.5.1'],
  ] as const) {
    const against = objection(spec, state, { ...asked, revision }, true);
    if (against === null || 'already' in against) throw new Error('nothing is refused');
    at.behind.answer = async () => ({ status: 409, ...against });
    hints.push(await hintAfter(at, 'start', 'payment-service', '--revision', revision));
  }
  expect(hints).toEqual([
    'wait for its end, abort it, or start with --restart',
    'repair it under a new name; a start with --restart tries it again and, where there are tokens, asks for the role operator',
  ]);
});

test('who reads the hints over HTTP still reads of fields and headers', () => {
  expect(problem('NOT_FOUND', 'there is none').hint).toContain('GET /api/v1/canaries');
  expect(problem('TOKEN_MISSING', 'there is none').hint).toContain('Authorization: Bearer');
});
