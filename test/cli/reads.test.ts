import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { StoreError } from '../../src/store/store.ts';
import { aMetric } from '../support/a-canary.ts';
import { anEvent, aSave } from '../support/saves.ts';
import {
  metricState,
  NOW,
  paymentRecord,
  paymentSpec,
  paymentVerdict,
  progressingState,
  ROLLOUT_ID,
  rolledBackState,
  stableState,
  succeededState,
} from '../view/states.ts';
import { begin, run, type Scene, scene } from './run.ts';

test('get shows where a Canary is, its steps, its metrics, what is next and why', async () => {
  const at = await scene();
  const { code, out, talk } = await run(at, 'get', 'payment-service');
  expect([code, talk]).toEqual([0, '']);
  expect(out).toMatchInlineSnapshot(`
    "Canary    payment-service            Phase    ◐ Progressing, step 2 of 4
    Revision  v1.5.1 (v1.5.0 is stable)  Since    13:53:00Z (7m ago)
    Weight    canary 25 %  ▓▓▓░░░░░░░░░  Desired  25 %, observed 25 % 5s ago

    STEP  WEIGHT  BAKE  STATE   TOOK
    ✓ 1   5 %     5m    done    5m
    ◐ 2   25 %    5m    baking  2m
      3   50 %    5m
      4   100 %   5m

    METRIC      JUDGE      CANARY  STABLE  LIMIT           VERDICT
    error-rate  threshold  0.001   0.001   maxDelta 0.005  ✓ pass  (2/3)

    Next  look again 14:00:25Z
    Why   baking until 14:03:00Z; 2 of 3 passes collected
    File  payment.yaml:7"
  `);
});

test('get counts no passes of a judge that keeps odds', async () => {
  const at = await scene();
  const sequential = { alpha: 0.01, beta: 0.05, sensitivity: 0.5, dispersion: null };
  const spec = paymentSpec({
    analysis: { metrics: [aMetric({ forMs: null, judge: 'sequential', sequential })] },
  });
  at.behind.specs = [spec];
  at.behind.states = [progressingState(spec)];
  const { out } = await run(at, 'get', 'payment-service');
  expect(out).toMatch(/^error-rate {2}sequential .*✓ pass$/m);
});

test('get shows whoever must approve what was measured last', async () => {
  const at = await scene();
  const spec = paymentSpec();
  const pauses = [{ reason: 'Approval', detail: 'step 2 (25 %) is good', since: NOW - 30_000 }] as const;
  at.behind.states = [progressingState(spec, { pauses: [...pauses] }, { phase: 'Paused' })];
  const { out } = await run(at, 'get', 'payment-service');
  expect(out).toContain(
    'Measured  error-rate: canary 0.1 % of 400 requests failed, stable 0.1 % of 1200 requests, in 1m (10s ago)\n',
  );
  at.behind.states = [{ ...succeededState(spec), pauses: [...pauses] }];
  expect((await run(at, 'get', 'payment-service')).out).not.toContain('Measured');
});

test('get of a paused Canary names every reason, a missing number and trouble', async () => {
  const at = await scene();
  const spec = paymentSpec();
  const verdict = paymentVerdict({
    class: 'noData',
    canary: null,
    detail: 'canary: no series',
    stableFrozenAt: NOW - 60_000,
  });
  at.behind.states = [
    progressingState(
      spec,
      {
        pauses: [{ reason: 'NoData', detail: 'error-rate has no data for 600s', since: NOW - 30_000 }],
        metrics: { 'error-rate': metricState(verdict, 0) },
      },
      {
        phase: 'Paused',
        observed: null,
        reason: 'error-rate has no data for 600s',
        failed: { v0: { rolloutId: 'x', reason: 'y', zeroAt: null } },
        diagnostics: [{ code: 'CLOCK_SKEW', detail: 'the clocks differ by 9 s' }],
      },
    ),
  ];
  at.behind.signals = [
    {
      id: 'f00d@2026',
      name: 'SloBurn',
      action: 'pause',
      firing: true,
      startedAt: NOW - 60_000,
      toldAt: NOW,
      summary: 'the budget burns',
      eventId: 7,
    },
  ];
  const { out } = await run(at, 'get', 'payment-service');
  expect(out).toMatchInlineSnapshot(`
    "Canary    payment-service            Phase    ‖ Paused, step 2 of 4
    Revision  v1.5.1 (v1.5.0 is stable)  Since    13:53:00Z (7m ago)
    Weight    canary unknown             Desired  25 %, observed unknown

    STEP  WEIGHT  BAKE  STATE   TOOK
    ✓ 1   5 %     5m    done    5m
    ‖ 2   25 %    5m    paused  2m
      3   50 %    5m
      4   100 %   5m

    METRIC      JUDGE      CANARY  STABLE  LIMIT           VERDICT
    error-rate  threshold  -       0.001   maxDelta 0.005  ? noData  (stable, frozen at 13:59:00Z; canary: no series)

    Next      look again 14:00:25Z
    Why       error-rate has no data for 600s
    Paused    NoData: error-rate has no data for 600s (since 13:59:30Z)
    Measured  error-rate: canary not measured, stable, frozen at 13:59:00Z, 0.1 % of 1200 requests, in 1m (10s ago)
    Alert     SloBurn asks for pause: the budget burns (since 13:59:00Z)
    Failed    v0: not started again without \`retry\`
    File      payment.yaml:7
    Trouble   warning CLOCK_SKEW: the clocks differ by 9 s"
  `);
});

