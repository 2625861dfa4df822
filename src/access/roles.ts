/** Who may do what: five roles, each holding all that the ones before it may, and what every call asks for. */

export const ROLES = ['viewer', 'deployer', 'approver', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/**
 * What a call needs. `probe` and `open` ask for nothing, and a probe is not even counted: a supervisor that is refused
 * takes the program for dead. `webhook` has a secret of its own.
 */
export type Access = 'probe' | 'open' | 'webhook' | keyof typeof LEAST_ROLE;

/** What a role begins at. What forgets, or goes over missing evidence or targets, is not for every day. */
const LEAST_ROLE = {
  read: 'viewer',
  start: 'deployer',
  approve: 'approver',
  operate: 'operator',
  administer: 'admin',
} as const satisfies Record<string, Role>;

/** The least role that a call asks for; null: it asks for no token. */
export function roleFor(access: Access): Role | null {
  if (access === 'probe' || access === 'open' || access === 'webhook') return null;
  return LEAST_ROLE[access];
}

export function hasRole(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}
