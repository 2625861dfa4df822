import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Outcome } from '../../src/core/outcome.ts';
import type { RolloutRecord } from '../../src/core/rollout.ts';
import type { StreamLimits } from '../../src/server/stream-hub.ts';
import { anEvent, aSave } from '../support/saves.ts';
import {
  NOW,
  paymentRecord,
  paymentSpec,
  progressingState,
  ROLLOUT_ID,
  rolledBackState,
  stableState,
  succeededState,
} from '../view/states.ts';
import { begin, type Run, run, type Scene, scene } from './run.ts';

/** payment-service under way, its rollout in the history. */
async function underWay(streamLimits?: StreamLimits): Promise<Scene> {
  const at = await scene(streamLimits);
  record(at, paymentRecord());
  return at;
}

function record({ store }: Scene, rollout: RolloutRecord): void {
  store.save(aSave('payment-service', { rollouts: [rollout] }));
}

function end(at: Scene, outcome: Outcome): void {
  record(at, paymentRecord({ outcome, endedAt: NOW, reason: `it was ${outcome}` }));
}

/** Between two looks while nothing is heard. */
const LOOK_MS = 5000;

/** Changes the world between two looks, without an event. */
async function then(
  { clock }: Scene,
  change: () => void | Promise<void> = () => {},
  waitMs = LOOK_MS,
): Promise<void> {
  await clock.armed(waitMs);
  await change();
  clock.advance(waitMs);
}

/** Commits an event of the Canary. */
function tell({ store }: Scene, canary = 'payment-service'): void {
  store.appendEvents([{ ...anEvent('RolloutEnded'), canary }], NOW);
}

function waiting(at: Scene, ...flags: readonly string[]): Run {
  return begin(at, ['wait', 'payment-service', ...flags]);
}

test('the rollout that runs now is waited for until it is promoted', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted');
  await then(at, () => {
    end(at, 'Promoted');
    at.behind.states = [succeededState()];
  });
  expect(await wait.ended).toEqual({
    code: 0,
    out: `✓ Promoted  v1.5.1  ${ROLLOUT_ID}  it was Promoted`,
    talk: 'payment-service: Progressing at step 2 of 4, weight 25 %',
  });
});

test('another outcome than the one asked for ends with 3 and says where to look', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted');
  await then(at, () => {
    end(at, 'RolledBack');
    at.behind.states = [rolledBackState()];
  });
  const { code, out, talk } = await wait.ended;
  expect([code, out]).toEqual([3, `✗ RolledBack  v1.5.1  ${ROLLOUT_ID}  it was RolledBack`]);
  expect(talk).toContain('error: the rollout of v1.5.1 ended RolledBack, not Promoted');
  expect(talk).toContain('`canary explain payment-service`');
});

test('an event of the Canary ends the wait at once, without any time passing', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted');
  await at.clock.armed(LOOK_MS);
  tell(at, 'search');
  end(at, 'Promoted');
  at.behind.states = [succeededState()];
  tell(at);
  expect((await wait.ended).code).toBe(0);
});

test('what happens between the beginning of the stream and the first look is not missed', async () => {
  const at = await underWay();
  const { state } = at.behind.controls;
  Object.assign(at.behind.controls, {
    state(name: string) {
      // Within the first look: it shows what was before.
      const before = state(name);
      end(at, 'Promoted');
      tell(at);
      Object.assign(at.behind.controls, { state });
      return before;
    },
  });
  const wait = waiting(at, '--revision', 'v1.5.1', '--for', 'Promoted');
  expect((await wait.ended).code).toBe(0);
});

test('where the stream has no room, a look every second does without', async () => {
  const at = await underWay({ readers: 0, beatMs: 15_000, stallMs: 30_000 });
  const wait = waiting(at, '--for', 'Promoted');
  await then(at, () => {}, 1000);
  await then(at, () => end(at, 'Promoted'), 1000);
  expect((await wait.ended).code).toBe(0);
});

