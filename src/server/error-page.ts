// Error responses of our own: plain, short, in the form the client asks for, and silent about the disk and the app.
import { STATUS_CODES } from 'node:http';
import type { HttpError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';

/** What each status tells the person who reads it; the operator's side of it is in the log. */
const EXPLANATIONS: Readonly<Record<number, string>> = {
  400: 'The address or the request is malformed.',
  403: 'This file may not be read.',
  404: 'There is nothing at this address.',
  405: 'Files can only be read, with GET or HEAD.',
  406: 'The file is not there in a form that the request accepts.',
  410: 'This link has expired.',
  412: 'The file is not the version that the request asks for.',
  416: 'The file has no such part.',
  500: 'The server could not complete the request.',
  502: 'The application did not answer. It may be starting or restarting; please try again in a moment.',
  503: 'The server is busy; please try again in a moment.',
  504: 'The application took too long to answer.',
};

/** Answers with the error's status, its fields, and a page. */
export function sendErrorPage(exchange: Exchange, error: HttpError): void {
  const { request, response } = exchange;
  const [type, page] = renderPage(error, request.headers.accept, exchange.id);
  const body = Buffer.from(page);
  const fields = Object.entries({
    'Content-Type': type,
    'Content-Length': String(body.length),
    // An upload that is missing now may be there in a second; an app that is down, up.
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...error.headers,
  }).flat();
  response.writeHead(error.statusCode, STATUS_CODES[error.statusCode] ?? '', fields);
  exchange.bytes = request.method === 'HEAD' ? 0 : body.length;
  response.end(body);
}

function renderPage(error: HttpError, accept = '', id: string): readonly [type: string, page: string] {
  const { statusCode: status, code } = error;
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const explanation = EXPLANATIONS[status] ?? '';
  if (/\bjson\b/i.test(accept) && !/\btext\/html\b/i.test(accept)) {
    const body = { error: { status, code, message: explanation, requestId: id } };
    return ['application/json; charset=utf-8', `${JSON.stringify(body)}\n`];
  }
  if (/\btext\/html\b/i.test(accept)) {
    return ['text/html; charset=utf-8', htmlPage(title, explanation, id)];
  }
  return ['text/plain; charset=utf-8', `${title}\n${explanation}\nRequest ${id}\n`];
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

/** What a request that is no HTTP gets; there is no exchange yet, only a socket. */
export function malformedResponse(code: string | undefined): string {
  const status = code === 'HPE_HEADER_OVERFLOW' ? 431 : code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const body = `${status} ${STATUS_CODES[status]}\n`;
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n` +
    `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`
  );
}
