/** What is no request that an application could get: answered on the bare socket, as a problem like any other. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Problem } from '../view/schemas.ts';
import { problem } from './problems.ts';
import { REQUEST_ID_HEADER, requestIdOf } from './request-id.ts';

/** A request, its body included, must be there within this time: one that never ends would hold its connection. */
export const REQUEST_TIMEOUT_MS = 30_000;

/** Answers, where the other side can still hear it, and ends the connection. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code !== 'ECONNRESET' && socket.writable) {
    const requestId = requestIdOf({});
    const answer = { ...problemOf(error.code), requestId };
    const body = JSON.stringify(answer);
    const head = [
      `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      'cache-control: no-store',
      `${REQUEST_ID_HEADER}: ${requestId}`,
      'connection: close',
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  }
  socket.destroy();
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
