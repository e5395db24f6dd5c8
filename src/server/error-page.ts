// Error responses of our own: plain, short, in the form the client asks for, and silent about the disk and the app.
import { STATUS_CODES } from 'node:http';
import type { HttpError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';

/** What each status tells the person who reads it; the operator's side of it is in the log. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  400: 'The address or the request is malformed.',
  403: 'This file may not be read.',
  404: 'There is nothing at this address.',
  408: 'The request did not arrive in time.',
  405: 'This cannot be done here. Files can only be read, with GET or HEAD.',
  406: 'The file is not there in a form that the request accepts.',
  410: 'This link has expired.',
  412: 'The file is not the version that the request asks for.',
  413: 'The upload is too large.',
  414: 'The address is too long.',
  416: 'The file has no such part.',
  431: 'The request has too many fields, or too large ones; deleting the cookies of this site may help.',
  500: 'The server could not complete the request.',
  501: 'The request is encoded in a way that is not understood here.',
  502: 'The application did not answer. It may be starting or restarting; please try again in a moment.',
  503: 'The server is busy; please try again in a moment.',
  504: 'The application took too long to answer.',
  507: 'The server has no room for this upload now.',
  508: 'The server is set up in such a way that the request came back to it.',
};

/** Where an error says more than its status. */
const EXPLANATIONS_BY_CODE: Readonly<Record<string, string>> = {
  MEDIA_SERVE_STORE_FAILED: 'This file cannot be had now; please try again in a moment.',
  MEDIA_SERVE_STORE_TIMEOUT: 'This file takes too long to come; please try again in a moment.',
  MEDIA_SERVE_STARTING_UP: 'The application is starting up; please try again in a moment.',
};

/** The operator's own pages, by status (nginx: error_page). */
export type ErrorPages = ReadonlyMap<number, { readonly type: string; readonly body: Buffer }>;

/** Answers with the error's status, its fields, and a page. */
export function sendErrorPage(exchange: Exchange, error: HttpError, pages: ErrorPages): void {
  const { request, response } = exchange;
  const [type, body] = renderPage(error, request.headers.accept, exchange.id, pages);
  const { statusCode } = error;
  // What comes behind it cannot be told, or is no request.
  if (statusCode === 400 || statusCode === 408 || !request.complete) response.shouldKeepAlive = false;
  const fields = Object.entries({
    'Content-Type': type,
    'Content-Length': String(body.length),
    // An upload that is missing now may be there in a second; an app that is down, up.
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...error.headers,
  }).flat();
  if (exchange.corsFields !== undefined) fields.push(...exchange.corsFields);
  exchange.bytes = request.method === 'HEAD' ? 0 : body.length;
  response.writeHead(statusCode, fields);
  response.end(body);
}

function renderPage(
  error: HttpError,
  accept = '',
  id: string,
  pages: ErrorPages,
): readonly [type: string, page: Buffer] {
  const { statusCode: status, code } = error;
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const { limit } = error;
  const explanation =
    status === 413 && limit !== undefined
      ? `The upload is too large: it may have ${formatSize(limit)} at most.`
      : (EXPLANATIONS_BY_CODE[code] ?? EXPLANATIONS[status] ?? '');
  if (/\bjson\b/i.test(accept) && !/\btext\/html\b/i.test(accept)) {
    const body = { error: { status, code, message: explanation, limit, requestId: id } };
    return ['application/json; charset=utf-8', Buffer.from(`${JSON.stringify(body)}\n`)];
  }
  const own = pages.get(status);
  if (own !== undefined) return [own.type, own.body];
  if (/\btext\/html\b/i.test(accept)) {
    return ['text/html; charset=utf-8', Buffer.from(htmlPage(title, explanation, id))];
  }
  return ['text/plain; charset=utf-8', Buffer.from(`${title}\n${explanation}\nRequest ${id}\n`)];
}

const UNITS = ['bytes', 'KB', 'MB', 'GB'] as const;

/** As people write it, and as the option takes it: 100 MB are 100 × 1024 × 1024 bytes. Never more than it is. */
export function formatSize(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${Math.floor((bytes / 1024 ** power) * 10) / 10} ${UNITS[power]}`;
}

function htmlPage(title: string, explanation: string, id: string): string {
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem;color-scheme:light dark}small{opacity:.6}</style>
<h1>${title}</h1>
<p>${explanation}</p>
<p><small>Request ${id}</small></p>
</html>
`;
}
