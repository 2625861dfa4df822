/** What is no request that an application could get: answered on the bare socket, as a problem like any other. */
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Problem } from '../view/schemas.ts';
import { problem, sendProblem } from './problems.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts';

/** A request, its body included, must be there within this time: one that never ends would hold its connection. */
export const REQUEST_TIMEOUT_MS = 30_000;

export interface BrokenRequests {
  /** Answers, where the other side can still hear it, and ends the connection. */
  answer(error: NodeJS.ErrnoException, socket: Socket): void;
  /** Must be called once, before the application listens. */
  watch(app: FastifyInstance): void;
}

export function createBrokenRequests(): BrokenRequests {
  /** The last request of each connection. */
  const exchanges = new WeakMap<Socket, { request: IncomingMessage; response: ServerResponse }>();

  /** The answer to a request that is all there, while it is not sent. */
  function runningOn(socket: Socket): ServerResponse | null {
    const { request, response } = exchanges.get(socket) ?? {};
    return request?.complete === true && response?.writableFinished === false ? response : null;
  }

  return {
    answer(error, socket) {
      const running = runningOn(socket);
      if (running !== null) {
        // What follows a good request is broken: an answer to that must not be taken for one to the good one.
        running.once('close', () => socket.destroy());
        return;
      }
      if (error.code !== 'ECONNRESET' && socket.writable) socket.write(textOf(problemOf(error.code)));
      socket.destroy();
    },
    watch(app) {
      takeOddRequests(app);
      app.addHook('onRequest', async ({ raw: request }, reply) => {
        exchanges.set(request.socket, { request, response: reply.raw });
        if (request.httpVersion === '1.1' && request.headers.host === undefined) {
          return sendProblem(reply, problem('INVALID_REQUEST', 'the request has no Host header'));
        }
      });
    },
  };
}

/** Node would answer these by itself, with a bare status: requests that name no host, or expect something unknown. */
function takeOddRequests({ server, routing }: FastifyInstance): void {
  Object.assign(server, { requireHostHeader: false });
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    routing(request, response);
  });
}

function problemOf(code: string | undefined): Problem {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return problem('HEADERS_TOO_LARGE', 'the address and the headers are larger than 16 KiB');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return problem('REQUEST_TIMEOUT', `the request was not complete after ${REQUEST_TIMEOUT_MS / 1000} s`);
    default:
      return problem('INVALID_REQUEST', 'the request is not HTTP/1.1');
  }
}

function textOf(answer: Problem): string {
  // The caller's own name of it is not to be had, or not to be trusted.
  const requestId = requestIdOf({});
  const body = JSON.stringify({ ...answer, requestId });
  const head = [
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'connection: close',
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}
