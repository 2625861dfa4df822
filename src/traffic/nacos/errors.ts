/** Every way in which talking to Nacos can fail, each with its meaning and what a person does next. */

/** `meaning` begins the sentence that people read, `next` ends it. */
export const NACOS_CODES = {
  NACOS_AUTH: {
    meaning: 'the login failed',
    next: 'check CANARY_NACOS_USERNAME and CANARY_NACOS_PASSWORD',
  },
  NACOS_FORBIDDEN: {
    meaning: 'the server refused access',
    next: 'set CANARY_NACOS_USERNAME and CANARY_NACOS_PASSWORD to a user who may read and write this document',
  },
  NACOS_CONFLICT: {
    meaning: 'the document is not the one that was to be replaced',
    next: 'see who else writes it; nothing was overwritten',
  },
  NACOS_BUSY: {
    meaning: 'the server is taking in a change of this document',
    next: 'wait, it will be asked again',
  },
  NACOS_BETA: {
    meaning: 'a beta variant hides the document from this host',
    next: 'stop the beta of this document in the Nacos console',
  },
  NACOS_NOT_NACOS: {
    meaning: 'the answer is not one of the Nacos API that is spoken here',
    next: 'check the address, its context path (usually /nacos) and --nacos-api',
  },
  NACOS_GONE: {
    meaning: 'the server has switched this API off (410)',
    next: 'use --nacos-api auto or v3',
  },
  NACOS_TLS: {
    meaning: 'the certificate of the server is not trusted',
    next: 'give the certificate of its issuer with --nacos-ca',
  },
  NACOS_UNAVAILABLE: {
    meaning: 'the server cannot be reached',
    next: 'check that Nacos runs and that the address is right',
  },
  NACOS_TIMEOUT: {
    meaning: 'the server did not answer in time',
    next: 'look at the load of Nacos and at the network',
  },
  NACOS_REJECTED: {
    meaning: 'the server does not take this request',
    next: 'check namespace, group, dataId and the size of the document',
  },
  NACOS_FAILED: {
    meaning: 'the server failed',
    next: 'look into the log of Nacos',
  },
  NACOS_ABORTED: {
    meaning: 'the request was ended before an answer came',
    next: 'nothing is to be done',
  },
} as const satisfies Readonly<Record<string, { readonly meaning: string; readonly next: string }>>;

export type NacosCode = keyof typeof NACOS_CODES;

/** A failed exchange with Nacos. Its message is for people, holds no secret, and says what to do next. */
export class NacosError extends Error {
  readonly code: NacosCode;
  /** The message without its general beginning and end. */
  readonly particulars: string;
  constructor(code: NacosCode, particulars: string) {
    const { meaning, next } = NACOS_CODES[code];
    super(`${meaning}: ${particulars}; ${next}`);
    this.name = 'NacosError';
    this.code = code;
    this.particulars = particulars;
  }
}

/** Failures that say that this server, as it was probed, is of no use for anyone at the moment. */
const SERVER_IS_LOST: ReadonlySet<NacosCode> = new Set([
  'NACOS_UNAVAILABLE',
  'NACOS_TIMEOUT',
  'NACOS_TLS',
  'NACOS_NOT_NACOS',
  'NACOS_GONE',
]);

/** True when the server must be probed again before anything else is asked of it. */
export function isServerLost(code: NacosCode): boolean {
  return SERVER_IS_LOST.has(code);
}

/** Failures after which nothing was written and asking again at once is useless. */
const DENIALS: ReadonlySet<NacosCode> = new Set([
  'NACOS_AUTH',
  'NACOS_FORBIDDEN',
  'NACOS_BETA',
  'NACOS_NOT_NACOS',
  'NACOS_GONE',
  'NACOS_TLS',
  'NACOS_REJECTED',
]);

export function isDenial(code: NacosCode): boolean {
  return DENIALS.has(code);
}
