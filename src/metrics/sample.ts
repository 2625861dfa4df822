/** One series of an answer of Prometheus. The value may be NaN or infinite; its time is the one that was asked for. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
