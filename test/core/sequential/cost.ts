/** What one poll of one metric costs the sequential judge: `npx node test/core/sequential/cost.ts`. */
import { pollSequential } from '../../../src/core/sequential/poll.ts';
import { startSequential } from '../../../src/core/sequential/state.ts';
import { aPoll, aRule, arm, failures, seeded } from './a-rule.ts';

const POLLS = 20_000;

/** Of versions that are scraped at two times, each poll is held against two of stable. */
function microsecondsPerPoll(isApart: boolean): number {
  const rules = aRule();
  const random = seeded(1);
  const polls = Array.from({ length: 100 }, () =>
    aPoll(
      arm(75, failures(75, 0.002, random)),
      arm(675, failures(675, 0.002, random)),
      isApart ? { first: 'canary' } : {},
    ),
  );
  let state = startSequential(rules, arm(30_000, 30), 1);
  const begin = process.cpuUsage();
  for (let index = 0; index < POLLS; index += 1) {
    const poll = polls[index % polls.length];
    if (poll !== undefined) state = pollSequential(state, poll, rules).state;
  }
  const { user, system } = process.cpuUsage(begin);
  return (user + system) / POLLS;
}

for (const isApart of [false, true]) {
  microsecondsPerPoll(isApart);
  const best = Math.min(...Array.from({ length: 5 }, () => microsecondsPerPoll(isApart)));
  const how = isApart ? 'scraped at two times' : 'scraped at one time';
  process.stdout.write(`${best.toFixed(1)} microseconds per poll and metric, ${how}\n`);
}
