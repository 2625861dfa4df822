/** One mutation for each invariant of `decide` and of the write protocol, with the tests that must notice it. */
import { ACCESS } from './access.ts';
import { BUDGET } from './budget.ts';
import { CLIENT } from './client.ts';
import { JUDGE } from './judge.ts';
import { COUNTERS } from './ledger.ts';
import { POINTS } from './points.ts';
import { STREAM } from './stream.ts';
import { WEBHOOKS } from './webhooks.ts';

export interface Mutant {
  /** What the mutated program does. */
  readonly name: string;
  /** The invariant that it breaks. */
  readonly guards: string;
  readonly file: string;
  /** Stands exactly once in `file`. */
  readonly text: string;
  readonly by: string;
  /** At least one of these files must turn red. */
  readonly tests: readonly string[];
}

const RISES_ON_EVIDENCE = 'weight rises only on fresh measurements at the weight that was read back';
const CLASSES_DIFFER = 'fail, no data and error are different things with their own limits';
const ROLLBACK_FIRST = 'a failure wins, and a rollback comes before anything else';
const ONE_STEP = 'at most one step up per decision, never on what is not known';
const WRITES = 'a raise is never written again from an old intent; a lowering until it is read back';
const LOWERING_IS_EASY = 'lowering needs almost nothing, raising everything';
const SAVED_FIRST = 'intent is saved before the write, and only by the one that leads';
const FOREIGN_HANDS = 'drift is only ever lowered; what others lowered or own is left alone';
const REMOVALS = 'a removed file ends its rollout as it says, and nothing else does';
const TIME = 'neither a jump of the clock nor an outage makes a step or an end';
const EXEMPTIONS = 'a person’s exemption is recorded, bound to its step, and never goes over a fail';

const EVIDENCE: readonly Mutant[] = [
  {
    name: 'two passes are enough',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/evidence.ts',
    text: 'PASSES_NEEDED = 3',
    by: 'PASSES_NEEDED = 2',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'the bake is not waited for',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/missing.ts',
    text: 'if (leftMs > 0) {',
    by: 'if (leftMs > Infinity) {',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a window may begin before the weight was read back',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/count.ts',
    text: 'from >= rollout.held.clearFrom',
    by: 'at >= rollout.held.clearFrom',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'the settle time is ignored',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/state.ts',
    text: 'clearFrom: now + settleMs',
    by: 'clearFrom: now',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a look is evidence although clocks differ',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/count.ts',
    text: '!isSkewed &&',
    by: '',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'what a clock of Prometheus dated ahead is evidence once it was set right',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/count.ts',
    text: 'from >= (rollout.misdatedUntil ?? 0)',
    by: 'from >= 0',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'passes count while a raise is not read back',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/count.ts',
    text: "turn.state.intent?.direction !== 'raise' &&",
    by: '',
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'passes count while the live rule cannot be read',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/count.ts',
    text: '!isUnreadable(turn) &&',
    by: '',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a pass outlives its process although nobody knows whether the live rule could be read',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/follow.ts',
    text: 'if (isRestart && rollout.unreadAt !== undefined) doubtLastLook(rollout);',
    by: '',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a rule that was read long after a look speaks for that look',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/drift.ts',
    text: "live.kind === 'unknown' || now - unreadAt > ANSWER_MS",
    by: "live.kind === 'unknown'",
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a restart needs no fresh pass',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/missing.ts',
    text: 'if ((metric?.lastPassAt ?? 0) >= turn.state.bootAt) return [];',
    by: 'return [];',
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'passes from before a cancelled raise count',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/writes.ts',
    text: 'if (rollout.held.weight < 100) rollout.frozenAt = null;\n  restartPasses(rollout);',
    by: 'if (rollout.held.weight < 100) rollout.frozenAt = null;',
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'at 100 stable is asked as it is now, without traffic',
    guards: RISES_ON_EVIDENCE,
    file: 'src/core/needs.ts',
    text: "one('stable', rollout.frozenAt)",
    by: "one('stable', null)",
    tests: ['test/core/needs.test.ts'],
  },
];

