/**
 * Loaded with `--import` into a daemon whose clocks are to be moved: on SIGUSR2, and at its start where the file is
 * there, it reads from a file how far. Timers are left alone, as they are when a real clock is set.
 */
import { readFileSync, writeSync } from 'node:fs';
import { type Ahead, CLOCKS_VARIABLE, MOVED } from './signs.ts';

const file = process.env[CLOCKS_VARIABLE] ?? '';
const RealDate = Date;
const realMonotonic = performance.now.bind(performance);
let ahead: Ahead = { wallMs: 0, monotonicMs: 0 };

class MovedDate extends RealDate {
  static override now(): number {
    return RealDate.now() + ahead.wallMs;
  }

  constructor(...parts: readonly unknown[]) {
    super(...((parts.length === 0 ? [MovedDate.now()] : parts) as [number]));
  }
}

globalThis.Date = MovedDate as DateConstructor;
performance.now = () => realMonotonic() + ahead.monotonicMs;

function move(): void {
  ahead = JSON.parse(readFileSync(file, 'utf8')) as Ahead;
  writeSync(2, `${JSON.stringify({ msg: MOVED, ...ahead })}\n`);
}

process.on('SIGUSR2', move);
move();
