/** Problems in words of the command line: the controller's are also for those who send requests. */
import type { Problem } from '../view/schemas.ts';

const HELP = '`canary COMMAND --help` shows what it takes';
const VERSIONS = 'check --server and that both sides have the same version';

/** By the code of the problem, where a command or a flag says all of it. */
const HINTS: Readonly<Record<string, string>> = {
  INVALID_BODY: HELP,
  INVALID_QUERY: HELP,
  BODY_TOO_LARGE: 'give a shorter --reason',
  TOKEN_MISSING: '--token-file or CANARY_TOKEN_FILE names the file that holds yours',
  FOREIGN_HOST: '--server takes an address like http://127.0.0.1:5001 or http://localhost:5001',
  NO_SUCH_ROUTE: VERSIONS,
  METHOD_NOT_ALLOWED: VERSIONS,
  STANDBY: '--server or CANARY_SERVER must name the leader: /leaderz answers 200 on it alone',
  AHEAD_OF_LOG:
    'the database was begun anew or restored: forget the number, and begin without --after or with --after 0',
  TOO_MANY_REQUESTS:
    'ask again in a few seconds, and less often; CANARY_RATE_LIMIT of the controller sets how often',
  TOO_MANY_READERS: 'try again later, or ask `canary events` without -f from time to time',
};

/** Words in the hints of the other codes. */
const WORDS: readonly (readonly [RegExp, string])[] = [
  [/, or GET \/api\/v1\/canaries,/, ''],
  [/GET \/api\/v1\/events\?canary=(\S+)/, '`canary events --canary $1 -o json`'],
  [/\bwith restart: true/, 'with --restart'],
  [/\bwith force\b/, 'with --force'],
  [/\bthe API sets/, '`canary start` sets'],
];

/** What to do next, by a command or a flag. */
export function hintOf({ code, hint }: Problem): string {
  return HINTS[code] ?? WORDS.reduce((text, [theirs, ours]) => text.replace(theirs, ours), hint);
}

/** What went wrong, with its code. A field of a request is named by the flag that gave it. */
export function detailOf({ code, detail }: Problem): string {
  return `${code}: ${code === 'INVALID_BODY' ? detail.replaceAll('canary_version', '--revision') : detail}`;
}
