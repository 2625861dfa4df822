/** Something wrong or doubtful in a spec file, with its place. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  /** 1-based; 1 where the whole file is meant. */
  readonly line: number;
  /** 1-based. */
  readonly column: number;
  /** Stable, upper case, e.g. SPEC_UNKNOWN_FIELD. */
  readonly code: string;
  /** One sentence that says what is wrong and what to do. */
  readonly detail: string;
  /** Name of the Canary it belongs to, where that could be read. */
  readonly canary?: string;
  /** Name of the AnalysisTemplate that it lies in. */
  readonly template?: string;
}
