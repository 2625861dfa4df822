/** The dashboards and the alert rules of infra/grafana as Grafana reads them, and every expression in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export const ROOT = resolve(import.meta.dirname, '../..');
export const FOLDER = join(ROOT, 'infra/grafana');

const Datasource = z.object({ type: z.string(), uid: z.string() });
const Target = z.looseObject({ refId: z.string(), expr: z.string(), datasource: Datasource });
const Panel = z.looseObject({
  id: z.int(),
  type: z.string(),
  title: z.string().min(1),
  description: z.string().min(1),
  gridPos: z.object({ x: z.int(), y: z.int(), w: z.int(), h: z.int() }),
  datasource: Datasource,
  targets: z.array(Target).min(1),
});
const Variable = z.looseObject({ name: z.string(), type: z.string(), definition: z.string().optional() });

export const Dashboard = z.looseObject({
  uid: z.string().max(40),
  title: z.string(),
  schemaVersion: z.int(),
  panels: z.array(Panel).min(1),
  templating: z.object({ list: z.array(Variable) }),
  annotations: z.object({
    list: z.array(z.looseObject({ name: z.string(), expr: z.string(), datasource: Datasource })),
  }),
});
export type Dashboard = z.infer<typeof Dashboard>;

export const dashboards = readdirSync(join(FOLDER, 'dashboards'))
  .sort()
  .map((file) => {
    const text = readFileSync(join(FOLDER, 'dashboards', file), 'utf8');
    return { file, text, dashboard: Dashboard.parse(JSON.parse(text)) };
  });

export interface Expression {
  /** E.g. "rollout.json, Phase A". */
  readonly where: string;
  /** With Grafana's variables. */
  readonly expr: string;
  /** It is there at some moments only, as marks are. */
  readonly isMark: boolean;
}

export const expressions: readonly Expression[] = dashboards.flatMap(({ file, dashboard }) => [
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ refId, expr }) => ({ where: `${file}, ${title} ${refId}`, expr, isMark: false })),
  ),
  ...dashboard.annotations.list.map(({ name, expr }) => ({
    where: `${file}, mark ${name}`,
    expr,
    isMark: true,
  })),
  ...dashboard.templating.list.flatMap(({ name, definition }) => {
    const [, expr] = /^label_values\((.+), \w+\)$/.exec(definition ?? '') ?? [];
    return expr === undefined ? [] : [{ where: `${file}, variable ${name}`, expr, isMark: false }];
  }),
]);

/** What stands for Grafana's variables. */
export interface Values {
  readonly canary: string;
  readonly metric: string;
  readonly interval: string;
  readonly rateInterval: string;
  readonly range: string;
}

/** The PromQL that Grafana would send. */
export function filled(expr: string, { canary, metric, interval, rateInterval, range }: Values): string {
  return expr
    .replaceAll('$__rate_interval', rateInterval)
    .replaceAll('$__interval', interval)
    .replaceAll('$__range', range)
    .replaceAll('$canary', canary)
    .replaceAll('$metric', metric);
}

const GrafanaRule = z.looseObject({
  uid: z.string(),
  title: z.string(),
  condition: z.string(),
  for: z.string(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
  data: z.tuple([
    z.looseObject({ refId: z.literal('A'), model: z.looseObject({ expr: z.string() }) }),
    z.looseObject({
      refId: z.literal('B'),
      model: z.looseObject({
        type: z.literal('threshold'),
        expression: z.literal('A'),
        conditions: z.tuple([
          z.object({
            evaluator: z.object({ type: z.enum(['gt', 'lt']), params: z.tuple([z.number()]) }),
          }),
        ]),
      }),
    }),
  ]),
});
export type GrafanaRule = z.infer<typeof GrafanaRule>;

const GrafanaRules = z.object({
  apiVersion: z.literal(1),
  groups: z.array(
    z.looseObject({
      name: z.string(),
      folder: z.string(),
      interval: z.string(),
      rules: z.array(GrafanaRule),
    }),
  ),
});

/** The rules of a file for Grafana's provisioning. */
export function grafanaRulesOf(text: string): readonly GrafanaRule[] {
  return GrafanaRules.parse(parse(text)).groups.flatMap(({ rules }) => rules);
}

/** When a rule's condition holds, as one expression. */
export function brokenWhen({ data: [query, { model }] }: GrafanaRule): string {
  const [{ evaluator }] = model.conditions;
  return `(${query.model.expr.trim()}) ${evaluator.type === 'gt' ? '>' : '<'} ${evaluator.params[0]}`;
}

/** A file below infra/grafana/provisioning. */
export function provisioning(path: string): string {
  return readFileSync(join(FOLDER, 'provisioning', path), 'utf8');
}
