/** The demo's output: plain aligned text, with a little color where a terminal wants it (NO_COLOR is respected). */
import { styleText } from 'node:util';
import type { EventView } from '../../src/view/schemas.ts';
import { RELEASES } from './releases.ts';
import type { CountedSplit } from './splits.ts';
import { COVERAGE } from './splits.ts';
import { differences, type Ending, outcomeText, servedBy } from './verdicts.ts';
import type { World } from './world.ts';

type Style = Parameters<typeof styleText>[0];

const NAME_WIDTH = Math.max(...RELEASES.map(({ service }) => service.length));
const WEIGHT_WIDTH = '50 -> 100 %'.length;
const PHASE_WIDTH = 'Initializing'.length;

/** Styles only what a terminal shows; what `styleText` decides depends on stdout, NO_COLOR and FORCE_COLOR. */
function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

export function say(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function sayHeadline(text: string): void {
  say(`\n${paint('bold', text)}`);
}

export function sayReleases(): void {
  const pairs = RELEASES.map(({ stable, canary }) => `${stable} -> ${canary}`);
  const width = Math.max(...pairs.map((pair) => pair.length));
  for (const [index, { service, about }] of RELEASES.entries()) {
    say(`  ${service.padEnd(NAME_WIDTH)}  ${pairs[index]?.padEnd(width)}  ${about}`);
  }
}

export function sayAddresses(world: World): void {
  say(`  Nacos        ${world.nacos}   (development server)`);
  say(`  Prometheus   ${world.prometheus}`);
  say(`  gateway      ${world.gateway}   (try ${world.gateway}/${RELEASES[0]?.service}/)`);
  for (const { service, version, url } of world.instances)
    say(`    ${`${service} ${version}`.padEnd(18)} ${url}`);
  say(`  controller   ${world.controller}`);
}

export interface Row {
  /** Since the timeline began. */
  readonly elapsedMs: number;
  readonly canary: string;
  /** Percent before and after; null: not known. */
  readonly from: number | null;
  readonly to: number | null;
  readonly phase: string;
  readonly reason: string;
  readonly style: Style | undefined;
}

export function sayTimelineHead(): void {
  const columns = ['time'.padEnd(5), 'canary'.padEnd(NAME_WIDTH), 'weight'.padStart(WEIGHT_WIDTH)];
  say(paint('dim', `  ${columns.join('  ')}  ${'phase'.padEnd(PHASE_WIDTH)}  reason`));
}

export function sayRow({ elapsedMs, canary, from, to, phase, reason, style }: Row): void {
  const change = from === null || from === to ? '' : `${from} -> `;
  const weight = to === null ? '' : `${change}${to} %`;
  const columns = [clock(elapsedMs), canary.padEnd(NAME_WIDTH), weight.padStart(WEIGHT_WIDTH)];
  const state = phase.padEnd(PHASE_WIDTH);
  say(`  ${columns.join('  ')}  ${style === undefined ? state : paint(style, state)}  ${reason}`);
}

/** Color for what a reader looks for: what went up, what went down, what stands still. */
export function styleOf({ type, facts }: EventView): Style | undefined {
  if (type === 'RollbackStarted' || facts['outcome'] === 'RolledBack') return 'red';
  if (type === 'WeightVerified' || facts['outcome'] === 'Promoted') return 'green';
  return type === 'Paused' ? 'yellow' : undefined;
}

export function saySplits(endings: readonly Ending[]): void {
  say(paint('dim', `  ${'canary'.padEnd(NAME_WIDTH)}  weight  requests  to canary    share  interval`));
  for (const { release, splits } of endings) {
    for (const split of splits) say(`  ${release.service.padEnd(NAME_WIDTH)}  ${splitText(split)}`);
  }
  say(`  A gateway that splits by the weight stays inside of the interval in ${COVERAGE * 100} % of cases.`);
}

function splitText({ weight, requests, toCanary, expected, fits }: CountedSplit): string {
  if (requests === 0)
    return `${`${weight} %`.padStart(6)}  ${'0'.padStart(8)}  ${paint('dim', 'no traffic')}`;
  const share = `${((100 * toCanary) / requests).toFixed(1)} %`;
  const interval = `${expected.low} to ${expected.high}`;
  return (
    `${`${weight} %`.padStart(6)}  ${String(requests).padStart(8)}  ${String(toCanary).padStart(9)}  ` +
    `${share.padStart(7)}  ${interval.padEnd(14)}  ${fits ? paint('green', 'inside') : paint('red', 'OUTSIDE')}`
  );
}

export function sayFailures(endings: readonly Ending[]): void {
  for (const { release, last } of endings) {
    const counts = [release.stable, release.canary].map((version) => {
      const { total, failed } = servedBy(last, version);
      return `${version} failed ${failed} of ${total}`;
    });
    say(`  ${release.service.padEnd(NAME_WIDTH)}  ${counts.join(', ')}`);
  }
}

export function sayOutcomes(endings: readonly Ending[]): void {
  const rows = endings.map((ending) => ({
    service: ending.release.service,
    expected: ending.release.expected.text,
    got: outcomeText(ending),
    mark: differences(ending).length === 0 ? paint('green', 'ok') : paint('red', 'DIFFERENT'),
  }));
  const expectedWidth = Math.max(...rows.map(({ expected }) => expected.length));
  const gotWidth = Math.max(...rows.map(({ got }) => got.length));
  say(paint('dim', `  ${'canary'.padEnd(NAME_WIDTH)}  ${'expected'.padEnd(expectedWidth)}  got`));
  for (const { service, expected, got, mark } of rows) {
    say(
      `  ${service.padEnd(NAME_WIDTH)}  ${expected.padEnd(expectedWidth)}  ${got.padEnd(gotWidth)}  ${mark}`,
    );
  }
}

export function sayNextSteps({ controller, gateway, prometheus, canaries, instances }: World): void {
  const bad = RELEASES.find(({ failureShare }) => failureShare > 0);
  const idle = RELEASES.find(({ perSecond }) => perSecond === 0);
  const sick = instances.find(({ service, version }) => service === bad?.service && version === bad?.canary);
  const cli = (words: string) => say(`  npm run -s canary -- ${words} --server ${controller}`);
  cli('list');
  cli(`explain ${bad?.service}`);
  cli(`history ${bad?.service}`);
  say(paint('dim', `  # heal the bad release and let it try again`));
  say(`  curl -X PUT '${sick?.url}/-/behavior?failureShare=0'`);
  cli(`retry ${bad?.service} --reason healed`);
  say(paint('dim', `  # give the idle service some visitors: it goes on by itself`));
  say(`  seq 10000 | xargs -P 4 -I {} curl -s -o /dev/null -H 'x-user-id: {}' ${gateway}/${idle?.service}/`);
  say(paint('dim', '  # what the controller sees'));
  say(
    `  curl -s -G ${prometheus}/api/v1/query --data-urlencode 'query=sum by (job,version,code) (http_requests_total)'`,
  );
  say(paint('dim', `  # release something yourself: edit a revision in ${canaries}`));
}

export function sayProblems(problems: readonly string[]): void {
  for (const problem of problems) say(`  ${paint('red', '-')} ${problem}`);
}

export function sayResult(isGood: boolean, text: string): void {
  say(`\n${paint(isGood ? 'green' : 'red', text)}`);
}

function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
