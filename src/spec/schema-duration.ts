/** Durations as users write them in the document of `schema.ts`; they come out in milliseconds. */
import { z } from 'zod';
import { parseDuration } from '../lib/duration.ts';

const DURATION_HINT = 'a duration such as 30s, 5m or 1h30m';

/** For editors only; `parseDuration` decides. */
const DURATION_PATTERN = '^(0|(?=\\d)(\\d+y)?(\\d+w)?(\\d+d)?(\\d+h)?(\\d+m)?(\\d+s)?(\\d+ms)?)$';

/** A Prometheus duration, at least `minMs`; the number 0 is allowed without a unit. */
export function duration(minMs: number, minText: string) {
  return z
    .union([z.string().meta({ pattern: DURATION_PATTERN, examples: ['30s', '5m', '1h30m'] }), z.literal(0)])
    .transform((text, context) => {
      const ms = text === 0 ? 0 : parseDuration(text);
      if (ms !== null && ms >= minMs) return ms;
      const message = ms === null ? `must be ${DURATION_HINT}` : `must be at least ${minText}`;
      context.issues.push({ code: 'custom', input: text, message, params: { isRange: ms !== null } });
      return z.NEVER;
    });
}

export const anyDuration = () => duration(0, '0s');
