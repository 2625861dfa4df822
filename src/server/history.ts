/** What was: rollouts, events, and the decisions behind them. */
import type { Controls } from '../controller/controls.ts';
import type { RolloutRecord } from '../core/rollout.ts';
import type { Clock } from '../lib/clock.ts';
import type { Event, Store, StoredMeasurement } from '../store/store.ts';
import { eventView, explanationView, rolloutView, weightsOf } from '../view/build.ts';
import { explainText } from '../view/explain-text.ts';
import {
  EVENTS_DEFAULT,
  EventsQuery,
  ExplainQuery,
  IdParams,
  NameParams,
  ROLLOUTS_DEFAULT,
  RolloutsQuery,
} from '../view/requests.ts';
import {
  EventListView,
  ExplanationView,
  type Problem,
  RolloutListView,
  RolloutView,
} from '../view/schemas.ts';
import { type App, PROBLEM_ANSWERS, type ServerDeps } from './deps.ts';
import { isKnown, objectionToLogOf, unknownCanary } from './lookup.ts';
import { problem, sendProblem } from './problems.ts';

const tags = ['history'];

/** Newest measurements of a rollout among which the latest of each metric is looked for. */
const LATEST_AMONG = 100;
const MEASUREMENTS_SHOWN = 1000;

export function registerHistory(app: App, deps: ServerDeps): void {
  registerRollouts(app, deps);
  registerExplain(app, deps);
  registerEvents(app, deps);
}

