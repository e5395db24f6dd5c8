/** A client that sends exactly the bytes it is given, for requests that no well-behaved client can make. */
import { connect, type NetConnectOpts } from 'node:net';

export interface RawResponse {
  readonly status: number;
  readonly reason: string;
  /** Header fields in the order they came, names in lower case. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The first value of each field, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** Everything after the head, as it came (still chunked if it was chunked). */
  readonly body: Buffer;
}

/** Sends `request` and resolves with all bytes received until the server closes, or `timeout` ms of silence. */
export function rawExchange(
  target: number | NetConnectOpts,
  request: string | Buffer,
  { timeout = 5000 }: { timeout?: number } = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(typeof target === 'number' ? { port: target, host: '127.0.0.1' } : target);
    const chunks: Buffer[] = [];
    socket.setTimeout(timeout, () => socket.destroy());
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error);
    });
    socket.on('close', () => resolve(Buffer.concat(chunks)));
    socket.write(request);
  });
}

/** Splits the first response's head from what follows it. */
export function parseResponse(bytes: Buffer): RawResponse {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no response head in ${JSON.stringify(bytes.toString('latin1'))}`);
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [, status = '', reason = ''] = /^HTTP\/1\.[01] (\d{3}) ?(.*)$/.exec(statusLine) ?? [];
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) headers[name] ??= value;
  return { status: Number(status), reason, fields, headers, body: bytes.subarray(end + 4) };
}

/** One request on a connection of its own; the request must ask for `Connection: close`. */
export async function rawRequest(
  target: number | NetConnectOpts,
  request: string | Buffer,
  options?: { timeout?: number },
): Promise<RawResponse> {
  return parseResponse(await rawExchange(target, request, options));
}
