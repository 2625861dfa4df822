/** All traffic routers as one: each target goes to the router of its kind. */
import type { TrafficTarget } from '../spec/canary.ts';
import type { TrafficRouter } from './router.ts';

export type Routers = Readonly<Record<TrafficTarget['kind'], TrafficRouter>>;

/** `facts` and `isUp` speak of Nacos: behind the file router is only this host's disk. `close` closes them all. */
export function createRouters(routers: Routers): TrafficRouter {
  return {
    read: (target, signal) => routers[target.kind].read(target, signal),
    publish: (target, operation, content, guard, signal) =>
      routers[target.kind].publish(target, operation, content, guard, signal),
    beta: (target, signal) => routers[target.kind].beta(target, signal),
    listeners: (target, signal) => routers[target.kind].listeners(target, signal),
    facts: () => routers.nacos.facts(),
    isUp: () => routers.nacos.isUp(),
    async close() {
      await Promise.all([routers.nacos.close(), routers.file.close()]);
    },
  };
}
