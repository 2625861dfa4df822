/** Keeps secrets out of text that came from outside: answers of servers and messages of libraries. */

const MASK = '***';
/** Tokens of the default Nacos auth plugin are JSON Web Tokens: masked also when nobody told us of them. */
const WEB_TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/g;
const EXCERPT_LENGTH = 160;

export type Redact = (text: string) => string;

export interface Secrets {
  /** Masks every known secret, in any encoding in which it travels, and everything that looks like a token. */
  readonly redact: Redact;
  add(secret: string): void;
  forget(secret: string): void;
}

export function createSecrets(): Secrets {
  const known = new Set<string>();
  return {
    redact(text) {
      let masked = text.replace(WEB_TOKEN, MASK);
      // The longest first: one spelling may be part of another.
      const spellings = [...known].flatMap(spellingsOf).sort((left, right) => right.length - left.length);
      for (const spelling of spellings) masked = masked.replaceAll(spelling, MASK);
      return masked;
    },
    add(secret) {
      if (secret !== '') known.add(secret);
    },
    forget(secret) {
      known.delete(secret);
    },
  };
}

function spellingsOf(secret: string): string[] {
  return [
    secret,
    new URLSearchParams({ secret }).toString().slice('secret='.length),
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    Buffer.from(secret, 'utf8').toString('base64'),
  ];
}

/** The beginning of a foreign text on one line, masked and in quotes. */
export function excerpt(text: string, redact: Redact): string {
  const line = redact(text).replace(/\s+/g, ' ').trim();
  if (line === '') return 'an empty answer';
  return line.length > EXCERPT_LENGTH ? `"${line.slice(0, EXCERPT_LENGTH)}…"` : `"${line}"`;
}
