/** What a simulation went through, in words. */
import { roughDuration } from '../../src/lib/text.ts';
import type { WorldReport } from './world.ts';

export function reportOf(worlds: readonly WorldReport[], seconds: number): string {
  const ticks = sum(worlds.map((world) => world.ticks));
  const virtualMs = sum(worlds.map((world) => world.virtualMs));
  const rate = Math.round(ticks / seconds);
  const seeds = worlds.map(({ seed }) => seed);
  const lines = [
    `seeds ${seeds[0]} to ${seeds.at(-1)}, ${ticks} ticks, ${roughDuration(virtualMs)} of virtual time, ${rate} ticks/s`,
    `violations: ${worlds.filter(({ violation }) => violation !== null).length}`,
    '',
  ];
  const total = new Map<string, number>();
  for (const { tally } of worlds) {
    for (const [name, some] of Object.entries(tally)) {
      const before = total.get(name) ?? 0;
      total.set(name, name.startsWith('most ') ? Math.max(before, some) : before + some);
    }
  }
  for (const [name, some] of [...total].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push(`${String(some).padStart(9)}  ${name}`);
  }
  return lines.join('\n');
}

export function violationText({ seed, violation }: WorldReport): string {
  if (violation === null) return '';
  return [
    ...violation.trace,
    '',
    `VIOLATION at tick ${violation.tick} of seed ${seed}: ${violation.what}`,
    `again: npm run -s simtest -- --seed ${seed} --ticks 1 --trace`,
  ].join('\n');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