test.each([
  ['Promoted', 'Promoted', 0],
  ['Promoted', 'Succeeded', 0],
  ['RolledBack', 'RolledBack', 0],
  ['Aborted', 'RolledBack', 3],
  ['Aborted', 'Aborted', 0],
  ['Reverted', 'Stable', 0],
  ['Superseded', 'Waiting', 0],
  ['Cancelled', 'Terminating', 0],
  ['Promoted', 'Paused', 3],
] as const)(
  'a rollout that ended %s, waited for with --for %s, ends with %i',
  async (outcome, target, code) => {
    const at = await underWay();
    end(at, outcome);
    const ran = await run(at, 'wait', 'payment-service', '--revision', 'v1.5.1', '--for', target);
    expect(ran.code).toBe(code);
  },
);

test('a phase is reached when the Canary is in it', async () => {
  const at = await underWay();
  const { code, out } = await run(at, 'wait', 'payment-service', '--for', 'Progressing');
  expect([code, out.split('  ')[0]]).toEqual([0, 'Progressing']);
});

test.each([
  ['RolledBack', 'Promoted', 0],
  ['Promoted', 'Paused', 0],
  ['Paused', 'RolledBack', 3],
] as const)('of --for %s --for %s, a promotion that has been is worth %i', async (one, other, code) => {
  const at = await underWay();
  end(at, 'Promoted');
  const flags = ['--revision', 'v1.5.1', '--for', one, '--for', other];
  const ran = await run(at, 'wait', 'payment-service', ...flags);
  expect(ran.code).toBe(code);
  if (code === 3) expect(ran.talk).toContain(`ended Promoted, not ${one} or ${other}`);
});

test('of several phases the first that comes ends the wait', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Paused', '--for', 'Promoted');
  await then(at, () => {
    at.behind.states = [progressingState(paymentSpec(), {}, { phase: 'Paused' })];
  });
  const { code, out } = await wait.ended;
  expect([code, out.split('  ')[0]]).toEqual([0, 'Paused']);
});

test.each([
  ['RolledBack', rolledBackState()],
  ['Stable', stableState()],
])('without a rollout under way a Canary that is %s now is where it should be', async (phase, state) => {
  const at = await underWay();
  end(at, 'RolledBack');
  at.behind.states = [state];
  const { code, out } = await run(at, 'wait', 'payment-service', '--for', phase);
  expect([code, out.split('  ')[0]]).toEqual([0, phase]);
});

test('without a rollout under way there is nothing to wait for: 1', async () => {
  const at = await scene();
  at.behind.states = [stableState()];
  const { code, out, talk } = await run(at, 'wait', 'payment-service', '--for', 'Promoted');
  expect([code, out]).toEqual([1, '']);
  expect(talk).toContain('no rollout of payment-service is under way (Stable)');
  expect(talk).toContain('--revision V');
});

test('an old outcome never passes for the new one: a promotion that is over is nothing to wait for', async () => {
  const at = await underWay();
  end(at, 'Promoted');
  at.behind.states = [succeededState()];
  expect((await run(at, 'wait', 'payment-service', '--for', 'Succeeded')).code).toBe(1);
});

test('with a revision only its rollouts count, and until one begins it waits', async () => {
  const at = await underWay();
  const wait = waiting(at, '--revision', 'v2', '--for', 'Promoted');
  const rollout = paymentRecord({ id: 'r-2', revision: 'v2', startedAt: NOW });
  await then(at, () => {
    record(at, rollout);
    at.behind.states = [progressingState(paymentSpec(), { id: 'r-2', revision: 'v2' })];
  });
  await then(at, () => record(at, { ...rollout, endedAt: NOW, outcome: 'Promoted' }));
  const { code, talk } = await wait.ended;
  expect(code).toBe(0);
  expect(talk.split('\n')[0]).toBe('payment-service: waiting for a rollout of v2 to begin');
});

