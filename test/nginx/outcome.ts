/** What is compared: an answer with everything taken away that may differ between two correct servers. */
import type { Answer } from './client.js';
import type { Request } from './request.js';

/** One part of a multipart/byteranges body (RFC 9110 §14.6). */
export interface Part {
  readonly type: string;
  readonly range: string;
  readonly body: Buffer;
}

export interface Outcome {
  readonly status: number;
  /** By lower-case name, repeated ones joined. A pattern in what is expected stands for every value it matches. */
  readonly headers: Readonly<Record<string, string | RegExp>>;
  /** A pattern in what is expected stands for every body it matches. */
  readonly body: Buffer | readonly Part[] | RegExp;
  /** Whether the connection ended with this answer; undefined in what is expected: it may. */
  readonly closed: boolean | undefined;
  readonly interim: readonly number[];
  /** Why the answer is no proper answer; expected only where nginx is compared with itself. */
  readonly broken: string | undefined;
}

/**
 * Not compared: the time, who answers, the facts that nginx is made to tell, and how a connection that stays
 * open is announced. That it stays open, or is closed, is compared.
 */
const IGNORED = new Set(['date', 'server', 'x-path', 'x-location', 'connection', 'keep-alive']);

export function outcomeOf(request: Request, answer: Answer): Outcome {
  const headers: Record<string, string> = {};
  for (const [name, text] of answer.fields) {
    if (IGNORED.has(name)) continue;
    headers[name] = headers[name] === undefined ? text : `${headers[name]}, ${text}`;
  }
  const outcome = {
    status: answer.status,
    headers,
    body: answer.body,
    closed: answer.closed,
    interim: answer.interim,
    broken: answer.broken,
  };
  const boundary = /^multipart\/byteranges; *boundary=(?:"([^"]*)"|(\S+))$/i.exec(
    headers['content-type'] ?? '',
  );
  if (boundary === null) return outcome;

  // Each server makes its own boundary, and the length depends on the boundary's.
  const { 'content-length': _, ...others } = headers;
  const multipart = { ...outcome, headers: { ...others, 'content-type': 'multipart/byteranges' } };
  if (request.method === 'HEAD') return multipart;
  const parts = partsOf(answer.body, boundary[1] ?? boundary[2] ?? '');
  return typeof parts === 'string'
    ? { ...multipart, broken: answer.broken ?? parts }
    : { ...multipart, body: parts };
}

/** Takes a multipart body apart; returns what is wrong with it when it is not one. */
function partsOf(body: Buffer, boundary: string): Part[] | string {
  const parts: Part[] = [];
  let at = body.subarray(0, 2).toString() === '\r\n' ? 2 : 0;
  for (;;) {
    const delimiter = `--${boundary}`;
    if (body.toString('latin1', at, at + delimiter.length) !== delimiter) return 'no delimiter before a part';
    at += delimiter.length;
    if (/^--(\r\n)?$/.test(body.toString('latin1', at))) return parts;
    const headEnd = body.indexOf('\r\n\r\n', at);
    if (body.toString('latin1', at, at + 2) !== '\r\n' || headEnd < 0) return 'no head in a part';
    const head = body.toString('latin1', at + 2, headEnd);
    const fields = new Map(
      head.split('\r\n').map((line): [string, string] => {
        const [name = '', ...rest] = line.split(':');
        return [name.toLowerCase(), rest.join(':').trim()];
      }),
    );
    const range = fields.get('content-range') ?? '';
    const [, first, last] = /^bytes (\d+)-(\d+)\/\d+$/.exec(range) ?? [];
    const start = headEnd + 4;
    const end = start + Number(last) - Number(first) + 1;
    if (body.toString('latin1', end, end + 2) !== '\r\n') return `a part of another length than ${range}`;
    parts.push({ type: fields.get('content-type') ?? '', range, body: body.subarray(start, end) });
    fields.delete('content-type');
    fields.delete('content-range');
    if (fields.size > 0) return `unexpected fields in a part: ${[...fields.keys()].join(', ')}`;
    at = end + 2;
  }
}

/** Every difference between what is expected and what came, as a line each; none when they agree. */
export function differences(expected: Outcome, actual: Outcome): string[] {
  const found: string[] = [];
  const differs = (what: string, wanted: unknown, got: unknown): void => {
    found.push(`${what}: expected ${String(wanted)}, got ${String(got)}`);
  };
  if (expected.broken !== actual.broken) differs('broken', expected.broken, actual.broken);
  if (expected.status !== actual.status) differs('status', expected.status, actual.status);
  if (expected.closed !== undefined && expected.closed !== actual.closed)
    differs('connection closed', expected.closed, actual.closed);
  if (String(expected.interim) !== String(actual.interim))
    differs('interim', expected.interim, actual.interim);
  for (const name of new Set([...Object.keys(expected.headers), ...Object.keys(actual.headers)])) {
    const wanted = expected.headers[name];
    const got = actual.headers[name];
    const agree = wanted instanceof RegExp ? typeof got === 'string' && wanted.test(got) : wanted === got;
    if (!agree) differs(name, wanted, got);
  }
  if (!sameBody(expected.body, actual.body)) {
    differs('body', describe(expected.body), describe(actual.body));
  }
  return found;
}

function sameBody(expected: Outcome['body'], actual: Outcome['body']): boolean {
  if (isParts(expected)) {
    return (
      isParts(actual) &&
      expected.length === actual.length &&
      expected.every((part, index) => {
        const other = actual[index];
        return part.type === other?.type && part.range === other.range && part.body.equals(other.body);
      })
    );
  }
  if (!Buffer.isBuffer(actual)) return false;
  return Buffer.isBuffer(expected) ? expected.equals(actual) : expected.test(actual.toString('latin1'));
}

export function isParts(body: Outcome['body']): body is readonly Part[] {
  return Array.isArray(body);
}

function describe(body: Outcome['body']): string {
  if (isParts(body)) return body.map(({ type, range }) => `[${type}; ${range}]`).join('');
  if (!Buffer.isBuffer(body)) return String(body);
  return `${body.length} bytes ${JSON.stringify(body.subarray(0, 40).toString('latin1'))}`;
}

/** An outcome as text, for messages. */
export function printed(outcome: Outcome): string {
  const { status, headers, body, closed, interim, broken } = outcome;
  return [
    `${interim.map((code) => `${code}, `).join('')}${status}${closed ? ', connection closed' : ''}`,
    ...Object.entries(headers).map(([name, text]) => `${name}: ${text}`),
    describe(body),
    ...(broken === undefined ? [] : [`broken: ${broken}`]),
  ].join('\n');
}
