/** The v3 Admin API of 3.x: protected by default, reads straight from the database. */
import { CODE_CONFLICT, CODE_NOT_FOUND, envelopeOf, failureOf, isRecord } from './answers.ts';
import { casHeader, type Dialect, given } from './dialect.ts';
import { NacosError } from './errors.ts';
import type { DocumentName } from './names.ts';
import type { Answer } from './transport.ts';

const PATH = '/v3/admin/cs/config';
const BETA_PATH = `${PATH}/beta`;
const LISTENERS_PATH = `${PATH}/listener`;

function params(name: DocumentName): Record<string, string> {
  return given({ dataId: name.dataId, groupName: name.group, namespaceId: name.namespace });
}

function isNotFound(answer: Answer): boolean {
  return answer.status === 404 && envelopeOf(answer)?.code === CODE_NOT_FOUND;
}

/** The payload of a success; undefined for every other answer. */
function payload(answer: Answer): unknown {
  const envelope = answer.status === 200 ? envelopeOf(answer) : null;
  return envelope?.code === 0 ? envelope.data : undefined;
}

/** The addresses of a beta, from its rule: JSON text with `expr`. */
function addressesOf(grayRule: unknown): string {
  try {
    const rule: unknown = JSON.parse(String(grayRule));
    if (isRecord(rule) && typeof rule['expr'] === 'string') return `for the addresses ${rule['expr']}`;
  } catch {
    // A rule in an unknown form is shown as it is.
  }
  return String(grayRule ?? '');
}

export const v3: Dialect = {
  namesConflicts: true,

  readRequest: (name) => ({ method: 'GET', path: PATH, query: params(name) }),

  document(answer, redact) {
    if (isNotFound(answer)) return null;
    const found = payload(answer);
    if (!isRecord(found) || typeof found['content'] !== 'string') {
      throw failureOf(answer, `reading by GET ${PATH}`, redact);
    }
    const desc = typeof found['desc'] === 'string' ? found['desc'] : '';
    return { content: found['content'], isBeta: false, desc };
  },

  publishRequest: ({ name, content, type, desc, casMd5 }) => ({
    method: 'POST',
    path: PATH,
    form: { ...params(name), content, type, ...given({ desc }) },
    headers: casHeader(casMd5),
  }),

  requireWritten(answer, redact) {
    const said = payload(answer);
    if (said === true) return;
    const where = `writing by POST ${PATH}`;
    if (said === false) throw new NacosError('NACOS_FAILED', `${where}: 200, "false"`);
    if (envelopeOf(answer)?.code === CODE_CONFLICT) throw new NacosError('NACOS_CONFLICT', where);
    throw failureOf(answer, where, redact);
  },

  betaRequest: (name) => ({ method: 'GET', path: BETA_PATH, query: params(name) }),

  beta(answer, redact) {
    if (isNotFound(answer)) return 'none';
    const found = payload(answer);
    if (!isRecord(found)) throw failureOf(answer, `asking for betas by GET ${BETA_PATH}`, redact);
    return { rule: addressesOf(found['grayRule']) };
  },

  listenersRequest: (name) => ({ method: 'GET', path: LISTENERS_PATH, query: params(name) }),

  listeners(answer, redact) {
    const said = payload(answer);
    const found = isRecord(said) ? said['listenersStatus'] : null;
    if (!isRecord(found)) throw failureOf(answer, `asking for listeners by GET ${LISTENERS_PATH}`, redact);
    return found;
  },
};