test('of several rollouts of the revision the newest counts', async () => {
  const at = await scene();
  record(
    at,
    paymentRecord({ id: 'r-1', outcome: 'RolledBack', startedAt: NOW - 9_000_000, endedAt: NOW - 8_000_000 }),
  );
  record(at, paymentRecord({ id: 'r-2', outcome: 'Promoted', startedAt: NOW - 7_000_000, endedAt: NOW }));
  expect((await run(at, 'wait', 'payment-service', '--revision', 'v1.5.1', '--for', 'Promoted')).code).toBe(
    0,
  );
});

describe('a rollout of the revision that has ended', () => {
  const DAY = 24 * 3_600_000;

  /** v1.5.1 ended so yesterday, and a rollout of v1.6.0 after it like that. */
  async function followedBy(outcome: Outcome, next: Outcome | null): Promise<Scene> {
    const at = await scene();
    record(at, paymentRecord({ outcome, startedAt: NOW - 2 * DAY, endedAt: NOW - DAY }));
    const endedAt = next === null ? null : NOW;
    record(
      at,
      paymentRecord({ id: 'r-2', revision: 'v1.6.0', startedAt: NOW - 60_000, outcome: next, endedAt }),
    );
    return at;
  }

  test.each(['Promoted', 'RolledBack', 'Superseded'] as const)(
    'as %s is history once another one came after it: it waits for the next',
    async (outcome) => {
      const at = await followedBy(outcome, 'Promoted');
      at.behind.states = [{ ...succeededState(), stable: 'v1.6.0' }];
      const wait = waiting(at, '--revision', 'v1.5.1', '--for', 'Promoted');
      const again = paymentRecord({ id: 'r-3', startedAt: NOW });
      await then(at, () => record(at, again));
      await then(at, () => record(at, { ...again, outcome: 'Promoted', endedAt: NOW, reason: 'good' }));
      const { code, out, talk } = await wait.ended;
      expect([code, out]).toEqual([0, '✓ Promoted  v1.5.1  r-3  good']);
      expect(talk.split('\n')[0]).toBe(
        `payment-service: waiting for a rollout of v1.5.1 to begin; ${ROLLOUT_ID} ended ${outcome}, and others came after it`,
      );
    },
  );

  test('as Promoted counts as long as that revision is live', async () => {
    const at = await followedBy('Promoted', 'RolledBack');
    at.behind.states = [{ ...rolledBackState(), stable: 'v1.5.1' }];
    const ran = await run(at, 'wait', 'payment-service', '--revision', 'v1.5.1', '--for', 'Promoted');
    expect(ran.code).toBe(0);
  });

  test('while it was waited for is its end, whatever came after it', async () => {
    const at = await underWay();
    const wait = waiting(at, '--revision', 'v1.5.1', '--for', 'Promoted');
    await then(at, () => {
      end(at, 'Superseded');
      record(at, paymentRecord({ id: 'r-2', revision: 'v1.6.0', startedAt: NOW + 1 }));
    });
    const { code, talk } = await wait.ended;
    expect(code).toBe(3);
    expect(talk).toContain('the rollout of v1.5.1 ended Superseded, not Promoted');
  });
});

test('a pause keeps waiting and says why it stands', async () => {
  const at = await underWay();
  at.behind.states = [
    progressingState(
      paymentSpec(),
      { pauses: [{ reason: 'Manual', detail: 'paused by ana', since: NOW }] },
      { phase: 'Paused' },
    ),
  ];
  const wait = waiting(at, '--for', 'Promoted');
  await then(at, () => end(at, 'Aborted'));
  const { code, talk } = await wait.ended;
  expect(code).toBe(3);
  expect(talk).toContain('payment-service: Paused at step 2 of 4, still waiting (Manual: paused by ana)');
});

