/** Writes the dashboards as Grafana reads them: `npm run dashboards`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fleetDashboard } from './fleet.ts';
import { dashboardText } from './panels.ts';
import { rolloutDashboard } from './rollout.ts';

/** By the names of their files. */
export const DASHBOARDS = { 'fleet.json': fleetDashboard, 'rollout.json': rolloutDashboard } as const;

export const FOLDER = join(import.meta.dirname, 'dashboards');

if (import.meta.main) {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    writeFileSync(join(FOLDER, name), dashboardText(dashboard));
  }
}
