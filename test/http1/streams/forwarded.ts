/** What the app is to get of a request: everything but what a proxy has to change (RFC 9110 §7.6, §3.7). */
import { difference, type Fields, membersOf, type ReadRequest, valuesOf } from './message.js';

/** Fields of one connection (RFC 9110 §7.6.1), and those by which the body is framed anew; of trailers none goes on. */
const OF_CONNECTION =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|content-length|upgrade|expect|host|proxy)$/;
/** What this server says itself, and believes of nobody. Names with `_` are the same as these to WSGI. */
const SAID_BY_PROXY = /^(?:x-forwarded(?:-.*)?|forwarded|x-real-ip|x-request-id)$|_/;
/** What no Connection field takes away: it is meant for the app. */
const END_TO_END =
  /^(?:cdn-loop|cookie|authorization|cache-control|expires|vary|etag|location|content-.*|x-accel-.*|set-cookie)$/;

/** Its mark, behind those of others (RFC 8586). */
const MARK = /^media-serve;id=[0-9a-f]{16}$/;

const ABSOLUTE = /^https?:\/\/([^/?#]+)(.*)$/is;

export interface Expected {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly fields: Fields;
  readonly body: string;
}

/** The request as the app is to get it. */
export function expectedAtApp(request: Pick<ReadRequest, 'method' | 'target' | 'fields' | 'body'>): Expected {
  const [, authority, rest = ''] = ABSOLUTE.exec(request.target) ?? [];
  const host = authority ?? valuesOf(request, 'host')[0] ?? 'localhost';
  const target = authority === undefined ? request.target : rest.startsWith('/') ? rest : `/${rest}`;
  const nominated = new Set(membersOf(request, 'connection').filter((name) => !END_TO_END.test(name)));
  const fields = request.fields.filter(
    ([name]) => !OF_CONNECTION.test(name) && !SAID_BY_PROXY.test(name) && !nominated.has(name),
  );
  return { method: request.method, target, host, fields: withOneCookie(fields), body: request.body };
}

/** RFC 6265 §5.4: all cookies are in one field, where the first of them was. */
function withOneCookie(fields: Fields): Fields {
  const isCookie = ([name]: Fields[number]): boolean => name === 'cookie';
  const cookies = fields.filter(isCookie).map(([, value]) => value);
  const first = fields.findIndex(isCookie);
  return fields
    .filter((field, index) => index === first || !isCookie(field))
    .map((field) => (isCookie(field) ? ['cookie', cookies.filter(Boolean).join('; ')] : field));
}

/** What is wrong with the request that the app got in the place of this one. */
export function faultsAtApp(
  request: Pick<ReadRequest, 'method' | 'target' | 'fields' | 'body'>,
  received: ReadRequest,
  client: string,
): string[] {
  const expected = expectedAtApp(request);
  const faults: string[] = [];
  const own: Readonly<Record<string, string>> = {
    host: expected.host,
    'x-real-ip': client,
    'x-forwarded-for': client,
    'x-forwarded-proto': 'http',
  };
  for (const [name, value] of Object.entries(own)) {
    const values = valuesOf(received, name);
    if (values.length !== 1 || values[0] !== value) {
      faults.push(`the app's ${name} is ${JSON.stringify(values)} and not ${JSON.stringify(value)}`);
    }
  }
  const marks = valuesOf(received, 'cdn-loop');
  if (!MARK.test(marks.at(-1) ?? ''))
    faults.push(`the app's last cdn-loop is ${JSON.stringify(marks.at(-1))}`);
  const markAt = received.fields.findLastIndex(([name]) => name === 'cdn-loop');
  const mine = {
    ...expected,
    version: '1.1',
    trailers: received.trailers,
    closes: undefined,
    end: undefined,
  };
  const theirs = {
    ...received,
    end: undefined,
    fields: received.fields.filter(([name], index) => !isOwn(name) && index !== markAt),
  };
  const different = difference({ ...mine, fields: mine.fields.filter(([name]) => !isOwn(name)) }, theirs);
  if (different !== undefined) faults.push(`sent and received differ in ${different}`);
  return faults;
}

function isOwn(name: string): boolean {
  return OF_CONNECTION.test(name) || SAID_BY_PROXY.test(name);
}