test('after the time given it ends with 6', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted', '--timeout', '2s');
  await then(at, () => {}, 2000);
  const { code, out, talk } = await wait.ended;
  expect([code, out]).toEqual([6, '']);
  const { reason } = progressingState();
  expect(talk).toContain(
    `error: payment-service is not Promoted after 2s; it is Progressing: ${reason}\nhint: raise --timeout; \`canary explain payment-service\` says more`,
  );
});

test('a time that ran out in Waiting says what the first step waits for, and it was said meanwhile', async () => {
  const at = await underWay();
  const reason = 'strategy.ready does not hold: the query found no series';
  at.behind.states = [progressingState(paymentSpec(), {}, { phase: 'Waiting', reason })];
  const wait = waiting(at, '--for', 'Promoted', '--timeout', '12s');
  await then(at);
  await then(at);
  await then(at, () => {}, 2000);
  const { talk } = await wait.ended;
  const news = 'payment-service: Waiting at step 2 of 4, weight 25 %';
  expect(talk.split('\n').slice(0, -2)).toEqual([news, `${news} (${reason})`]);
  expect(talk).toContain(`not Promoted after 12s; it is Waiting: ${reason}`);
});

test('a time that ran out before a rollout began says so', async () => {
  const at = await scene();
  at.behind.states = [stableState()];
  const wait = waiting(at, '--for', 'Promoted', '--revision', 'v2', '--timeout', '2s');
  await then(at, () => {}, 2000);
  const { code, talk } = await wait.ended;
  expect(code).toBe(6);
  expect(talk).toContain(
    `not Promoted after 2s; no rollout of v2 has begun, it is Stable: ${stableState().reason}`,
  );
});

test('of another revision that waits meanwhile only the timeout tells', async () => {
  const at = await underWay();
  const reason = 'strategy.ready does not hold: the query found no series';
  at.behind.states = [progressingState(paymentSpec(), {}, { phase: 'Waiting', reason })];
  const wait = waiting(at, '--for', 'Promoted', '--revision', 'v2', '--timeout', '12s');
  await then(at);
  await then(at);
  await then(at, () => {}, 2000);
  const { talk } = await wait.ended;
  const [news, ended] = talk.split('\n');
  expect(news).toBe('payment-service: waiting for a rollout of v2 to begin');
  expect(ended).toContain(`; no rollout of v2 has begun, it is Waiting with v1.5.1: ${reason}`);
});

test('a time that ran out while the server was away says that', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted', '--timeout', '6s');
  await at.clock.armed(LOOK_MS);
  await at.close();
  await then(at, () => {}, LOOK_MS);
  await then(at, () => {}, 1000);
  const { code, talk } = await wait.ended;
  expect(code).toBe(6);
  expect(talk).toContain(`not Promoted after 6s; ${at.url} does not answer: `);
});

test('a rollout that is over for its Canary is still followed to its own end', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Superseded');
  await then(at, () => {
    at.behind.states = [progressingState(paymentSpec(), { id: 'r-9', revision: 'v9' })];
  });
  await then(at, () => end(at, 'Superseded'));
  expect((await wait.ended).code).toBe(0);
});

test('a server that goes away for a while does not end the wait', async () => {
  const at = await underWay();
  const wait = waiting(at, '--for', 'Promoted', '-o', 'json');
  await at.clock.armed(LOOK_MS);
  await at.close();
  await then(at, () => {}, 1000);
  await at.reopen();
  await then(at, () => end(at, 'Promoted'), 1000);
  const { code, out, talk } = await wait.ended;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ id: ROLLOUT_ID, outcome: 'Promoted' });
  expect(talk).toContain(`${at.url} does not answer: `);
});

test('an unknown Canary is 1', async () => {
  const at = await scene();
  expect((await run(at, 'wait', 'nobody', '--revision', 'v2', '--for', 'Promoted')).code).toBe(1);
});

