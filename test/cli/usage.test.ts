import { expect, test } from 'vitest';
import { begin } from './run.ts';

test.each<[string, string[], string]>([
  ['no command', [], 'Usage: canary'],
  ['an unknown command', ['explode'], "unknown command 'explode'"],
  ['a slip', ['lits'], 'Did you mean list?'],
  ['an unknown flag', ['list', '--wide'], "unknown option '--wide'"],
  ['a missing name', ['get'], "missing required argument 'name'"],
  ['one argument too many', ['list', 'everything'], 'too many arguments'],
  ['an unknown format', ['list', '-o', 'xml'], 'Allowed choices are table, json, yaml'],
  ['an address that is none', ['list', '--server', 'localhost:5001'], 'http or https address'],
  ['a start without a revision', ['start', 'x'], "'--revision <revision>' not specified"],
  ['a wait without its end', ['wait', 'x'], "'--for <what>' not specified"],
  ['a wait for nothing that exists', ['wait', 'x', '--for', 'promoted'], 'Did you mean Promoted?'],
  ['a timeout without a unit', ['wait', 'x', '--for', 'Promoted', '--timeout', '30'], 'must be a duration'],
  ['an event that is no number', ['explain', 'x', '--at', 'last'], 'It must be a number'],
])('%s is a usage error: 2', async (_, argv, message) => {
  const { code, out, talk } = await begin(null, argv).ended;
  expect([code, out]).toEqual([2, '']);
  expect(talk).toContain(message);
});

test('a variable that names no address is a usage error, but only for commands that need a server', async () => {
  const env = { CANARY_SERVER: 'localhost' };
  const list = await begin(null, ['list'], { env }).ended;
  expect(list).toMatchObject({
    code: 2,
    talk: expect.stringContaining('CANARY_SERVER in the environment must be'),
  });
  expect((await begin(null, ['version'], { env }).ended).code).toBe(0);
});
