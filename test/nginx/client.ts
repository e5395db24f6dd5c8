/**
 * A client that writes raw requests in pipelined runs on one connection and takes the answers apart as
 * RFC 9112 §6.3 frames them, so that a wrong length or a stray byte shows as what it is.
 */
import { connect, type Socket } from 'node:net';
import { parseResponse, type RawResponse } from '../support/raw.js';
import { type Request, value } from './request.js';

/** What came back for one request. */
export interface Answer extends RawResponse {
  /** 1xx answers that came before the final one. */
  readonly interim: readonly number[];
  /** The server ended the connection after this answer. */
  readonly closed: boolean;
  /** What was wrong with the answer as a message; undefined when nothing was. */
  readonly broken: string | undefined;
}

/** Milliseconds without an answer after which a server counts as stuck. */
const PATIENCE = 10_000;

/** What is said of a request when the connection ended and not a byte of an answer had come. */
const CLOSED = 'closed without an answer';

/**
 * Sends the requests in order and returns their answers in order. Requests go out without waiting for answers,
 * except after one that may well end the connection; what a server closed in front of is sent on a new one.
 */
export async function exchange(port: number, requests: readonly Request[]): Promise<Answer[]> {
  const answers: Answer[] = [];
  let connection: Connection | undefined;
  /** Where in `answers` those of this connection begin. */
  let first = 0;
  for (const run of runs(requests)) {
    const end = answers.length + run.length;
    while (answers.length < end) {
      if (connection === undefined) {
        connection = await Connection.open(port);
        first = answers.length;
      }
      const rest = run.slice(answers.length - end);
      connection.write(rest.map(({ raw }) => raw).join(''));
      for (const request of rest) {
        const answer = await connection.answer(request);
        const last = answers.at(-1);
        const leftSilently = answer.broken === CLOSED && answers.length > first && last !== undefined;
        // Then nothing is wrong with this request: it is sent again, and the fault is the last answer's.
        if (leftSilently)
          answers[answers.length - 1] = { ...last, broken: 'closed the connection it said to keep' };
        else answers.push(answer);
        if (leftSilently || answer.closed) {
          connection.close();
          connection = undefined;
          break;
        }
      }
    }
  }
  connection?.close();
  return answers;
}

/** Splits the requests after each one that may end the connection: bytes written behind it could destroy its answer. */
function runs(requests: readonly Request[]): Request[][] {
  const result: Request[][] = [[]];
  for (const request of requests) {
    result.at(-1)?.push(request);
    if (mayClose(request)) result.push([]);
  }
  return result.filter((run) => run.length > 0);
}

function mayClose(request: Request): boolean {
  return (
    request.version !== '1.1' ||
    !/^(GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH)$/.test(request.method) ||
    value(request, 'connection') !== undefined ||
    value(request, 'content-length') !== undefined ||
    value(request, 'transfer-encoding') !== undefined ||
    value(request, 'host') === undefined ||
    // nginx ends the connection after a 412, and with it what it has not sent yet of the answers before.
    value(request, 'if-match') !== undefined ||
    value(request, 'if-unmodified-since') !== undefined ||
    request.target.length > 4000 ||
    !/^(\/|https?:\/\/[\w.]+\/)[!-~]*$/.test(request.target) ||
    /%(?![\da-f]{2})|%00|\.\.|%2e|#/i.test(request.target)
  );
}

