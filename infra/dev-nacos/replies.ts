/** The shapes in which Nacos servers answer: plain text, bare JSON, Spring's error object and the v3 envelope. */
import type { NacosRequest, Reply } from './http.ts';

export const JSON_TYPE = 'application/json;charset=UTF-8';
export const TEXT_TYPE = 'text/plain;charset=UTF-8';

export const NO_CACHE = {
  Pragma: 'no-cache',
  Expires: 'Thu, 01 Jan 1970 00:00:00 GMT',
  'Cache-Control': 'no-cache,no-store',
} as const;

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  410: 'Gone',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): Reply {
  return { status, headers: { ...headers, 'Content-Type': JSON_TYPE }, body: JSON.stringify(value) };
}

export function text(status: number, body: string): Reply {
  return { status, headers: { 'Content-Type': TEXT_TYPE }, body };
}

/** How Nacos prints an exception as text. */
export function caused(status: number, message: string): Reply {
  return text(status, `caused: ${message};`);
}

/** An empty 200, e.g. a long poll whose time ran out. */
export const EMPTY: Reply = { status: 200, headers: {}, body: '' };

/** Time in the form of Spring's and Jackson's JSON, always UTC: `2026-11-23T08:05:45.123+00:00`. */
export function jsonTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '+00:00');
}

/** Spring's error object, which answers for filters, routes and everything no handler caught. */
export function springError(status: number, message: string, request: NacosRequest, nowMs: number): Reply {
  return json(status, {
    timestamp: jsonTime(nowMs),
    status,
    error: REASONS[status] ?? 'Error',
    message,
    path: request.fullPath,
  });
}

/** The v3 envelope of a success. */
export function success(payload: unknown): Reply {
  return json(200, { code: 0, message: 'success', data: payload });
}

const FAILURES = {
  10000: 'parameter missing',
  10001: 'access denied',
  20002: 'parameter validate error',
  20004: 'resource not found',
  20005: 'resource conflict',
  30000: 'server error',
} as const;

/** The v3 envelope of a failure: the code's sentence as message, the detail as `data`. */
export function failure(status: number, code: keyof typeof FAILURES, detail: string | null): Reply {
  return json(status, { code, message: FAILURES[code], data: detail });
}

/** The page that a proxy in front, or another program on the port, answers: not from Nacos at all. */
export function foreignNotFound(): Reply {
  return {
    status: 404,
    headers: { 'Content-Type': 'text/html;charset=utf-8' },
    body: '<!doctype html><html lang="en"><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>',
  };
}