const VERDICTS: readonly Mutant[] = [
  {
    name: 'no data is a pass',
    guards: CLASSES_DIFFER,
    file: 'src/core/judge.ts',
    text: "if (canary.kind === 'noData') return verdict('noData',",
    by: "if (canary.kind === 'noData') return verdict('pass',",
    tests: ['test/core/judge.test.ts'],
  },
  {
    name: 'an error is a fail: an outage of Prometheus rolls back',
    guards: CLASSES_DIFFER,
    file: 'src/core/judge.ts',
    text: "if (canary.kind === 'error') return verdict('error', canary.detail)",
    by: "if (canary.kind === 'error') return verdict('fail', canary.detail)",
    tests: ['test/core/judge.test.ts'],
  },
  {
    name: 'a handful of requests is judged',
    guards: CLASSES_DIFFER,
    file: 'src/core/judge.ts',
    text: 'if (seen === null || seen >= needed) return null;',
    by: 'if (seen !== undefined) return null;',
    tests: ['test/core/judge.test.ts'],
  },
  {
    name: 'a pass does not stop the stopwatch of `for`',
    guards: CLASSES_DIFFER,
    file: 'src/core/evidence.ts',
    text: "case 'pass':\n      resetStopwatch(state);",
    by: "case 'pass':",
    tests: ['test/core/evidence.test.ts'],
  },
  {
    name: 'failureLimit counts every look of a window',
    guards: CLASSES_DIFFER,
    file: 'src/core/evidence.ts',
    text: 'at - lastFailureCountedAt >= metric.windowMs',
    by: 'at > lastFailureCountedAt',
    tests: ['test/core/evidence.test.ts'],
  },
  {
    name: 'an answer in a batch goes to another name',
    guards: CLASSES_DIFFER,
    file: 'src/metrics/batch.ts',
    text: 'doubted(readings[place] ??',
    by: 'doubted(readings[batch.units.length - 1 - place] ??',
    tests: ['test/metrics/batch.test.ts'],
  },
  {
    name: 'a partial answer is a value',
    guards: CLASSES_DIFFER,
    file: 'src/metrics/batch.ts',
    text: "if (warning === undefined || reading.kind === 'error') return reading;",
    by: "if (warning === undefined || reading.kind !== 'noData') return reading;",
    tests: ['test/metrics/batch.test.ts'],
  },
  {
    name: 'the step comes before the look: a fail loses against an approval',
    guards: ROLLBACK_FIRST,
    file: 'src/core/decide.ts',
    text: '    takeLook(turn);',
    by: '    advance(turn);\n    takeLook(turn);',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a critical metric is as patient as the others',
    guards: ROLLBACK_FIRST,
    file: 'src/core/verdicts.ts',
    text: 'if (!metric.critical && !verdict.guard) continue;',
    by: 'if (!verdict.guard) continue;',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'the guard waits like any failure',
    guards: ROLLBACK_FIRST,
    file: 'src/core/verdicts.ts',
    text: 'if (!metric.critical && !verdict.guard) continue;',
    by: 'if (!metric.critical) continue;',
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'the guard is off',
    guards: ROLLBACK_FIRST,
    file: 'src/core/judge.ts',
    text: 'canary.value > stable.value + GUARD_DELTA',
    by: 'canary.value > Infinity',
    tests: ['test/core/judge.test.ts'],
  },
];

