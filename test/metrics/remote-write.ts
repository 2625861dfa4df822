/** Series sent to a real Prometheus by remote write, which takes native histograms, too (Prometheus "Remote-Write 1.0"). */
import { Buffer } from 'node:buffer';
import { type RunningPrometheus, startPrometheus } from '../../infra/prometheus/process.ts';

/** A native histogram with standard exponential buckets of observations above zero (Prometheus, `prompb/types.proto`). */
export interface NativeHistogram {
  /** A bucket `i` holds what is above 2^((i-1)/2^schema) and up to 2^(i/2^schema). */
  readonly schema: number;
  /** By the bucket's number, rising. */
  readonly buckets: ReadonlyMap<number, number>;
  /** Observations of up to `zeroThreshold`, which is above zero then. */
  readonly zeroCount?: number;
  readonly zeroThreshold?: number;
  /** Default: the sum of all buckets. What it is above that is observations that are no number. */
  readonly count?: number;
}

export interface SentSeries {
  /** With `__name__`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Times in Unix ms, rising. */
  readonly samples: readonly (readonly [at: number, value: number | NativeHistogram])[];
}

/** Starts a server that holds `series`, native histograms among them; `stop` removes them with it. */
export async function loadNative(series: readonly SentSeries[]): Promise<RunningPrometheus> {
  const server = await startPrometheus({
    config: 'global: {}\n',
    args: [
      '--enable-feature=native-histograms',
      '--web.enable-remote-write-receiver',
      '--storage.tsdb.retention.time=100y',
    ],
  });
  try {
    await remoteWrite(server.url, series);
  } catch (cause) {
    await server.stop();
    throw cause;
  }
  return server;
}

/** Sends all of `series` in one request to a server that was started with the receiver. Throws what it answers else. */
async function remoteWrite(url: string, series: readonly SentSeries[]): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-encoding': 'snappy',
      'content-type': 'application/x-protobuf',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(literalSnappy(Buffer.concat(series.map((one) => bytes(1, seriesOf(one)))))),
  });
  const said = await response.text();
  if (!response.ok) throw new Error(`remote write was answered ${response.status}: ${said}`);
}

function seriesOf({ labels, samples }: SentSeries): Buffer {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) =>
      bytes(1, Buffer.concat([bytes(1, Buffer.from(name)), bytes(2, Buffer.from(value))])),
    );
  for (const [at, value] of samples) {
    parts.push(
      typeof value === 'number'
        ? bytes(2, Buffer.concat([double(1, value), integer(2, at)]))
        : bytes(4, histogramOf(value, at)),
    );
  }
  return Buffer.concat(parts);
}

function histogramOf(histogram: NativeHistogram, at: number): Buffer {
  const { schema, buckets, zeroCount = 0, zeroThreshold = 1e-9 } = histogram;
  const count = histogram.count ?? [...buckets.values()].reduce((sum, one) => sum + one, zeroCount);
  const spans: Buffer[] = [];
  const deltas: Buffer[] = [];
  let next = 0;
  let before = 0;
  for (const [number, own] of buckets) {
    spans.push(bytes(11, Buffer.concat([integer(1, zigzag(number - next)), integer(2, 1)])));
    deltas.push(varint(zigzag(own - before)));
    next = number + 1;
    before = own;
  }
  return Buffer.concat([
    integer(1, count),
    double(3, count),
    integer(4, zigzag(schema)),
    double(5, zeroThreshold),
    integer(6, zeroCount),
    ...spans,
    bytes(12, Buffer.concat(deltas)),
    integer(15, at),
  ]);
}

/** The block format without any compression: its length, then literals ("Snappy compressed format description"). */
function literalSnappy(raw: Buffer): Buffer {
  const parts = [varint(raw.length)];
  for (let at = 0; at < raw.length; at += 0x10000) {
    const chunk = raw.subarray(at, at + 0x10000);
    const head = Buffer.from([0xf4, 0, 0]);
    head.writeUInt16LE(chunk.length - 1, 1);
    parts.push(head, chunk);
  }
  return Buffer.concat(parts);
}

function integer(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function double(field: number, value: number): Buffer {
  const number = Buffer.alloc(8);
  number.writeDoubleLE(value);
  return Buffer.concat([varint(field * 8 + 1), number]);
}

function bytes(field: number, contents: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(contents.length), contents]);
}

function zigzag(value: number): number {
  return value >= 0 ? 2 * value : -2 * value - 1;
}

function varint(value: number): Buffer {
  const parts: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    parts.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...parts, rest]);
}
