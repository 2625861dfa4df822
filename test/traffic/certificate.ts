/** A self-signed certificate made on the spot, so that no key lies in the repository and nothing expires there. */
import { createSign, generateKeyPairSync } from 'node:crypto';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** DER, the encoding of X.509 (ITU-T X.690): tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

const sequence = (...parts: readonly Uint8Array[]) => der(0x30, ...parts);
const bytes = (hex: string) => Buffer.from(hex, 'hex');
const text = (tag: number, value: string) => der(tag, Buffer.from(value, 'latin1'));

const ECDSA_WITH_SHA256 = sequence(der(0x06, bytes('2a8648ce3d040302')));
const COMMON_NAME = der(0x06, bytes('550403'));
const SUBJECT_ALT_NAME = der(0x06, bytes('551d11'));
const BASIC_CONSTRAINTS = der(0x06, bytes('551d13'));
const TRUE = der(0x01, bytes('ff'));

/** Valid for the DNS name `host`, and for 127.0.0.1 if `forLoopback`. */
export function selfSigned(host: string, forLoopback: boolean): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(der(0x31, sequence(COMMON_NAME, text(0x0c, host))));
  const names = [text(0x82, host), ...(forLoopback ? [der(0x87, Buffer.from([127, 0, 0, 1]))] : [])];
  const extensions = sequence(
    sequence(SUBJECT_ALT_NAME, der(0x04, sequence(...names))),
    sequence(BASIC_CONSTRAINTS, TRUE, der(0x04, sequence(TRUE))),
  );
  const toBeSigned = sequence(
    der(0xa0, der(0x02, bytes('02'))),
    der(0x02, bytes('01')),
    ECDSA_WITH_SHA256,
    name,
    sequence(text(0x17, '200101000000Z'), text(0x17, '491231235959Z')),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, extensions),
  );
  const signature = createSign('sha256').update(toBeSigned).sign(privateKey);
  const whole = sequence(toBeSigned, ECDSA_WITH_SHA256, der(0x03, bytes('00'), signature));
  const lines = whole.toString('base64').replace(/(.{64})/g, '$1\n');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
  };
}
