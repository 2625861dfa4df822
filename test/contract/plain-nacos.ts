/** Somebody else who works on the same Nacos: plain HTTP without any of the controller's code. */
import { request } from 'node:http';
import { request as requestTls } from 'node:https';
import { text } from 'node:stream/consumers';

export interface NacosAccount {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM of the authority to trust. */
  readonly ca?: string | undefined;
}

/** Works on the public namespace. */
export interface PlainNacos {
  put(
    group: string,
    dataId: string,
    content: string,
    extra?: Readonly<Record<string, string>>,
  ): Promise<void>;
  /** Leaves a beta of the document for this host. */
  putBeta(group: string, dataId: string, content: string): Promise<void>;
  /** Deletes the document and any beta of it. */
  remove(group: string, dataId: string): Promise<void>;
  /** Listens to the document by long polls, as a gateway that has `md5`, until the answer is called. */
  listen(group: string, dataId: string, md5: string): () => void;
  /** Config type and description as stored; the description is null where the server does not show it. */
  metadata(group: string, dataId: string): Promise<{ type: string; desc: string | null }>;
}

interface Call {
  readonly query?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

interface Answered {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Logs in where there is an account. Rejects when the server does not answer or does not accept it. */
export async function openPlainNacos(account: NacosAccount): Promise<PlainNacos> {
  const isV3 = (await call('GET', '/v3/admin/core/state')).status === 200;
  const configs = isV3 ? '/v3/admin/cs/config' : '/v1/cs/configs';
  const token = await logIn();

  function call(
    method: string,
    path: string,
    { query, form, headers, signal }: Call = {},
  ): Promise<Answered> {
    const url = new URL(`${account.url.replace(/\/+$/, '')}${path}?${new URLSearchParams(query)}`);
    const send = url.protocol === 'https:' ? requestTls : request;
    const body = form === undefined ? '' : new URLSearchParams(form).toString();
    return new Promise((resolve, reject) => {
      const outgoing = send(url, {
        method,
        agent: false,
        signal,
        ca: account.ca,
        headers: {
          ...(form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
          ...headers,
        },
      });
      outgoing.once('error', reject);
      outgoing.once('response', (incoming) => {
        const { statusCode = 0, headers: answered } = incoming;
        text(incoming).then((read) => resolve({ status: statusCode, headers: answered, body: read }), reject);
      });
      outgoing.end(body);
    });
  }

  async function logIn(): Promise<string | null> {
    const { username, password } = account;
    if (username === undefined || password === undefined) return null;
    const path = isV3 ? '/v3/auth/user/login' : '/v1/auth/login';
    const answer = await call('POST', path, { form: { username, password } });
    if (answer.status !== 200) throw new Error(`the login answered ${answer.status}`);
    return JSON.parse(answer.body).accessToken;
  }

  async function must(method: string, path: string, options: Call): Promise<Answered> {
    const headers = { ...options.headers, ...(token === null ? {} : { accessToken: token }) };
    const answer = await call(method, path, { ...options, headers });
    if (answer.status !== 200) throw new Error(`${method} ${path} answered ${answer.status}: ${answer.body}`);
    return answer;
  }

  function named(group: string, dataId: string): Record<string, string> {
    return isV3 ? { dataId, groupName: group } : { dataId, group };
  }

  return {
    async put(group, dataId, content, extra = {}) {
      await must('POST', configs, { form: { ...named(group, dataId), content, type: 'json', ...extra } });
    },
    async putBeta(group, dataId, content) {
      const form = { ...named(group, dataId), content, type: 'json' };
      await must('POST', configs, { form, headers: { betaIps: '127.0.0.1' } });
    },
    async remove(group, dataId) {
      const query = named(group, dataId);
      if (isV3) await must('DELETE', `${configs}/beta`, { query });
      else await must('DELETE', configs, { query: { ...query, beta: 'true' } });
      await must('DELETE', configs, { query });
    },
    listen(group, dataId, md5) {
      const ended = new AbortController();
      const record = `${[dataId, group, md5].join('\u0002')}\u0001`;
      const poll = {
        form: { 'Listening-Configs': record },
        headers: { 'Long-Pulling-Timeout': '30000' },
        signal: ended.signal,
      };
      async function pollAgain(): Promise<void> {
        while (!ended.signal.aborted) await must('POST', '/v1/cs/configs/listener', poll);
      }
      // Cut by whoever stops listening; a server that refuses is seen by whoever waits for its listeners.
      pollAgain().catch(() => {});
      return () => ended.abort();
    },
    async metadata(group, dataId) {
      const answer = await must('GET', configs, { query: named(group, dataId) });
      if (!isV3) return { type: String(answer.headers['config-type']), desc: null };
      const { type, desc } = JSON.parse(answer.body).data;
      return { type, desc };
    },
  };
}
