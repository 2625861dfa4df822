/**
 * What senders of alerts post, as far as it is read, and what they are answered. Everything else in a body is left
 * alone: a newer sender may say more.
 */
import { z } from 'zod';

/** Go writes nanoseconds, and the year 1 for "no time". */
const Time = z
  .string()
  .max(64)
  .refine(
    (text) => /^\d{4}-\d\d-\d\dT/.test(text) && !Number.isNaN(Date.parse(text)),
    'must be a time, RFC 3339',
  )
  .meta({ description: 'RFC 3339; the year 1 means none' });

const Labels = z.record(z.string(), z.string('must be a text'));

const Alert = z
  .object({
    status: z.enum(['firing', 'resolved'], 'must be firing or resolved'),
    labels: Labels,
    annotations: Labels.nullish(),
    startsAt: Time.nullish(),
    endsAt: Time.nullish(),
    fingerprint: z.string().nullish(),
  })
  .meta({ id: 'Alert' });
export type AlertBody = z.infer<typeof Alert>;

const Alerts = z.array(Alert, 'must be a list of alerts');

const Truncated = z.int().min(0).nullish().meta({ description: 'Alerts that the sender left out' });

/** Format version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
export const AlertmanagerBody = z
  .object(
    {
      version: z.literal('4', 'must be "4"').optional(),
      alerts: Alerts,
      truncatedAlerts: Truncated,
    },
    {
      error: (issue) =>
        issue.code === 'invalid_type' ? 'must be an Alertmanager body with alerts' : undefined,
    },
  )
  .meta({ id: 'AlertmanagerBody' });
export type AlertmanagerBody = z.infer<typeof AlertmanagerBody>;

/** Unified alerting sends what Alertmanager does, and more. */
const GrafanaUnified = z.object({ alerts: Alerts, truncatedAlerts: Truncated }).meta({ id: 'GrafanaBody' });

/** Before unified alerting: one rule with one state, and tags instead of labels. */
const GrafanaOlder = z
  .object({
    state: z.string(),
    title: z.string().default(''),
    ruleName: z.string().nullish(),
    ruleId: z.number().nullish(),
    orgId: z.number().nullish(),
    message: z.string().nullish(),
    tags: Labels.nullish(),
    alerts: z
      .never()
      .optional()
      .meta({ description: 'Makes it one of unified alerting, also where it is broken' }),
  })
  .meta({ id: 'GrafanaOlderBody' });
export type GrafanaOlderBody = z.infer<typeof GrafanaOlder>;

export const GrafanaBody = z.union([GrafanaUnified, GrafanaOlder], {
  error: (issue) => {
    const first = issue.code === 'invalid_union' && hasAlerts(issue.input) ? issue.errors[0]?.[0] : undefined;
    if (first !== undefined) return `is none of Grafana: ${first.path.join('.')} ${first.message}`;
    return 'must be a Grafana body, with alerts (each with status and labels), or with title, state and tags';
  },
});
export type GrafanaBody = z.infer<typeof GrafanaBody>;

function hasAlerts(body: unknown): boolean {
  return typeof body === 'object' && body !== null && 'alerts' in body;
}

export const WebhookAnswer = z
  .object({
    alerts: z
      .array(
        z.object({
          alert: z.string(),
          canary: z.string().nullable().meta({ description: 'Null: no Canary was found for it' }),
          action: z.enum(['rollback', 'pause', 'promote', 'ignore']),
          result: z.enum(['recorded', 'resolved', 'known', 'unheard', 'unknown', 'ignored']).meta({
            description:
              'recorded: it fires, which is news. resolved: it is over, which is news. known: told before. ' +
              'unheard: over, and never told as firing. unknown: there is no such Canary. ignored: it asks to be.',
          }),
          effect: z
            .enum(['rollsBack', 'pauses', 'holdsTheStart', 'evidence', 'noted', 'over'])
            .nullable()
            .meta({ description: 'What it will do; null where it is no news' }),
        }),
      )
      .meta({ description: 'One for each alert and each of its Canaries' }),
    truncated: z.int().meta({ description: 'Alerts that the sender left out of the body' }),
    replayed: z
      .boolean()
      .meta({ description: 'True: the same signed request came before; nothing was done' }),
  })
  .meta({ id: 'WebhookAnswer' });
export type WebhookAnswer = z.infer<typeof WebhookAnswer>;

export const WebhookView = z
  .object({
    id: z.int(),
    at: z.iso.datetime().meta({ description: 'RFC 3339, UTC' }),
    type: z.string(),
    address: z.string().meta({ description: 'Where it came from' }),
    size: z.int().meta({ description: 'Bytes of the whole body' }),
    isCut: z.boolean().meta({ description: 'True: only the beginning is kept' }),
    body: z.string(),
  })
  .meta({ id: 'Webhook', description: 'A webhook as it came, kept for an audit' });
