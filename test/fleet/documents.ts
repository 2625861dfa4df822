/** Rule documents for the tests of the demo's gateway. */

/** The founding article's document for `checkout`, v1 and v2, with what a test wants different. */
export function ruleDocument(changes: Record<string, unknown> = {}): string {
  const { enabled = true, ...condition } = changes;
  return JSON.stringify({
    serviceName: 'checkout',
    rules: [
      {
        type: 'weight',
        condition: { canaryVersion: 'v2', canaryWeight: 5, stableVersion: 'v1', ...condition },
      },
    ],
    enabled,
    lastModified: '2023-10-27T10:00:00Z',
  });
}