const STEPS: readonly Mutant[] = [
  {
    name: 'a step is left out',
    guards: ONE_STEP,
    file: 'src/core/gates.ts',
    text: 'else raise(turn, rollout, rollout.stepIndex + 1, next);',
    by: 'else raise(turn, rollout, rollout.stepIndex + 2, steps[rollout.stepIndex + 2] ?? next);',
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'a weight rises while the live rule cannot be read',
    guards: ONE_STEP,
    file: 'src/core/gates.ts',
    text: "  if (live.kind === 'unknown') return [reasonOf('unread', live.detail)];\n  if (!turn.recognized) return",
    by: "  if (live.kind !== 'unknown' && !turn.recognized) return",
    tests: ['test/core/looks.test.ts'],
  },
  {
    name: 'a weight rises over a document that is not what we know',
    guards: ONE_STEP,
    file: 'src/core/gates.ts',
    text: 'if (!turn.recognized) return',
    by: "if (live.kind === 'absent' && !turn.recognized) return",
    tests: ['test/core/late-writes.test.ts'],
  },
  {
    name: 'a step goes up while another is not read back',
    guards: ONE_STEP,
    file: 'src/core/gates.ts',
    text: '  if (intent !== null) {\n    return',
    by: "  if (intent?.direction === 'lower') {\n    return",
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'a rollout is promoted before its mark is read back',
    guards: ONE_STEP,
    file: 'src/core/decide.ts',
    text: '!turn.promotionSeen) return;',
    by: "!(turn.promotionSeen || state.intent?.purpose === 'promoted')) return;",
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'a passed deadline without any failure is a failure',
    guards: TIME,
    file: 'src/core/gates.ts',
    text: 'if (rollout.held.failedSinceBake) fail(',
    by: 'if (rollout.held.stalledMs > 0) fail(',
    tests: ['test/core/not-knowing.test.ts'],
  },
  {
    name: 'the progress clock runs in pauses',
    guards: TIME,
    file: 'src/core/follow.ts',
    text: "    state.phase === 'Progressing' &&\n",
    by: '',
    tests: ['test/core/not-knowing.test.ts'],
  },
  {
    name: 'the progress clock runs in outages',
    guards: TIME,
    file: 'src/core/follow.ts',
    text: ' &&\n    !isOutage(turn, rollout)',
    by: '',
    tests: ['test/core/not-knowing.test.ts'],
  },
  {
    name: 'a jump of the wall clock shortens a bake',
    guards: TIME,
    file: 'src/core/follow.ts',
    text: 'const elapsedMs = Math.max(0, input.elapsedMs ?? 0);',
    by: 'const elapsedMs = Math.max(0, now - input.state.decidedAt);',
    tests: ['test/core/clock-jump.test.ts'],
  },
  {
    name: 'looks from before a clock jump are evidence',
    guards: TIME,
    file: 'src/core/follow.ts',
    text: 'if (isJump || rollout.held.verifiedAt > now) restartHeld',
    by: 'if (rollout.held.verifiedAt > now) restartHeld',
    tests: ['test/core/clock-jump.test.ts'],
  },
  {
    name: 'what a promotion leaves out is not recorded',
    guards: EXEMPTIONS,
    file: 'src/core/gates.ts',
    text: 'if (rollout.promote !== null && !isProven) exempt',
    by: 'if (rollout.promote !== null && isProven) exempt',
    tests: ['test/core/promote.test.ts'],
  },
  {
    name: 'an exemption goes over a failing metric',
    guards: EXEMPTIONS,
    file: 'src/core/missing.ts',
    text: 'if (failing.length > 0) return',
    by: 'if (failing.length > Infinity) return',
    tests: ['test/core/promote.test.ts', 'test/core/not-knowing.test.ts'],
  },
  {
    name: 'an approval outlives an edit of the file',
    guards: EXEMPTIONS,
    file: 'src/core/gates.ts',
    text: 'findLast(({ specHash }) => isHashOf(turn.spec, rollout, specHash))',
    by: 'findLast(({ specHash }) => specHash !== null)',
    tests: ['test/core/edits.test.ts'],
  },
  {
    name: 'a rollout under way takes the new default of the judge',
    guards: EXEMPTIONS,
    file: 'src/core/default-judge.ts',
    text: 'rollout === null || rollout.defaultJudge !== undefined',
    by: 'rollout === null || rollout.defaultJudge === undefined',
    tests: ['test/controller/earlier-default.test.ts'],
  },
  {
    name: 'an upgrade takes approvals back',
    guards: EXEMPTIONS,
    file: 'src/core/default-judge.ts',
    text: 'known === hash || (known === earlier?.hash && rollout?.defaultJudge === undefined)',
    by: 'known === hash || (known === earlier?.hash && rollout === null)',
    tests: ['test/controller/earlier-default.test.ts'],
  },
];

