/** A page of metrics that a real Prometheus scrapes, and the remote storage that it asks for one world's series. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** As the exposition format writes it, e.g. `0.5` or `NaN`. */
  readonly value: string;
}

export interface Exporter {
  readonly port: number;
  /** Takes the place of what this world showed before. */
  show(world: string, series: readonly Series[]): void;
  /** From now on the remote storage fails, which makes Prometheus warn that its answer is partial. */
  setRemote(works: boolean): void;
  /** Answers of the failing remote storage. */
  remoteFailures(): number;
  close(): Promise<void>;
}

export const METRICS_PATH = '/metrics';
export const REMOTE_PATH = '/remote';

/** A snappy block that holds the protobuf of a ReadResponse with one result without series. */
const NOTHING_STORED = Buffer.from([0x02, 0x04, 0x0a, 0x00]);

export async function startExporter(): Promise<Exporter> {
  const shown = new Map<string, readonly Series[]>();
  let works = true;
  let failures = 0;

  function answerRemote(response: ServerResponse): void {
    if (works) {
      response.setHeader('content-type', 'application/x-protobuf');
      response.setHeader('content-encoding', 'snappy');
      response.end(NOTHING_STORED);
      return;
    }
    failures += 1;
    response.writeHead(500).end('the remote storage is away');
  }

  const server = createServer((request: IncomingMessage, response) => {
    request.resume();
    if (request.url?.startsWith(REMOTE_PATH)) answerRemote(response);
    else response.end([...shown.values()].flat().map(lineOf).join(''));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    show: (world, series) => void shown.set(world, series),
    setRemote(now) {
      works = now;
    },
    remoteFailures: () => failures,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function lineOf({ name, labels, value }: Series): string {
  const inside = Object.entries(labels).map(([label, text]) => `${label}=${JSON.stringify(text)}`);
  return `${name}{${inside.join(',')}} ${value}\n`;
}