test('get counts the gateways by their addresses where it is known', async () => {
  const at = await scene();
  at.behind.gateways = { current: 3, total: 4 };
  const { out } = await run(at, 'get', 'payment-service');
  expect(out.split('\n').slice(-4)).toEqual([
    'Next      look again 14:00:25Z',
    'Why       baking until 14:03:00Z; 2 of 3 passes collected',
    'Gateways  3 of 4 addresses have this rule (addresses, not proof)',
    'File      payment.yaml:7',
  ]);
});

test.each([
  ['Stable', stableState()],
  ['Succeeded', succeededState()],
  ['RolledBack', rolledBackState()],
])('get in %s shows what is live', async (phase, state) => {
  const at = await scene();
  at.behind.states = [state];
  const { out } = await run(at, 'get', 'payment-service');
  await expect(out).toMatchFileSnapshot(`golden/get-${phase}.txt`);
});

test('list has one line a Canary; broken files are talk', async () => {
  const at = await scene();
  at.behind.states = [
    progressingState(),
    { ...stableState(), name: 'search' },
    { ...rolledBackState(), name: 'zoo' },
  ];
  at.behind.diagnostics = [
    { severity: 'error', file: 'x.yaml', line: 3, column: 9, code: 'SPEC_RANGE', detail: 'too much' },
    { severity: 'warning', file: 'y.yaml', line: 1, column: 1, code: 'SPEC_NO_READY', detail: 'no ready' },
  ];
  const { code, out, talk } = await run(at, 'list');
  expect(code).toBe(0);
  expect(out).toMatchInlineSnapshot(`
    "NAME             PHASE          STEP  WEIGHT  CANARY  STABLE  SINCE  WHY
    payment-service  ◐ Progressing  2/4   25 %    v1.5.1  v1.5.0  7m     baking until 14:03:00Z; 2 of 3 passes collected
    search           ✓ Stable       -     0 %     -       v1.5.0  1h     v1.5.0 is stable
    zoo              ✗ RolledBack   -     0 %     v1.5.1  v1.5.0  1m     v1.5.1 failed in rollout payment-service-3-1f2e3d4c: error-rate failed; retry to try it again"
  `);
  expect(talk).toBe('x.yaml:3:9 error SPEC_RANGE: too much');
});

test('list loses whole words of the reason on a terminal that has no room for them', async () => {
  const at = await scene();
  at.behind.states = [progressingState(), { ...rolledBackState(), name: 'zoo' }];
  const { out } = await begin(at, ['list'], { columns: 130 }).ended;
  expect(out.split('\n').map((line) => line.slice(69))).toEqual([
    'WHY',
    'baking until 14:03:00Z; 2 of 3 passes collected',
    'v1.5.1 failed in rollout payment-service-3-1f2e3d4c:…',
  ]);
});

test('list says the reason under its Canary on a terminal that has no room for it beside', async () => {
  const at = await scene();
  at.behind.states = [progressingState(), { ...rolledBackState(), name: 'zoo' }];
  const { out } = await begin(at, ['list'], { columns: 80 }).ended;
  expect(out).toMatchInlineSnapshot(`
    "NAME             PHASE          STEP  WEIGHT  CANARY  STABLE  SINCE
    payment-service  ◐ Progressing  2/4   25 %    v1.5.1  v1.5.0  7m
      baking until 14:03:00Z; 2 of 3 passes collected
    zoo              ✗ RolledBack   -     0 %     v1.5.1  v1.5.0  1m
      v1.5.1 failed in rollout payment-service-3-1f2e3d4c: error-rate failed; retry…"
  `);
});