const WRITING: readonly Mutant[] = [
  {
    name: 'a raise that is not seen is written again',
    guards: WRITES,
    file: 'src/core/pursue.ts',
    text: "if (intent.direction === 'raise') cancelRaise(turn, intent, why);",
    by: "if (intent.direction === 'raise') writeAgain(turn, intent);",
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'a cancelled raise is not withdrawn',
    guards: WRITES,
    file: 'src/core/writes.ts',
    text: 'rollout.withdrawDue = true;',
    by: 'rollout.withdrawDue = false;',
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'a yes of the server verifies a weight',
    guards: WRITES,
    file: 'src/core/drift.ts',
    text: 'if (intent !== null && isIntentLive(turn, intent)) {',
    by: "if (intent !== null && (isIntentLive(turn, intent) || turn.input.seen.publish?.result === 'accepted')) {",
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'a lagging read proves after a crash that nothing was written',
    guards: WRITES,
    file: 'src/core/pursue.ts',
    text: 'return now - state.unchangedSince >= UNCHANGED_MS;',
    by: 'return now >= state.unchangedSince;',
    tests: ['test/core/write-protocol.test.ts'],
  },
  {
    name: 'a rollback ends without a write',
    guards: WRITES,
    file: 'src/core/ending.ts',
    text: 'if (!rollout.written || isAtZero(turn, rollout, isInFlight)) {',
    by: 'if (rollout.written || isAtZero(turn, rollout, isInFlight)) {',
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'a lowering to 0 waits for a read',
    guards: LOWERING_IS_EASY,
    file: 'src/core/pursue.ts',
    text: "return to === 0 || (live.kind === 'rule' && effectiveWeight(live.rule) >= to);",
    by: "return live.kind === 'rule' && effectiveWeight(live.rule) >= to;",
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'a lowering to more than 0 is written blindly',
    guards: LOWERING_IS_EASY,
    file: 'src/core/pursue.ts',
    text: "return to === 0 || (live.kind === 'rule' && effectiveWeight(live.rule) >= to);",
    by: "return to >= 0 || (live.kind === 'rule' && effectiveWeight(live.rule) >= to);",
    tests: ['test/core/late-writes.test.ts'],
  },
  {
    name: 'a lowering is written over a document that was deleted',
    guards: LOWERING_IS_EASY,
    file: 'src/core/absence.ts',
    text: "cancelMoot(turn, 0, 'the document was deleted');",
    by: '',
    tests: ['test/core/late-writes.test.ts'],
  },
  {
    name: 'a raise is written over a rule that was not read',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/apply.ts',
    text: 'if (expectMd5 === null && !mayBeBlind(intent)) {',
    by: "if (expectMd5 === '' && !mayBeBlind(intent)) {",
    tests: ['test/controller/apply.test.ts'],
  },
  {
    name: 'a raise whose compare failed is written blindly',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/apply.ts',
    text: "return report.result === 'conflict' && mayBeBlind(intent) ?",
    by: "return report.result === 'conflict' ?",
    tests: ['test/controller/apply.test.ts'],
  },
  {
    name: 'a rollback whose compare failed is not written blindly',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/apply.ts',
    text: "return report.result === 'conflict' && mayBeBlind(intent) ?",
    by: "return report.result === 'failed' && mayBeBlind(intent) ?",
    tests: ['test/controller/apply.test.ts'],
  },
  {
    name: 'a document that was deleted is written over what stands there by now',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/apply.ts',
    text: " && purpose !== 'recreate'",
    by: '',
    tests: ['test/controller/apply.test.ts'],
  },
  {
    name: 'the second write of a rollback does not ask who leads',
    guards: SAVED_FIRST,
    file: 'src/controller/apply.ts',
    text: 'if (!mayWrite())',
    by: 'if (guard !== null && !mayWrite())',
    tests: ['test/controller/apply.test.ts'],
  },
  {
    name: 'a command waits until a raise is read back',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/reconcile.ts',
    text: "if (intent.direction !== 'lower' || intent.to > 0) {",
    by: "if (intent.direction === 'lower' && intent.to > 0) {",
    tests: ['test/controller/news.test.ts'],
  },
  {
    name: 'what an edited query measured before the edit counts',
    guards: RISES_ON_EVIDENCE,
    file: 'src/controller/reconcile.ts',
    text: 'if (asked.spec.hash !== spec.hash) return false;',
    by: '',
    tests: ['test/controller/edits-in-flight.test.ts'],
  },
  {
    name: 'a rollback waits for a slow router',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/observe.ts',
    text: 'clock.after(graceMs, () => resolve(null))',
    by: 'clock.after(3_600_000, () => resolve(null))',
    tests: ['test/controller/controller.test.ts'],
  },
  {
    name: 'the write comes before its commit',
    guards: SAVED_FIRST,
    file: 'src/controller/reconcile.ts',
    text: '    const decision = await commit(',
    by: `    if (wanted.publish && wanted.state.intent !== null) {
      await carryOut(deps, entry, wanted.state, wanted.state.intent);
    }
    const decision = await commit(`,
    tests: ['test/controller/commit.test.ts'],
  },
  {
    name: 'a raise that could not be saved is carried out',
    guards: SAVED_FIRST,
    file: 'src/controller/commit.ts',
    text: "intent.direction === 'lower');",
    by: "intent.direction !== 'hold');",
    tests: ['test/controller/commit.test.ts'],
  },
  {
    name: 'a decision that could not be saved takes its counted failures with it',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/commit.ts',
    text: 'mayGoOnUnsaved(wanted) ? wanted : decideUnsaved(trouble);',
    by: 'mayGoOnUnsaved(wanted) ? wanted : wanted;',
    tests: ['test/controller/commit.test.ts'],
  },
  {
    name: 'a locked database keeps a new leader from leading',
    guards: LOWERING_IS_EASY,
    file: 'src/controller/leader.ts',
    text: "['STORE_FULL', 'STORE_LOCKED']",
    by: "['STORE_FULL']",
    tests: ['test/controller/leader.test.ts'],
  },
  {
    name: 'each write waits for a lock that another program keeps',
    guards: LOWERING_IS_EASY,
    file: 'src/store/patience.ts',
    text: "db.pragma('busy_timeout = 0');",
    by: '',
    tests: ['test/controller/commit.test.ts'],
  },
  {
    name: 'a raise is withdrawn by a write that cannot be saved',
    guards: SAVED_FIRST,
    file: 'src/core/writes.ts',
    text: ' || input.unsavable !== undefined)\n    return;',
    by: ')\n    return;',
    tests: ['test/core/unsavable.test.ts'],
  },
  {
    name: 'a command that the journal has taken is taken again',
    guards: SAVED_FIRST,
    file: 'src/controller/takeover.ts',
    text: 'commands.filter(({ id }) => !taken.has(id))',
    by: '[...commands]',
    tests: ['test/controller/takeover.test.ts'],
  },
  {
    name: 'an unsaved rollback is not kept in the journal',
    guards: SAVED_FIRST,
    file: 'src/controller/commit.ts',
    text: 'const isKept = deps.journal.append(whole);',
    by: 'const isKept = false;',
    tests: ['test/controller/commit.test.ts'],
  },
  {
    name: 'whoever lost the lead goes on saving',
    guards: SAVED_FIRST,
    file: 'src/store/fence.ts',
    text: 'if (current !== own) {',
    by: 'if (current < own) {',
    tests: ['test/store/decisions.test.ts'],
  },
  {
    name: 'whoever lost the lead during a commit still writes',
    guards: SAVED_FIRST,
    file: 'src/controller/apply.ts',
    text: 'if (!mayWrite())',
    by: 'if (guard === null && !mayWrite())',
    tests: ['test/controller/controller.test.ts'],
  },
];

