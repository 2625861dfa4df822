/** State, liveness and readiness: none of them needs a token on any generation. */
import type { Reply } from './http.ts';
import type { Parts } from './parts.ts';
import { json, success, text } from './replies.ts';

function stateOf(parts: Parts): Record<string, string | null> {
  const { generation, hasAccount } = parts;
  const common = {
    version: generation.reportedVersion,
    function_mode: null,
    auth_enabled: String(hasAccount),
    auth_system_type: 'nacos',
  };
  if (generation.version === '2.2.3') {
    return { ...common, standalone_mode: 'standalone', login_page_enabled: String(hasAccount) };
  }
  return {
    ...common,
    startup_mode: 'standalone',
    server_port: String(parts.port),
    auth_admin_request: String(generation.major === 3 && !hasAccount),
    datasource_platform: 'derby',
    config_retention_days: '30',
  };
}

/** 2.x: the fields at top level. */
export function stateV1(parts: Parts): Reply {
  return json(200, stateOf(parts));
}

/** 3.x: the fields in the envelope. `auth_enabled` speaks of the Admin API only, never of v1 or the client API. */
export function stateV3(parts: Parts): Reply {
  return success(stateOf(parts));
}

export function healthV1(): Reply {
  return text(200, 'OK');
}

export function healthV3(): Reply {
  return success('ok');
}

export function actuatorHealth(): Reply {
  return json(200, { status: 'UP' });
}

/** What the server port of 3.x answers to someone who looks for the console. */
export function consoleHint(): Reply {
  return text(200, 'Nacos Console default port is 8080, and the path is /.');
}