function registerRollouts(app: App, { controls, store }: ServerDeps): void {
  app.get(
    '/api/v1/canaries/:name/rollouts',
    {
      config: { access: 'read' },
      schema: {
        summary: 'Rollouts of a Canary, newest first',
        tags,
        params: NameParams,
        querystring: RolloutsQuery,
        response: { 200: RolloutListView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { name }, query: { after, limit = ROLLOUTS_DEFAULT } }, reply) => {
      if (after !== undefined && store.rollout(after)?.canary !== name) {
        return sendProblem(reply, problem('INVALID_QUERY', `after: ${name} has no rollout ${after}`));
      }
      const records = store.rollouts(name, limit, after);
      if (records.length === 0 && !isKnown(controls, name)) {
        return sendProblem(reply, unknownCanary(controls, name));
      }
      return {
        items: records.map((record) => {
          const latest = latestOfEach(store.measurements(record.id, LATEST_AMONG));
          return viewOf(controls, record, latest);
        }),
      };
    },
  );
  app.get(
    '/api/v1/rollouts/:id',
    {
      config: { access: 'read' },
      schema: {
        summary: `One rollout with its newest ${MEASUREMENTS_SHOWN} measurements`,
        tags,
        params: IdParams,
        response: { 200: RolloutView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { id } }, reply) => {
      const record = store.rollout(id) ?? reservedRollout(controls, id);
      if (record === null) return sendProblem(reply, problem('NOT_FOUND', `there is no rollout ${id}`));
      return viewOf(controls, record, store.measurements(id, MEASUREMENTS_SHOWN));
    },
  );
}

/**
 * A rollout that was promised under its id and begins once the one before it is back at 0: it exists for whoever
 * was told so, also while the store has no record of it.
 */
function reservedRollout(controls: Controls, id: string): RolloutRecord | null {
  const name = id.replace(/-\d+-[^-]+$/, '');
  const state = controls.state(name);
  if (state?.reserved?.rolloutId !== id) return null;
  return {
    id,
    canary: name,
    revision: state.reserved.revision,
    stable: state.stable ?? '',
    judge: 'threshold',
    analysed: true,
    startedAt: state.decidedAt,
    endedAt: null,
    outcome: null,
    reason: 'begins once the rollout before it is back at 0',
    undoes: null,
    steps: [],
    exemptions: [],
    rollbackMs: null,
  };
}

function viewOf(
  controls: Controls,
  record: RolloutRecord,
  measurements: readonly StoredMeasurement[],
): RolloutView {
  const reason = controls.state(record.canary)?.reason ?? '';
  const verdicts = measurements.map(({ verdict }) => verdict);
  return rolloutView(record, verdicts, reason);
}

/** Of measurements, newest first, the first of each metric. */
function latestOfEach(measurements: readonly StoredMeasurement[]): StoredMeasurement[] {
  const seen = new Set<string>();
  return measurements.filter(({ metric }) => {
    const isFirst = !seen.has(metric);
    seen.add(metric);
    return isFirst;
  });
}

function registerExplain(app: App, { controls, store, clock }: ServerDeps): void {
  app.get(
    '/api/v1/canaries/:name/explain',
    {
      config: { access: 'read' },
      schema: {
        summary: 'The last decision, or the one behind an event, with its reasons as data and as text',
        tags,
        params: NameParams,
        querystring: ExplainQuery,
        response: { 200: ExplanationView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ params: { name }, query: { at } }, reply) => {
      const found =
        at === undefined ? lastDecision(controls, store, name, clock) : pastDecision(store, name, at, clock);
      return 'code' in found ? sendProblem(reply, found) : found;
    },
  );
}

function lastDecision(
  controls: Controls,
  store: ServerDeps['store'],
  name: string,
  clock: Clock,
): ExplanationView | Problem {
  const decider = decidingEvent(controls, store, name);
  if (decider !== null) return pastDecision(store, name, decider, clock);
  const explanation = controls.explanation(name);
  if (explanation !== null) {
    const weight = weightsOf(controls.state(name));
    const text = explainText(explanation, { eventId: null, now: clock.now(), weight });
    return explanationView(explanation, null, text);
  }
  if (!isKnown(controls, name)) return unknownCanary(controls, name);
  return problem('NOT_FOUND', `nothing was decided about ${name} yet`, 'ask again in a moment');
}

/**
 * While a failed revision is wanted, nobody asks why nothing happens now: the question is why it went back. The
 * number of the event that began it, or ended the rollout where nothing had been written; else null.
 */
function decidingEvent(controls: Controls, store: ServerDeps['store'], name: string): number | null {
  const state = controls.state(name);
  if (state?.phase !== 'RolledBack' || state.rollout === null) return null;
  const { id } = state.rollout;
  for (const type of ['RollbackStarted', 'RolloutEnded'] as const) {
    const [event] = store.events({ canary: name, limit: 1, types: [type] });
    if (event?.rolloutId === id && event.explanation !== null) return event.id;
  }
  return null;
}

function pastDecision(store: Store, name: string, at: number, clock: Clock): ExplanationView | Problem {
  const event = store.event(at);
  const hint = `GET /api/v1/events?canary=${name} lists the events; those with "explained": true have a decision`;
  if (event === null || event.canary !== name) {
    return problem('NOT_FOUND', `${name} has no event ${at}`, hint);
  }
  const { explanation } = event;
  if (explanation === null) {
    return problem('NOT_FOUND', `event ${at} (${event.type}) was no decision`, hint);
  }
  return explanationView(explanation, at, explainText(explanation, { eventId: at, now: clock.now() }));
}

function registerEvents(app: App, deps: ServerDeps): void {
  app.get(
    '/api/v1/events',
    {
      config: { access: 'read' },
      schema: {
        summary: 'Committed events in the order of their numbers',
        tags,
        querystring: EventsQuery,
        response: { 200: EventListView, ...PROBLEM_ANSWERS },
      },
    },
    async ({ query: { canary, after, limit } }, reply) => {
      const against = canary === undefined ? null : objectionToLogOf(deps, canary);
      if (against !== null) return sendProblem(reply, against);
      const events: readonly Event[] = deps.store.events({
        limit: limit ?? EVENTS_DEFAULT,
        ...(canary === undefined ? {} : { canary }),
        ...(after === undefined ? {} : { after }),
      });
      return { items: events.map(eventView) };
    },
  );
}
