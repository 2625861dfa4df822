/**
 * The part of Nacos that `users.sh` talks to: users, roles, permissions and one read, as measured on 2.5.1 and 3.0.3
 * and as their sources say. Users can log in only after some tries, as on a real server, which reloads them by a timer.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

interface Permission {
  readonly role: string;
  readonly resource: string;
  readonly action: string;
}

export interface FakeNacos {
  /** With the context path. */
  readonly url: string;
  readonly passwords: Map<string, string>;
  readonly roles: Map<string, string>;
  readonly permissions: Permission[];
  stop(): Promise<void>;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

export async function startFakeNacos(
  api: 'v1' | 'v3',
  users: Record<string, string> = {},
): Promise<FakeNacos> {
  const names =
    api === 'v3'
      ? { user: 'user', role: 'role', permission: 'permission', read: '/nacos/v3/admin/cs/config' }
      : { user: 'users', role: 'roles', permission: 'permissions', read: '/nacos/v1/cs/configs' };
  const auth = `/nacos/${api}/auth`;
  const passwords = new Map(Object.entries(users));
  const roles = new Map<string, string>();
  const permissions: Permission[] = [];
  const tokens = new Map<string, string>();
  const triesLeft = new Map<string, number>();

  const conflict: Reply = { status: 400, body: { message: 'already there' } };
  const denied: Reply = { status: 403, body: { message: 'Code: 401, Message: token invalid!.' } };
  const ok: Reply = { status: 200, body: { code: 0, message: 'success' } };

  function logIn(form: URLSearchParams): Reply {
    const name = form.get('username') ?? '';
    const left = triesLeft.get(name) ?? 2;
    triesLeft.set(name, left - 1);
    if (left > 0 || passwords.get(name) !== form.get('password')) return { status: 500, body: {} };
    const token = `token-of-${name}-${tokens.size}`;
    tokens.set(token, name);
    return { status: 200, body: { accessToken: token, tokenTtl: 18000, username: name } };
  }

  function makeAdmin(form: URLSearchParams): Reply {
    if (passwords.has('nacos')) return { status: 200, body: { code: 409 } };
    passwords.set('nacos', form.get('password') ?? '');
    return ok;
  }

  function asAdmin(path: string, form: URLSearchParams): Reply {
    const [name = '', role = '', password = ''] = ['username', 'role', 'password'].map(
      (key) => form.get(key) ?? '',
    );
    if (path === `${auth}/${names.user}`) {
      if (passwords.has(name)) return conflict;
      passwords.set(name, password);
    } else if (path === `${auth}/${names.role}`) {
      if (roles.has(name) || !passwords.has(name)) return conflict;
      roles.set(name, role);
    } else {
      const resource = form.get('resource') ?? '';
      if (permissions.some((it) => it.role === role && it.resource === resource)) return conflict;
      permissions.push({ role, resource, action: form.get('action') ?? '' });
    }
    return ok;
  }

  function read(user: string | undefined, query: URLSearchParams): Reply {
    const group = query.get(api === 'v3' ? 'groupName' : 'group') ?? '';
    const asked = `:${group}:config/${query.get('dataId')}`;
    const mayRead = permissions.some(
      ({ role, resource, action }) =>
        role === roles.get(user ?? '') &&
        action.includes('r') &&
        new RegExp(`^${resource.replaceAll('*', '.*')}$`).test(asked),
    );
    return mayRead ? { status: 404, body: 'config data not exist' } : denied;
  }

  async function answer(request: IncomingMessage): Promise<Reply> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    const form = new URLSearchParams(await text(request));
    const user = tokens.get((request.headers.authorization ?? '').replace('Bearer ', ''));
    if (request.method === 'GET' && pathname === names.read) return read(user, searchParams);
    if (pathname === `${auth}/${names.user}/admin`) return makeAdmin(form);
    if (pathname === `${auth}/${names.user}/login`) return logIn(form);
    const isKnown = [names.user, names.role, names.permission].some((name) => pathname === `${auth}/${name}`);
    if (!isKnown) return { status: 404, body: { message: `No endpoint ${request.method} ${pathname}.` } };
    return user === 'nacos' ? asAdmin(pathname, form) : denied;
  }

  const server = createServer((request, response) => {
    answer(request).then(
      ({ status, body }) => response.writeHead(status).end(JSON.stringify(body)),
      (cause: unknown) => response.destroy(cause instanceof Error ? cause : undefined),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/nacos`,
    passwords,
    roles,
    permissions,
    stop: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
