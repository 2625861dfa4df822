/** What pushes alerts: one that fires is told until it is taken, now and then again, and at last told as over. */
import type { SignalAction } from '../../src/core/observation.ts';
import { activeRollout, isWaiting } from '../../src/core/turn.ts';
import type { Daemons } from './daemons.ts';
import { EPOCH_MS } from './epoch.ts';
import type { Fleet } from './fleet.ts';
import type { Oracle } from './oracle.ts';
import { Killed } from './process-store.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import { count, type Tally } from './weather.ts';

export interface Alerts {
  /** Whatever fires is over. */
  end(): void;
  /** Alerts whose end was not taken yet. */
  open(): number;
}

export interface AlertsOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly tally: Tally;
  readonly fleet: Fleet;
  readonly daemons: Daemons;
  readonly oracle: Pick<Oracle, 'fail'>;
  readonly say: (line: string) => void;
}

interface Alert {
  readonly canary: string;
  readonly fingerprint: string;
  readonly action: SignalAction;
  readonly startedAt: number;
  /** True time of its end. */
  until: number;
}

const EVERY_MS = 400_000;
const LASTS_MS = 120_000;
/** As an Alertmanager that was refused, or whose `repeat_interval` is over. */
const AGAIN_MS = [5_000, 60_000] as const;
/** A rollback is decided at once: by then also where the daemon's process has much to do. */
const AT_ONCE_MS = 2_000;

const ACTIONS: readonly (readonly [SignalAction, number])[] = [
  ['rollback', 2],
  ['pause', 3],
  ['promote', 1],
  ['ignore', 1],
];

const SENDER = { type: 'alertmanager', address: '127.0.0.1', body: '' } as const;

export function createAlerts({
  timeline,
  random,
  tally,
  fleet,
  daemons,
  oracle,
  say,
}: AlertsOptions): Alerts {
  const firing = new Set<Alert>();
  let isOver = false;
  let begun = 0;

  function begin(): void {
    if (fleet.names().length === 0) return;
    begun += 1;
    const canary = random.pick(fleet.names());
    const action = random.weighted(ACTIONS);
    const now = timeline.now();
    const until = now + random.exponential(LASTS_MS);
    const alert = {
      canary,
      fingerprint: `alert-${begun}`,
      action,
      startedAt: Math.round(EPOCH_MS + now),
      until,
    };
    say(`${canary} alert ${alert.fingerprint} asks for ${action}`);
    firing.add(alert);
    tell(alert);
  }

  function tell(alert: Alert): void {
    const isFiring = timeline.now() < alert.until;
    void send(alert, isFiring).then((isTaken) => {
      if (isTaken && !isFiring) {
        firing.delete(alert);
        return;
      }
      const again = random.between(...AGAIN_MS);
      const untilEnd = alert.until - timeline.now();
      timeline.at(timeline.now() + (untilEnd > 0 ? Math.min(again, untilEnd) : again), () => tell(alert));
    });
  }

  async function send(alert: Alert, isFiring: boolean): Promise<boolean> {
    const { canary, fingerprint, action, startedAt, until } = alert;
    const leader = daemons.leading();
    if (leader === null) return false;
    const told = {
      canary,
      service: null,
      fingerprint,
      startedAt,
      endedAt: isFiring ? null : Math.round(EPOCH_MS + until),
      name: fingerprint,
      action,
      firing: isFiring,
      summary: '',
    };
    const answers = await leader.controller.receive({ ...SENDER, alerts: [told] }).catch(ofDeadProcess);
    if (answers === null || 'code' in answers) {
      count(tally, `alert refused ${answers?.code ?? 'by a dead process'}`);
      return false;
    }
    const [answer] = answers;
    count(tally, `alert ${action} ${answer?.result}`);
    if (answer?.effect === 'rollsBack') expectRollback(leader, canary);
    return true;
  }

  function expectRollback(leader: NonNullable<ReturnType<Daemons['leading']>>, canary: string): void {
    const asked = leader.controller.state(canary)?.rollout?.id;
    timeline.at(timeline.now() + AT_ONCE_MS, () => {
      if (daemons.leading() !== leader) return;
      const state = leader.controller.state(canary);
      const rollout = state === null ? null : activeRollout(state);
      if (state === null || rollout === null || rollout.id !== asked) return;
      const isLeftAlone = rollout.pauses.some(({ reason }) => reason === 'ForeignController');
      if (state.ending === null && !isWaiting(rollout) && !isLeftAlone)
        oracle.fail(`${canary}: an alert asked for a rollback and nothing is done`);
    });
  }

  function often(): void {
    timeline.at(timeline.now() + random.exponential(EVERY_MS), () => {
      if (isOver) return;
      begin();
      often();
    });
  }

  if (random.chance(0.6)) often();
  return {
    end() {
      isOver = true;
      for (const alert of firing) alert.until = Math.min(alert.until, timeline.now());
    },
    open: () => firing.size,
  };
}

function ofDeadProcess(error: unknown): null {
  if (error instanceof Killed) return null;
  throw error;
}
