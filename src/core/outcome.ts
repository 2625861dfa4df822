/** How a rollout can end. */

export const OUTCOMES = ['Promoted', 'RolledBack', 'Aborted', 'Reverted', 'Superseded', 'Cancelled'] as const;

export type Outcome = (typeof OUTCOMES)[number];