test('list loses the end of its columns on a terminal that is narrower than they are', async () => {
  const at = await scene();
  const { out } = await begin(at, ['list'], { columns: 20 }).ended;
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(20);
  expect(out).toContain('…');
});

test('history says why under its rollout on a terminal that has no room for it beside', async () => {
  const at = await scene();
  at.store.save(aSave('payment-service', { rollouts: [paymentRecord()] }));
  const { out } = await begin(at, ['history', 'payment-service'], { columns: 80 }).ended;
  expect(out).toMatchInlineSnapshot(`
    "ROLLOUT                     REVISION  STABLE  OUTCOME      STARTED    TOOK…
    payment-service-3-1f2e3d4c  v1.5.1    v1.5.0  ◐ under way  13:52:00Z  8m    5
      baking until 14:03:00Z; 2 of 3 passes collected"
  `);
});

test('list of nothing says so and prints the header only', async () => {
  const at = await scene();
  at.behind.states = [];
  at.behind.specs = [];
  const { code, out, talk } = await run(at, 'list');
  expect([code, talk]).toEqual([0, 'no valid Canary file was found']);
  expect(out).toMatch(/^NAME/);
});

test('explain prints the text of the server; a past decision by its event', async () => {
  const at = await scene();
  const [event] = at.store.save(aSave('payment-service', { events: [anEvent('StepStarted')] }));
  const now = await run(at, 'explain', 'payment-service');
  expect(now.out.split('\n')[0]).toBe('13:59:55Z  Progressing  canary 25 %  wait');
  const past = await run(at, 'explain', 'payment-service', '--at', String(event?.id));
  expect(past.out.split('\n')[0]).toMatch(/^#1 {2}/);
});

test('history has one line a rollout, newest first', async () => {
  const at = await scene();
  at.store.save(
    aSave('payment-service', {
      rollouts: [
        paymentRecord({
          id: 'payment-service-2-1f2e3d4c',
          revision: 'v1.5.0',
          stable: 'v1.4.0',
          startedAt: NOW - 90_000_000,
          endedAt: NOW - 88_000_000,
          outcome: 'Promoted',
          reason: 'all steps passed',
          analysed: false,
          steps: [5, 25, 50, 100].map((weight, index) => ({ index, weight, verifiedAt: NOW })),
        }),
      ],
    }),
  );
  at.store.save(aSave('payment-service', { rollouts: [paymentRecord()] }));
  const { out } = await run(at, 'history', 'payment-service');
  expect(out).toMatchInlineSnapshot(`
    "ROLLOUT                     REVISION  STABLE  OUTCOME      STARTED               TOOK    WEIGHTS            WHY
    payment-service-3-1f2e3d4c  v1.5.1    v1.5.0  ◐ under way  13:52:00Z             8m      5                  baking until 14:03:00Z; 2 of 3 passes collected
    payment-service-2-1f2e3d4c  v1.5.0    v1.4.0  ✓ Promoted   2026-11-22 13:00:00Z  33m20s  5 → 25 → 50 → 100  (not analyzed) all steps passed"
  `);
});

test('events print one line each, with who did it', async () => {
  const at = await scene();
  at.store.appendEvents(
    [
      { ...anEvent('LeaderChanged', { message: 'host/7 leads with epoch 1' }), canary: null },
      { ...anEvent('Approved', { message: 'step 2 approved', actor: 'ana' }), canary: 'payment-service' },
      { ...anEvent('CommandReceived', { message: 'pause by ana', actor: 'ana' }), canary: 'search' },
    ],
    NOW,
  );
  const all = await run(at, 'events');
  expect(all.out).toMatchInlineSnapshot(`
    "#1  14:00:00Z  -  LeaderChanged  host/7 leads with epoch 1
    #2  14:00:00Z  payment-service  Approved  step 2 approved (ana)
    #3  14:00:00Z  search  CommandReceived  pause by ana"
  `);
  const one = await run(at, 'events', '--canary', 'search', '--after', '0', '--limit', '5');
  expect(one.out).toContain('#3');
  expect(one.out).not.toContain('#2');
});

test('events say where a command came from', async () => {
  const at = await scene();
  const facts = { address: '192.0.2.7' };
  const said = { message: 'pause by ana: lunch', actor: 'ana', data: facts };
  const unsaid = { message: 'a change', actor: 'ana', data: facts };
  at.store.appendEvents(
    [said, unsaid].map((more) => ({ ...anEvent('CommandReceived', more), canary: 'payment-service' })),
    NOW,
  );
  const { out } = await run(at, 'events');
  expect(out.split('\n')).toEqual([
    expect.stringMatching(/pause by ana: lunch \(from 192\.0\.2\.7\)$/),
    expect.stringMatching(/a change \(ana from 192\.0\.2\.7\)$/),
  ]);
});

test('events without any say so on standard error', async () => {
  expect(await run(await scene(), 'events')).toEqual({ code: 0, out: '', talk: 'no events' });
});

test('-o json and -o yaml print the object of the interface', async () => {
  const at = await scene();
  const json = await run(at, 'get', 'payment-service', '-o', 'json');
  const object = JSON.parse(json.out);
  expect(object).toMatchObject({
    name: 'payment-service',
    phase: 'Progressing',
    step: { index: 1, count: 4 },
  });
  const yaml = await run(at, '-o', 'yaml', 'get', 'payment-service');
  expect(parse(yaml.out)).toEqual(object);
  const list = JSON.parse((await run(at, 'list', '-o', 'json')).out);
  const { spec, ...shown } = object;
  expect(list).toEqual({ items: [shown], diagnostics: [] });
  expect(spec).toMatchObject({ template: null, canary: { analysis: { intervalMs: 30_000 } } });
});

test('color is on glyphs only, on a terminal only, and can be switched off', async () => {
  const at = await scene();
  const argv = ['get', 'payment-service'];
  const plain = (await begin(at, argv).ended).out;
  const colored = (await begin(at, argv, { isTerminal: true }).ended).out;
  const ansi = '\u001b\\[\\d+m';
  const escapes = new RegExp(ansi, 'g');
  expect(colored.replaceAll(escapes, '')).toBe(plain);
  expect(
    colored.match(new RegExp(`${ansi}.${ansi}`, 'gu'))?.map((glyph) => glyph.replaceAll(escapes, '')),
  ).toEqual(['◐', '✓', '◐', '✓']);
  const isTerminal = true;
  expect((await begin(at, [...argv, '--no-color'], { isTerminal }).ended).out).toBe(plain);
  expect((await begin(at, argv, { isTerminal, env: { NO_COLOR: '1' } }).ended).out).toBe(plain);
});

test('control characters of others do not reach the terminal', async () => {
  const at = await scene();
  at.behind.states = [progressingState(paymentSpec(), {}, { reason: 'evil \u001b[2J\u0007 reason' })];
  const { out } = await run(at, 'get', 'payment-service');
  expect(out).toContain('evil \uFFFD[2J\uFFFD reason');
});

test('get -w prints again when something changed, and survives a server that is away', async () => {
  const at = await scene();
  const watch = begin(at, ['get', 'payment-service', '-w', '-o', 'json']);
  await at.clock.armed(1000);
  expect(watch.out.map((line) => JSON.parse(line).phase)).toEqual(['Progressing']);
  at.behind.states = [progressingState(paymentSpec(), {}, { observed: { weight: 25, at: NOW } })];
  at.clock.advance(1000);
  await at.clock.armed(1000);
  expect(watch.out).toHaveLength(1);
  at.behind.states = [rolledBackState()];
  at.clock.advance(1000);
  await at.clock.armed(1000);
  expect(watch.out.map((line) => JSON.parse(line).phase)).toEqual(['Progressing', 'RolledBack']);
  at.behind.states = [];
  at.behind.specs = [];
  at.clock.advance(1000);
  expect(await watch.ended).toMatchObject({ code: 1, talk: expect.stringContaining('NOT_FOUND') });
});

test('get -w on a terminal redraws the screen at every look', async () => {
  const at = await scene();
  const watch = begin(at, ['get', 'payment-service', '--watch'], { isTerminal: true });
  await at.clock.armed(1000);
  at.clock.advance(1000);
  await at.clock.armed(1000);
  expect(watch.out.map((text) => text.slice(0, 7))).toEqual(['<clear>', 'Canary ', '<clear>', 'Canary ']);
  expect(at.behind.gatewaysAsked).toHaveLength(2);
  at.behind.states = [];
  at.behind.specs = [];
  at.clock.advance(1000);
  await watch.ended;
});

/** Follows events as JSON; `line` resolves with the message of the next line that is printed. */
function followEvents(at: Scene, ...flags: readonly string[]) {
  const lines: string[] = [];
  let told = Promise.withResolvers<void>();
  const out = (text: string) => {
    lines.push(JSON.parse(text).message);
    told.resolve();
  };
  const { ended, talk } = begin(at, ['events', '-f', '-o', 'json', ...flags], { out });
  async function line(): Promise<string | undefined> {
    while (lines.length === 0) {
      told = Promise.withResolvers();
      await told.promise;
    }
    return lines.shift();
  }
  return { line, ended, talk };
}

function tell({ store }: Scene, ...messages: readonly string[]): void {
  store.appendEvents(
    messages.map((message) => ({ ...anEvent('SpecChanged', { message }), canary: 'payment-service' })),
    NOW,
  );
}

test('events -f prints each event as it is committed', async () => {
  const at = await scene();
  tell(at, 'first');
  const { line } = followEvents(at);
  expect(await line()).toBe('first');
  tell(at, 'second', 'third');
  expect([await line(), await line()]).toEqual(['second', 'third']);
  at.store.appendEvents([{ ...anEvent('Paused', { message: 'fourth' }), canary: 'search' }], NOW);
  expect(await line()).toBe('fourth');
});

test('events -f --canary prints what concerns that Canary', async () => {
  const at = await scene();
  const { line } = followEvents(at, '--canary', 'payment-service', '--after', '0');
  at.store.appendEvents([{ ...anEvent('Paused', { message: 'another' }), canary: 'search' }], NOW);
  tell(at, 'own');
  expect(await line()).toBe('own');
});

test('events -f goes on where it was when the controller comes back', async () => {
  const at = await scene();
  tell(at, 'first');
  const { line, talk } = followEvents(at);
  expect(await line()).toBe('first');
  await at.close();
  tell(at, 'while it was away', 'and once more');
  await at.clock.armed(1000);
  at.clock.advance(1000);
  await at.clock.armed(1000);
  await at.reopen();
  at.clock.advance(1000);
  expect([await line(), await line()]).toEqual(['while it was away', 'and once more']);
  expect(talk).toEqual([expect.stringContaining('does not answer')]);
});

test('events -f asks for the log where the stream has no room', async () => {
  const at = await scene({ readers: 0, beatMs: 15_000, stallMs: 30_000 });
  tell(at, 'first');
  const { line } = followEvents(at);
  expect(await line()).toBe('first');
  await at.clock.armed(1000);
  tell(at, 'second');
  at.clock.advance(1000);
  expect(await line()).toBe('second');
});

test('events -f goes on when the controller could not read its log for a moment', async () => {
  const at = await scene();
  tell(at, 'first');
  const { lastEventId } = at.store;
  Object.assign(at.store, {
    lastEventId() {
      Object.assign(at.store, { lastEventId });
      throw new StoreError('STORE_LOCKED', 'another process holds the database');
    },
  });
  const { line, talk } = followEvents(at);
  expect(await line()).toBe('first');
  await at.clock.armed(1000);
  tell(at, 'second');
  at.clock.advance(1000);
  expect(await line()).toBe('second');
  expect(talk).toEqual([expect.stringContaining('STORE_FAILED')]);
});

test('events -f ends with 1 when the database was begun anew', async () => {
  const at = await scene();
  const { code, talk } = await run(at, 'events', '-f', '--after', '7');
  expect([code, talk]).toEqual([1, expect.stringContaining('AHEAD_OF_LOG')]);
});

test.each([
  ['get', 'nobody'],
  ['explain', 'nobody'],
  ['history', 'nobody'],
])('%s of an unknown Canary ends with 1 and says what there is', async (...argv) => {
  const { code, out, talk } = await run(await scene(), ...argv);
  expect([code, out]).toEqual([1, '']);
  expect(talk).toBe('error: NOT_FOUND: there is no Canary nobody.\nhint: `canary list` shows what there is');
});

test('a rollout is shown under its id in every face', async () => {
  const at = await scene();
  const { out } = await run(at, 'get', 'payment-service', '-o', 'json');
  expect(JSON.parse(out).rolloutId).toBe(ROLLOUT_ID);
});