/** What stands in front of the controller: it hands everything on, until it is told to answer something itself. */
async function behindProxy(at: Scene) {
  const proxy = { answer: null as { status: number; body: string } | null };
  const server = createServer(async ({ url }, response) => {
    if (proxy.answer !== null) return void response.writeHead(proxy.answer.status).end(proxy.answer.body);
    // It knows no stream, so that every look comes by the clock.
    if (url?.includes('/stream')) return void response.writeHead(404).end();
    const answer = await fetch(`${at.url}${url}`);
    response.writeHead(answer.status).end(await answer.text());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return Object.assign(proxy, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

test.each([
  ['a proxy that has lost the controller', 502, '<html>Bad Gateway</html>', 'answered 502'],
  [
    'a controller that is not ready',
    503,
    JSON.stringify({
      type: 'x',
      title: 'Not ready',
      status: 503,
      code: 'NOT_READY',
      detail: 'first scan',
      hint: '',
    }),
    'NOT_READY: first scan',
  ],
])('%s is waited out', async (_, status, body, said) => {
  const at = await underWay();
  const proxy = await behindProxy(at);
  const wait = begin({ url: proxy.url, clock: at.clock }, ['wait', 'payment-service', '--for', 'Promoted']);
  const away = () => {
    proxy.answer = { status, body };
  };
  const back = () => {
    proxy.answer = null;
    end(at, 'Promoted');
    at.behind.states = [succeededState()];
  };
  await then(at, away, 1000);
  await then(at, back, 1000);
  const { code, talk } = await wait.ended;
  expect(code, talk).toBe(0);
  expect(talk).toContain(said);
  expect(talk).toContain('; trying again');
});

describe('start --wait', () => {
  /** The answer to a start, and the command line that is sent. */
  async function starting(
    answer: { rolloutId: string | null; changed: boolean },
    ...flags: readonly string[]
  ) {
    const at = await underWay();
    at.behind.answer = async () => ({ eventId: 4, ...answer });
    const argv = ['start', 'payment-service', '--revision', 'v1.5.1', '--wait', ...flags];
    return { at, start: begin(at, argv) };
  }

  test('ends with the rollout that it began', async () => {
    const { at, start } = await starting({ rolloutId: ROLLOUT_ID, changed: true });
    await then(at, () => {
      end(at, 'Promoted');
      at.behind.states = [succeededState()];
    });
    expect(await start.ended).toEqual({
      code: 0,
      out: `✓ Promoted  v1.5.1  ${ROLLOUT_ID}  it was Promoted`,
      talk: [
        `payment-service: Canary analysis started, rollout ${ROLLOUT_ID}`,
        'payment-service: Progressing at step 2 of 4, weight 25 %',
      ].join('\n'),
    });
  });

  test('of a rollout that runs already waits for that one, and ends with 3 when it is rolled back', async () => {
    const { at, start } = await starting({ rolloutId: ROLLOUT_ID, changed: false });
    await then(at, () => {
      end(at, 'RolledBack');
      at.behind.states = [rolledBackState()];
    });
    expect((await start.ended).code).toBe(3);
  });

  test('gives up after --timeout', async () => {
    const { at, start } = await starting({ rolloutId: ROLLOUT_ID, changed: true }, '--timeout', '1s');
    await then(at, () => {}, 1000);
    const { code, talk } = await start.ended;
    expect([code, talk]).toEqual([6, expect.stringContaining('payment-service is not Promoted after 1s')]);
  });

  test('of what is live has nothing to wait for', async () => {
    const { start } = await starting({ rolloutId: null, changed: false });
    expect(await start.ended).toMatchObject({ code: 0, out: 'v1.5.1 is live' });
  });

  test('is what --timeout is for', async () => {
    const at = await underWay();
    const { code, talk } = await run(at, 'start', 'payment-service', '--revision', 'v3', '--timeout', '5m');
    expect([code, talk, at.behind.submitted]).toEqual([
      2,
      'error: --timeout is the limit of --wait\nhint: add --wait',
      [],
    ]);
  });
});
