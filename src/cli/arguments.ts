/** Reading what is written after a flag: the value, or a sentence about what it must be. */
import { InvalidArgumentError } from 'commander';
import { CanaryPattern } from '../access/tokens.ts';
import { parseDuration } from '../lib/duration.ts';
import { didYouMean } from '../lib/text.ts';
import { parseExpiry } from './commands/token.ts';
import { WAIT_TARGETS } from './commands/wait.ts';
import { DEFAULT_SERVER, httpUrl } from './connection.ts';

export function parsePattern(text: string): string {
  const pattern = CanaryPattern.safeParse(text);
  if (!pattern.success) throw new InvalidArgumentError(`It ${pattern.error.issues[0]?.message}.`);
  return pattern.data;
}

export function parseEnd(text: string, now: number): number {
  const at = parseExpiry(text, now);
  if (at === null) throw new InvalidArgumentError('It must be a duration such as 90d, or a time.');
  return at;
}

export function parseServer(text: string): URL {
  const url = httpUrl(text);
  if (url !== null) return url;
  throw new InvalidArgumentError(`It must be an http or https address, such as ${DEFAULT_SERVER}.`);
}

export function parseEvent(text: string): string {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return text;
}

export function parseTarget(text: string): string {
  if (WAIT_TARGETS.includes(text)) return text;
  throw new InvalidArgumentError(`It must be an outcome or a phase.${didYouMean(text, WAIT_TARGETS)}`);
}

export function parseTimeout(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It must be a duration, such as 30m or 1h30m.');
  return ms;
}
