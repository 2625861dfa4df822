/** The v1 config API: all there is on 1.x and 2.x, open to anyone on a default 3.0 or 3.1, gone from 3.2. */
import { failureOf, isRecord, jsonObject } from './answers.ts';
import { casHeader, type Dialect, given } from './dialect.ts';
import { NacosError } from './errors.ts';
import type { DocumentName } from './names.ts';
import type { Answer } from './transport.ts';

const PATH = '/v1/cs/configs';
const LISTENERS_PATH = `${PATH}/listener`;
const NO_SUCH_CONFIG = 'config data not exist';
const CAS_FAILED = 'Cas publish fail';

/**
 * The public namespace must be the empty string here: 2.2.3 and 2.5.1 take the word `public` literally on one half
 * of their calls, so that what is published cannot be read back (measured).
 */
function params(name: DocumentName): Record<string, string> {
  const tenant = name.namespace === 'public' ? '' : name.namespace;
  return given({ dataId: name.dataId, group: name.group, tenant });
}

/**
 * "No such config" is this 404 and no other: an endpoint that does not exist answers 404 as well, and the
 * Content-Type claims JSON for either (measured).
 */
export function isNoSuchConfig(answer: Answer): boolean {
  return answer.status === 404 && answer.body.trim() === NO_SUCH_CONFIG;
}

export const v1: Dialect = {
  // 3.0.2 and later answer a failed comparison with a bare 500 `false`.
  namesConflicts: false,

  readRequest: (name) => ({ method: 'GET', path: PATH, query: params(name) }),

  document(answer, redact) {
    if (isNoSuchConfig(answer)) return null;
    if (answer.status !== 200) throw failureOf(answer, `reading by GET ${PATH}`, redact);
    // Every Nacos sends this header with a document; a login page or another program's answer has none.
    if (answer.headers['content-md5'] === undefined) {
      throw new NacosError('NACOS_NOT_NACOS', `GET ${PATH}: 200 without Content-MD5`);
    }
    return { content: answer.body, isBeta: answer.headers['isbeta'] === 'true', desc: '' };
  },

  publishRequest: ({ name, content, type, casMd5 }) => ({
    method: 'POST',
    path: PATH,
    form: { ...params(name), content, type },
    headers: casHeader(casMd5),
  }),

  requireWritten(answer, redact) {
    const said = answer.body.trim();
    if (answer.status === 200 && said === 'true') return;
    const where = `writing by POST ${PATH}`;
    if (said.includes(CAS_FAILED)) throw new NacosError('NACOS_CONFLICT', where);
    if (said === 'false') throw new NacosError('NACOS_FAILED', `${where}: ${answer.status}, "false"`);
    throw failureOf(answer, where, redact);
  },

  betaRequest: (name) => ({ method: 'GET', path: PATH, query: { beta: 'true', ...params(name) } }),

  beta(answer, redact) {
    // 3.x keeps this query for its console and answers 410.
    if (answer.status === 410 || answer.status === 404) return 'unknown';
    const object = answer.status === 200 ? jsonObject(answer) : null;
    if (object === null || object['code'] !== 200) {
      throw failureOf(answer, `asking for betas by GET ${PATH}`, redact);
    }
    if (!isRecord(object['data'])) return 'none';
    return { rule: `for the addresses ${String(object['data']['betaIps'] ?? '')}` };
  },

  listenersRequest: (name) => ({ method: 'GET', path: LISTENERS_PATH, query: params(name) }),

  listeners(answer, redact) {
    const object = answer.status === 200 ? jsonObject(answer) : null;
    // The server's own spelling.
    const found = object?.['collectStatus'] === 200 ? object['lisentersGroupkeyStatus'] : null;
    if (!isRecord(found)) throw failureOf(answer, `asking for listeners by GET ${LISTENERS_PATH}`, redact);
    return found;
  },
};
