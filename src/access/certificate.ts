/** The certificate and key of the HTTP interface: whether they can be used, and until when. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { err, ok, type Result } from '../lib/result.ts';

/** PEM: the server's own certificate first, then those that lead to its authority. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** What TLS 1.1 and older would allow is broken (RFC 8996). */
const LEAST_TLS = 'TLSv1.2';

/** The error is the end of a sentence that begins with the files. */
export function parseCertificate([cert = '', key = '']: readonly string[]): Result<Certificate, string> {
  try {
    const own = new X509Certificate(cert);
    if (!own.checkPrivateKey(createPrivateKey(key)))
      return err('do not belong together: the key is of another certificate');
    createSecureContext(tlsOptions({ cert, key }));
    return ok({ cert, key });
  } catch (error) {
    // The first line of OpenSSL's own words: they name what was expected, and nothing of what was found.
    const [reason = ''] = (error instanceof Error ? error.message : '').split('\n');
    return err(`hold no certificate and key in PEM that can be used (${reason})`);
  }
}

/** For every server that shows the certificate. */
export function tlsOptions({ cert, key }: Certificate) {
  return { cert, key, minVersion: LEAST_TLS } as const;
}

/** Unix ms from which on clients refuse it. */
export function expiryOf({ cert }: Pick<Certificate, 'cert'>): number {
  return Date.parse(new X509Certificate(cert).validTo);
}
