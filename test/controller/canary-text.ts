/** Canary documents as people write them. */

export interface Words {
  readonly revision?: string;
  /** dataId of the traffic document; default that of the service. */
  readonly dataId?: string;
}

/** A valid document; its steps bake for a minute and are judged every 10 s. */
export function canaryText(name: string, { revision = 'v2', dataId }: Words = {}): string {
  const traffic = dataId === undefined ? '' : `  traffic: { nacos: { dataId: ${dataId} } }\n`;
  return `apiVersion: canary/v1
kind: Canary
metadata: { name: ${name} }
spec:
  revision: ${revision}
  stableRevision: v1
${traffic}  strategy:
    ready: { query: 'up{version="{{canary}}"}' }
    steps: [{ setWeight: 10, bake: 1m }, { setWeight: 100, bake: 1m }]
  analysis:
    interval: 10s
    metrics:
      - name: error-rate
        ratio: { bad: 'http_requests_total{job="${name}",code=~"5.."}', total: 'http_requests_total{job="${name}"}' }
        window: 20s
        maxDelta: 0.01
`;
}
