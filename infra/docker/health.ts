/** The images' health check: exits 0 when the program in this container answers that it is ready, else 1. */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

const { env } = process;
const LIMIT_MS = 4_000;
const port = (env['CANARY_LISTEN'] ?? env['PORT'] ?? '5001').split(':').at(-1);
const options = {
  host: '127.0.0.1',
  port,
  path: env['HEALTH_PATH'] ?? '/readyz',
  timeout: LIMIT_MS,
  // Asked from inside for life, not for identity: no certificate names 127.0.0.1.
  rejectUnauthorized: false,
};
const send = (env['CANARY_TLS_CERT'] ?? '') === '' ? requestHttp : requestHttps;

const request = send(options, (response) => {
  response.resume();
  end(response.statusCode === 200 ? null : `answered ${response.statusCode}`);
});
request.on('timeout', () => end('no answer'));
request.on('error', (error) => end(error.message));
request.end();

function end(problem: string | null): never {
  if (problem !== null) console.error(`${options.path}: ${problem}`);
  process.exit(problem === null ? 0 : 1);
}
