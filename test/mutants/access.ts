/** Mutations of who may call what: each lets somebody in, or lets something out. */
import type { Mutant } from './mutants.ts';

const ROLES = 'a call is taken from its role on, and from nobody without a good token';
const FILES = 'what cannot be used leaves the last good content in force';

const AT_THE_DOOR = ['test/server/access.test.ts'];

export const ACCESS: readonly Mutant[] = [
  {
    name: 'every role is high enough',
    guards: ROLES,
    file: 'src/access/roles.ts',
    text: 'ROLES.indexOf(role) >= ROLES.indexOf(least)',
    by: 'ROLES.indexOf(role) >= 0',
    tests: AT_THE_DOOR,
  },
  {
    name: 'a token never expires',
    guards: ROLES,
    file: 'src/access/tokens.ts',
    text: 'Date.parse(expires) <= now',
    by: 'Date.parse(expires) <= 0',
    tests: AT_THE_DOOR,
  },
  {
    name: 'a list of Canaries limits nothing',
    guards: ROLES,
    file: 'src/server/writes.ts',
    text: 'if (!mayChange(token, canary)) {',
    by: 'if (!mayChange({}, canary)) {',
    tests: AT_THE_DOOR,
  },
  {
    name: 'force asks for no more than its verb',
    guards: ROLES,
    file: 'src/server/writes.ts',
    text: "with force`, 'administer')",
    by: "with force`, 'operate')",
    tests: AT_THE_DOOR,
  },
  {
    name: 'with tokens this machine may still do anything',
    guards: ROLES,
    file: 'src/server/access.ts',
    text: 'if (shown === null) return objectionWithoutTokens(request, access);',
    by: "if (shown === null || 'code' in shown) return objectionWithoutTokens(request, access);",
    tests: AT_THE_DOOR,
  },
  {
    name: 'a header says who acts, whatever the token',
    guards: ROLES,
    file: 'src/server/writes.ts',
    text: 'if (token !== null) return token.name;',
    by: "if (token !== null && headers['x-canary-actor'] === undefined) return token.name;",
    tests: AT_THE_DOOR,
  },
  {
    name: 'a route may forget to say who calls it',
    guards: ROLES,
    file: 'src/server/access.ts',
    text: 'if (access === undefined) throw',
    by: 'if (access === null) throw',
    tests: AT_THE_DOOR,
  },
  {
    name: 'wrong tokens hold a good one up',
    guards: ROLES,
    file: 'src/server/access.ts',
    text: "return 'code' in shown ? limiter.failure(request, reply, shown) : objectionToRole(shown, access);",
    by: "const failed = await limiter.failure(request, reply, 'code' in shown ? shown : problem('TOKEN_MISSING', ''));\n  return 'code' in shown || failed.status === 429 ? failed : objectionToRole(shown, access);",
    tests: ['test/server/limits.test.ts'],
  },
  {
    name: 'an empty tokens file is one without tokens',
    guards: FILES,
    file: 'src/access/tokens.ts',
    text: 'if (document.contents === null) return err(',
    by: 'if (document.contents === null) return ok([]);\n  if (text === null) return err(',
    tests: ['test/access/tokens.test.ts'],
  },
  {
    name: 'a broken file is in force',
    guards: FILES,
    file: 'src/access/live-file.ts',
    text: 'const parsed = parse(texts);',
    by: 'const parsed = parse(texts);\n    value = parsed.ok ? parsed.value : (null as T);',
    tests: ['test/access/live-file.test.ts'],
  },
  {
    name: 'a certificate is never renewed',
    guards: FILES,
    file: 'src/server/server.ts',
    text: 'if (app.server instanceof TlsServer)',
    by: 'if (!(app.server instanceof TlsServer))',
    tests: ['test/server/tls.test.ts'],
  },
  {
    name: 'the tokens file is open to everybody on the machine',
    guards: FILES,
    file: 'src/access/rewrite.ts',
    text: 'const MODE_KEPT = 0o040;',
    by: 'const MODE_KEPT = 0o044;',
    tests: ['test/cli/token.test.ts'],
  },
];
