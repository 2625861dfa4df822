/** Reading the live document: bytes in, meaning out. */
import type { RouteReading } from './observation.ts';
import { parseRule } from './rule.ts';
import type { Live } from './turn.ts';

export function understand(route: RouteReading): Live {
  switch (route.kind) {
    case 'notRead':
      return {
        kind: 'unknown',
        looked: false,
        detail: route.isLate
          ? 'the live rule is not read yet: the server is slow to answer'
          : 'the live rule was not read for this decision; that comes next',
      };
    case 'unreadable':
      return { kind: 'unknown', looked: true, detail: `the live rule could not be read: ${route.detail}` };
    case 'absent':
      return { kind: 'absent', authoritative: route.authoritative };
    case 'document': {
      const parsed = parseRule(route.content);
      const { content, md5, authoritative } = route;
      if (!parsed.ok) return { kind: 'malformed', content, md5, detail: parsed.error, authoritative };
      return { kind: 'rule', content, md5, rule: parsed.value, authoritative };
    }
  }
}
