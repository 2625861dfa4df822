/** What the demo asks of the running controller, over its HTTP API like any other program. */
import type {
  CanaryListView,
  CanaryView,
  EventListView,
  EventView,
  ExplanationView,
  RolloutListView,
  RolloutView,
} from '../../src/view/schemas.ts';

export interface Api {
  isReady(): Promise<boolean>;
  /** Events after number `after`, oldest first. */
  events(after: number): Promise<readonly EventView[]>;
  canaries(): Promise<readonly CanaryView[]>;
  /** Newest first. */
  rollouts(canary: string): Promise<readonly RolloutView[]>;
  /** The decision behind an event. */
  explanation(event: EventView): Promise<ExplanationView>;
}

const DEADLINE_MS = 10_000;

/** Every call but `isReady` rejects when the answer is not 200. */
export function createApi(server: string): Api {
  return {
    async isReady() {
      const response = await fetch(`${server}/readyz`, { signal: AbortSignal.timeout(DEADLINE_MS) }).catch(
        () => null,
      );
      await response?.arrayBuffer();
      return response?.ok ?? false;
    },
    async events(after) {
      return (await get<EventListView>(`${server}/api/v1/events?after=${after}&limit=500`)).items;
    },
    async canaries() {
      return (await get<CanaryListView>(`${server}/api/v1/canaries`)).items;
    },
    async rollouts(canary) {
      return (await get<RolloutListView>(`${server}/api/v1/canaries/${canary}/rollouts`)).items;
    },
    explanation: ({ id, canary }) => get(`${server}/api/v1/canaries/${canary}/explain?at=${id}`),
  };
}

/** The JSON that a GET of `url` answers with. Rejects with the address and the reason. */
export async function get<Answer>(url: string): Promise<Answer> {
  const response = await fetch(url, { signal: AbortSignal.timeout(DEADLINE_MS) }).catch((error: Error) => {
    throw new Error(`GET ${url}: ${error.cause instanceof Error ? error.cause.message : error.message}`);
  });
  if (!response.ok) throw new Error(`GET ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Answer;
}
