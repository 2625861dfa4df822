/** Finds in the headers of a request what a choice may depend on. Pure. */

/** Headers as Node has them: lower-case names. */
export type RequestHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A header, a cookie, or both: the header counts first. */
export interface Source {
  /** Lower-case name. */
  readonly header?: string | undefined;
  readonly cookie?: string | undefined;
}

/** The first value that is there and not empty, else null. */
export function valueFrom(source: Source | undefined, headers: RequestHeaders): string | null {
  if (source === undefined) return null;
  const header = source.header === undefined ? undefined : single(headers[source.header.toLowerCase()]);
  if (header !== undefined && header !== '') return header;
  return source.cookie === undefined ? null : cookieValue(single(headers['cookie']), source.cookie);
}

function single(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}

/** The first cookie of that name, as browsers put the most specific path first (RFC 6265, 5.4). */
function cookieValue(header: string | undefined, name: string): string | null {
  for (const pair of (header ?? '').split(';')) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) {
      return pair.slice(equals + 1).trim() || null;
    }
  }
  return null;
}
