/** What callers may send: query strings and bodies, with messages that name the field and say what it must be. */
import { z } from 'zod';
import { Revision } from '../spec/schema.ts';

/** Longest text that a person or pipeline may give as a reason. */
const REASON_LIMIT = 1000;

function text(limit: number) {
  return z
    .string({ error: (issue) => (issue.input === undefined ? 'is required' : 'must be a string') })
    .min(1, 'must not be empty')
    .max(limit, `must be at most ${limit} characters`);
}

/** The same rule as for `spec.revision` in a file. */
function isRevision(text: string): boolean {
  return Revision.safeParse(text).success;
}

/** The message for a body that is no object at all; everything else keeps its own. */
function objectOr(message: string) {
  return {
    error: (issue: { readonly code?: string }) => (issue.code === 'invalid_type' ? message : undefined),
  };
}

const Reason = z
  .string('must be a string')
  .max(REASON_LIMIT, `must be at most ${REASON_LIMIT} characters`)
  .default('')
  .meta({ description: 'Kept in the history' });
const Flag = z.boolean('must be true or false').default(false);

export const StartBody = z
  .strictObject(
    {
      service_name: text(253).meta({ description: 'Matches spec.service, else metadata.name' }),
      canary_version: text(128).refine(isRevision, 'must be one line of text without blanks at its ends'),
      reason: Reason,
      restart: Flag.meta({
        description:
          'Replace a rollout of another version that is under way; or try a failed version again, as `retry`',
      }),
      force: Flag.meta({
        description: 'Start although stable is in an incident; kept in the history with the actor',
      }),
      canary: text(253)
        .optional()
        .meta({ description: 'metadata.name, where several Canaries move one service' }),
    },
    objectOr('must be a JSON object with service_name and canary_version'),
  )
  .meta({ id: 'StartBody' });
export type StartBody = z.infer<typeof StartBody>;

const VerbFields = z.strictObject(
  { reason: Reason, force: Flag, full: Flag },
  objectOr('must be a JSON object, or left out'),
);

export const VerbBody = VerbFields.nullish().transform(
  (body) => body ?? { reason: '', force: false, full: false },
);
export type VerbBody = z.infer<typeof VerbBody>;

/** Who asks is a claim, kept in the history: nobody proves who he is on a loopback address. */
export const WriteHeaders = z.object({
  'x-canary-actor': z
    .string()
    .regex(/^[\x21-\x7e](?:[\x20-\x7e]{0,62}[\x21-\x7e])?$/, 'must be 1 to 64 printable ASCII characters')
    .optional()
    .meta({ description: 'Who asks; kept in the history' }),
});

export const StartHeaders = WriteHeaders.extend({
  'idempotency-key': z
    .string()
    .min(1, 'must not be empty')
    .max(255, 'must be at most 255 characters')
    .optional()
    .meta({
      description: 'A repeated request with the same key gets the first one’s answer, for a day',
    }),
});

/** The fields that each body may have, for "did you mean". */
export const START_FIELDS = Object.keys(StartBody.shape);
export const VERB_FIELDS = Object.keys(VerbFields.shape);

/** Verbs of `POST /api/v1/canaries/NAME/VERB`. */
export const VERBS = ['pause', 'resume', 'approve', 'promote', 'abort', 'retry', 'undo', 'forget'] as const;
export type Verb = (typeof VERBS)[number];

/** Which verbs know which flag: on the others a set flag is an error, not a silent nothing. */
export const FLAG_VERBS: Readonly<Record<'force' | 'full', readonly Verb[]>> = {
  force: ['promote', 'undo'],
  full: ['promote'],
};

const EventNumber = z
  .string()
  .regex(/^\d{1,15}$/, 'must be the number of an event')
  .transform(Number);

/** The most items of one page. */
export const CANARIES_LIMIT = 1000;
export const ROLLOUTS_LIMIT = 200;
export const EVENTS_LIMIT = 1000;

function pageSize(most: number, otherwise: string) {
  return z
    .string()
    .regex(/^[1-9]\d{0,3}$/, `must be a number from 1 to ${most}`)
    .transform(Number)
    .refine((limit) => limit <= most, `must be at most ${most}`)
    .optional()
    .meta({ description: `From 1 to ${most}; without it ${otherwise}` });
}

export const CanariesQuery = z.strictObject({
  after: z.string().optional().meta({ description: 'Name of the last Canary of the page before' }),
  limit: pageSize(CANARIES_LIMIT, 'all'),
});

export const ROLLOUTS_DEFAULT = 50;

export const RolloutsQuery = z.strictObject({
  after: z.string().optional().meta({ description: 'Id of the last rollout of the page before' }),
  limit: pageSize(ROLLOUTS_LIMIT, String(ROLLOUTS_DEFAULT)),
});

export const EVENTS_DEFAULT = 100;

export const EventsQuery = z.strictObject({
  canary: z.string().optional(),
  after: EventNumber.optional().meta({
    description: 'The first events after this number; without it the newest',
  }),
  limit: pageSize(EVENTS_LIMIT, String(EVENTS_DEFAULT)),
});

export const StreamQuery = z.strictObject({
  canary: z.string().optional().meta({ description: 'Only events of this Canary' }),
  after: EventNumber.optional().meta({
    description: 'Everything up to this number is known already; without it only new events come',
  }),
});

export const StreamHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{0,15}$/, 'must be the number of an event')
    .transform((text) => (text === '' ? undefined : Number(text)))
    .optional()
    .meta({ description: 'As `after`, which it overrides: sent by a reader that comes back' }),
});

export const ExplainQuery = z.strictObject({
  at: EventNumber.optional().meta({ description: 'Number of an event; without it the last decision' }),
});

export const NameParams = z.object({ name: z.string() });
export const IdParams = z.object({ id: z.string() });
export const WebhookParams = z.object({ id: EventNumber.meta({ description: 'Number of a webhook' }) });