const OTHERS: readonly Mutant[] = [
  {
    name: 'a weight that someone lowered is raised again',
    guards: FOREIGN_HANDS,
    file: 'src/core/drift.ts',
    text: 'pauseForLower(turn, `the weight was lowered',
    by: 'correct(turn, rule, known.canaryWeight);\n    String(`the weight was lowered',
    tests: ['test/core/drift.test.ts'],
  },
  {
    name: 'a weight that someone raised is kept',
    guards: FOREIGN_HANDS,
    file: 'src/core/drift.ts',
    text: '    correct(turn, rule, ',
    by: "    keepEdit(turn, 'the weight was raised', ",
    tests: ['test/core/drift.test.ts'],
  },
  {
    name: 'a rule that someone disabled is no reason to stop',
    guards: FOREIGN_HANDS,
    file: 'src/core/drift.ts',
    text: 'if (!rule.enabled && known.enabled) {',
    by: 'if (!rule.enabled && !known.enabled) {',
    tests: ['test/core/drift.test.ts'],
  },
  {
    name: 'the document of another controller is written over',
    guards: FOREIGN_HANDS,
    file: 'src/core/drift.ts',
    text: 'if (owner !== undefined && owner !== turn.input.controller) {',
    by: "if (owner === '' && owner !== turn.input.controller) {",
    tests: ['test/core/foreign-controller.test.ts'],
  },
  {
    name: 'a raise that lands late is kept',
    guards: FOREIGN_HANDS,
    file: 'src/core/late-writes.ts',
    text: 'if (share > wanted) lowerLate(turn, rule, wanted);',
    by: 'if (share > wanted) accept(turn);',
    tests: ['test/core/late-writes.test.ts'],
  },
  {
    name: 'a cancelled raise is adopted whenever it lands',
    guards: FOREIGN_HANDS,
    file: 'src/core/late-writes.ts',
    text: 'turn.now - own.cancelledAt <= ADOPT_MS',
    by: 'turn.now >= own.cancelledAt',
    tests: ['test/core/late-writes.test.ts'],
  },
  {
    name: 'a deleted document is written again in the middle of a rollout',
    guards: FOREIGN_HANDS,
    file: 'src/core/absence.ts',
    text: 'if (rollout === null) recreate(turn);',
    by: 'recreate(turn);',
    tests: ['test/core/drift.test.ts'],
  },
  {
    name: 'onDelete: retain rolls back',
    guards: REMOVALS,
    file: 'src/core/safety.ts',
    text: "} else if (canary.strategy.onDelete === 'rollback') {",
    by: "} else if (canary.strategy.onDelete !== '') {",
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'onDelete: rollback leaves the weight where it is',
    guards: REMOVALS,
    file: 'src/core/safety.ts',
    text: "} else if (canary.strategy.onDelete === 'rollback') {",
    by: "} else if (canary.strategy.onDelete === '') {",
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'a file that one scan misses is gone',
    guards: REMOVALS,
    file: 'src/core/turn.ts',
    text: "return file === 'gone' || (",
    by: "return file !== 'present' || (",
    tests: ['test/core/outcomes.test.ts'],
  },
  {
    name: 'an emptied directory ends every rollout',
    guards: REMOVALS,
    file: 'src/controller/removals.ts',
    text: 'return isOver && massDeletion === null ?',
    by: 'return isOver ?',
    tests: ['test/controller/removals.test.ts'],
  },
];

/** Where the text of a mutant stands in its file: once, or it is out of date. */
export function placesOf({ text }: Mutant, content: string): number {
  return content.split(text).length - 1;
}

export const MUTANTS: readonly Mutant[] = [
  ...EVIDENCE,
  ...VERDICTS,
  ...STEPS,
  ...WRITING,
  ...OTHERS,
  ...ACCESS,
  ...CLIENT,
  ...COUNTERS,
  ...JUDGE,
  ...POINTS,
  ...BUDGET,
  ...STREAM,
  ...WEBHOOKS,
];
