/** The true time at which every simulation begins: 2026-01-01T00:00:00Z, Unix ms. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);
