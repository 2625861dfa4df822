/** A secret that two sides know, as the only line of a file. */
import { err, ok, type Result } from '../lib/result.ts';

/** Shorter ones can be guessed. */
const LEAST_LENGTH = 16;

/** The error is the end of a sentence that begins with the file. */
export function parseSharedSecret(text: string): Result<string, string> {
  const secret = text.trim();
  if (secret === '') return err('is empty');
  if (/[\r\n]/.test(secret)) return err('holds more than one line');
  if (/[^\x21-\x7e]/.test(secret)) {
    return err('must hold printable ASCII without blanks, as a header can carry it');
  }
  return secret.length < LEAST_LENGTH ? err(`must hold at least ${LEAST_LENGTH} characters`) : ok(secret);
}