/** One connection and what has been received on it but not yet read. */
class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #length = 0;
  #ended = false;
  #wake: () => void = () => undefined;

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    return new Connection(socket);
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#received.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    const end = (): void => {
      this.#ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('error', end);
    socket.on('close', end);
  }

  write(bytes: string): void {
    if (!this.#socket.writableEnded) this.#socket.write(bytes, 'latin1');
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Reads the next answer; `closed` when nothing can follow it on this connection. */
  async answer(request: Request): Promise<Answer> {
    const interim: number[] = [];
    for (;;) {
      const head = await this.#head();
      if (typeof head === 'string') return nothing(head, interim);
      const response = parseResponse(head);
      if (response.status >= 100 && response.status < 200 && response.status !== 101) {
        interim.push(response.status);
        continue;
      }
      const [body, bodyBroken] = await this.#body(request, response);
      const closed = !persists(response, head) || bodyBroken !== undefined;
      const afterwards = closed && bodyBroken === undefined ? await this.#end() : undefined;
      return { ...response, interim, body, closed, broken: bodyBroken ?? afterwards };
    }
  }

  /** The bytes up to and with the empty line, or what came instead of it. */
  async #head(): Promise<Buffer | string> {
    for (;;) {
      const bytes = this.#all();
      if (bytes.length >= 5 && !bytes.subarray(0, 5).equals(Buffer.from('HTTP/'))) {
        while (await this.#more());
        return `not a response head: ${show(this.#all())}`;
      }
      const end = bytes.indexOf('\r\n\r\n');
      if (end >= 0) return this.#take(end + 4);
      if (!(await this.#more())) {
        if (!this.#ended) return 'no answer';
        return bytes.length === 0 ? CLOSED : `closed within the head ${show(bytes)}`;
      }
    }
  }

  async #body(request: Request, response: RawResponse): Promise<[body: Buffer, broken: string | undefined]> {
    const { status, headers } = response;
    if (request.method === 'HEAD' || status === 204 || status === 304) return [Buffer.alloc(0), undefined];
    if (headers['transfer-encoding'] === 'chunked') return this.#chunked();
    const promised = headers['content-length'];
    if (promised === undefined) {
      while (await this.#more());
      return [this.#take(this.#length), this.#ended ? undefined : 'no length, and no end'];
    }
    const length = Number(promised);
    while (this.#length < length) {
      if (!(await this.#more()))
        return [this.#all(), `${this.#ended ? 'closed' : 'stuck'} after ${this.#length} of ${length} bytes`];
    }
    return [this.#take(length), undefined];
  }

  async #chunked(): Promise<[body: Buffer, broken: string | undefined]> {
    const chunks: Buffer[] = [];
    for (;;) {
      const line = await this.#until('\r\n');
      const size = Number.parseInt(line?.toString('latin1') ?? '', 16);
      if (Number.isNaN(size)) return [Buffer.concat(chunks), 'a broken chunk'];
      while (this.#length < size + 2)
        if (!(await this.#more())) return [Buffer.concat(chunks), 'a cut chunk'];
      chunks.push(this.#take(size));
      this.#take(2);
      if (size === 0) return [Buffer.concat(chunks), undefined];
    }
  }

  async #until(mark: string): Promise<Buffer | undefined> {
    for (;;) {
      const end = this.#all().indexOf(mark);
      if (end >= 0) return this.#take(end + mark.length);
      if (!(await this.#more())) return undefined;
    }
  }

  /** Waits for the end that an answer announced. */
  async #end(): Promise<string | undefined> {
    while (await this.#more());
    if (!this.#ended) return 'announced the end of the connection and left it open';
    return this.#length === 0 ? undefined : `bytes behind the last answer: ${show(this.#all())}`;
  }

  /** Resolves with true when more bytes came, with false at the end or when patience ran out. */
  async #more(): Promise<boolean> {
    if (this.#ended) return false;
    const before = this.#length;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, PATIENCE);
    });
    clearTimeout(timer);
    return this.#length > before;
  }

  #all(): Buffer {
    if (this.#received.length !== 1) this.#received = [Buffer.concat(this.#received)];
    return this.#received[0] ?? Buffer.alloc(0);
  }

  #take(length: number): Buffer {
    const all = this.#all();
    this.#received = [all.subarray(length)];
    this.#length -= length;
    return all.subarray(0, length);
  }
}

function persists(response: RawResponse, head: Buffer): boolean {
  const options = (response.headers['connection'] ?? '').toLowerCase();
  if (response.status === 101) return false;
  return head.subarray(0, 8).toString() === 'HTTP/1.1'
    ? !options.includes('close')
    : options.includes('keep-alive');
}

function nothing(reason: string, interim: readonly number[]): Answer {
  return {
    status: 0,
    reason: '',
    fields: [],
    headers: {},
    body: Buffer.alloc(0),
    interim,
    closed: true,
    broken: reason,
  };
}

function show(bytes: Buffer): string {
  return bytes.length === 0 ? '' : JSON.stringify(bytes.subarray(0, 200).toString('latin1'));
}
