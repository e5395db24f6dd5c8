/** The requests of the benchmark: as bytes for wrk, and sent once to check that the answer is the right one. */
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http';

export interface Request {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** True when the body goes in chunks; else its length is said before. */
  readonly isChunked?: boolean;
  /** What it is sent as under load; 1.1 if nothing is said. */
  readonly httpVersion?: '1.0';
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** Bytes on the wire, head included. */
  readonly size: number;
}

/** A request and the one right answer to it. */
export interface Exchange {
  readonly request: Request;
  readonly status: number;
  readonly body: Buffer;
}

export function get(path: string, headers: Readonly<Record<string, string>> = {}): Request {
  return { method: 'GET', path, headers };
}

/** The request as it goes over the wire. */
export function toBytes(request: Request, origin: string): Buffer {
  const { method, path, headers, body = Buffer.alloc(0), isChunked = false, httpVersion = '1.1' } = request;
  const fields = { Host: new URL(origin).host, ...headers, ...framingOf(request) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = Buffer.from(`${method} ${path} HTTP/${httpVersion}\r\n${lines.join('')}\r\n`);
  if (!isChunked) return Buffer.concat([head, body]);
  const start = Buffer.from(`${body.length.toString(16)}\r\n`);
  return Buffer.concat([head, start, body, Buffer.from('\r\n0\r\n\r\n')]);
}

function framingOf({ body, isChunked = false }: Request): Readonly<Record<string, string>> {
  if (body === undefined) return {};
  return isChunked ? { 'Transfer-Encoding': 'chunked' } : { 'Content-Length': String(body.length) };
}

/** Sends the request once, on a connection of its own, and resolves with the whole answer. */
export function fetchOnce(origin: string, request: Request): Promise<Answer> {
  const { method, path, headers, body } = request;
  const agent = new Agent({ keepAlive: true });
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = send(
      new URL(origin),
      { agent, method, path, headers: { ...headers, ...framingOf(request) } },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () => {
          const answer = Buffer.concat(chunks);
          const { statusCode = 0, statusMessage = '', rawHeaders } = incoming;
          const head =
            `HTTP/1.1 ${statusCode} ${statusMessage}\r\n`.length + rawHeaders.join('--').length + 4;
          resolve({
            status: statusCode,
            headers: incoming.headers,
            body: answer,
            size: head + answer.length,
          });
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  }).finally(() => agent.destroy());
}

/** @throws Error that says what is wrong with the answer, if it is not the right one. */
export function assertRight({ request, status, body }: Exchange, answer: Answer): void {
  const what = `${request.method} ${request.path}`;
  if (answer.status !== status) throw new Error(`${what} answered ${answer.status} instead of ${status}`);
  if (answer.body.length !== body.length) {
    throw new Error(`${what} answered ${answer.body.length} bytes instead of ${body.length}`);
  }
  if (!answer.body.equals(body)) throw new Error(`${what} answered the wrong bytes`);
}
