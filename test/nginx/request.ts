/**
 * A request as the bytes that go over the wire, together with what the rules and the client have to know of it.
 * Bytes are written as Latin-1 strings, one character a byte, so that a failing request prints as itself.
 */

export interface Request {
  /** The whole request, head and body. */
  readonly raw: string;
  readonly method: string;
  readonly target: string;
  /** `1.1`, `1.0`, or whatever else stood there; empty for HTTP/0.9. */
  readonly version: string;
  /** Names in lower case, in the order they stand. */
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** Reads what can be read of the bytes; never complains, since many of these requests are broken on purpose. */
export function parseRequest(raw: string): Request {
  const [head = ''] = raw.split(/\r?\n\r?\n/, 1);
  const [line = '', ...lines] = head.split(/\r?\n/);
  const [, method = '', target = '', version = ''] = /^(\S*) (.*?)(?: HTTP\/(\S*))?$/.exec(line) ?? [];
  const fields = lines.map((field): [string, string] => {
    const colon = field.indexOf(':');
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
  });
  return { raw, method, target, version, fields };
}

/** All values of a field, in order. */
export function values(request: Request, name: string): string[] {
  return request.fields.filter(([field]) => field === name).map(([, value]) => value);
}

/** The first value of a field. */
export function value(request: Request, name: string): string | undefined {
  return values(request, name)[0];
}

/** A well-formed request, from its parts. `fields` are whole lines, such as `Range: bytes=0-4`. */
export function request(method: string, target: string, ...fields: string[]): Request {
  return parseRequest([`${method} ${target} HTTP/1.1`, 'Host: example.org', ...fields, '', ''].join('\r\n'));
}

/** As {@link request}, with GET. */
export function get(target: string, ...fields: string[]): Request {
  return request('GET', target, ...fields);
}

/** For messages: the bytes with line ends shown, other control and non-ASCII bytes escaped, long runs shortened. */
export function show(bytes: string): string {
  return bytes
    .replace(/[^\r\n\x20-\x7e]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/(.)\1{99,}/g, (run, character: string) => `${character}{${run.length} times}`)
    .replace(/\r\n/g, '\\r\\n\n')
    .trimEnd();
}
