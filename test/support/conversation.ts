/** A client that keeps its connection: requests one after the other, or several at once, with every field as sent. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';
import { parseResponse, type RawResponse } from './raw.js';

/** What is asked; `fields` are whole lines, such as `Range: bytes=0-1`. */
export type Question = readonly [target: string, fields?: readonly string[], method?: string];

/** Requests on one connection for as long as the server keeps it, and on another behind an answer that ends it. */
export interface Conversation {
  /** Of the present connection. */
  readonly socket: Socket;
  /** Sends one request and resolves with its complete response. */
  ask(...question: Question): Promise<RawResponse>;
  /** Sends all requests in one write (pipelined) and resolves with their responses, in that order. */
  askAll(questions: readonly Question[]): Promise<RawResponse[]>;
}

/** Opens a connection; it is broken when the test ends. */
export async function converse(t: Test, port: number): Promise<Conversation> {
  let line = await openLine(t, port);
  const askAll = async (questions: readonly Question[]): Promise<RawResponse[]> => {
    if (line.isOver()) line = await openLine(t, port);
    return line.askAll(questions);
  };
  return {
    get socket() {
      return line.socket;
    },
    askAll,
    async ask(...question) {
      const [answer] = await askAll([question]);
      if (answer === undefined) throw new Error('no answer');
      return answer;
    },
  };
}

/** One connection. */
interface Line {
  readonly socket: Socket;
  /** True once the server has said that it closes the connection, or has closed it. */
  isOver(): boolean;
  askAll(questions: readonly Question[]): Promise<RawResponse[]>;
}

async function openLine(t: Test, port: number): Promise<Line> {
  const socket = connect({ port, host: '127.0.0.1' });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  socket.setNoDelay(true);
  const waiting: Waiting[] = [];
  let received: Buffer = Buffer.alloc(0);
  let isLast = false;
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const complete = takeResponse(received, next.method);
      if (complete === undefined) return;
      received = received.subarray(complete.length);
      if (complete.response.status < 200) continue;
      isLast = complete.response.headers['connection'] === 'close';
      waiting.shift();
      next.resolve(complete.response);
    }
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    const ended = new Error(`the connection ended after ${JSON.stringify(received.toString('latin1'))}`);
    for (const { reject } of waiting.splice(0)) reject(ended);
  });
  return {
    socket,
    isOver: () => isLast || socket.destroyed,
    askAll(questions) {
      const answers = questions.map(
        ([, , method = 'GET']) =>
          new Promise<RawResponse>((resolve, reject) => waiting.push({ method, resolve, reject })),
      );
      socket.write(Buffer.from(questions.map(renderQuestion).join(''), 'latin1'));
      return Promise.all(answers);
    },
  };
}

/**
 * Whether the response was prepared, that is: the file was cached. In a prepared response the date comes first, at a place
 * that is the same for all.
 */
export function wasReady({ fields }: RawResponse): boolean {
  return fields[0]?.[0] === 'date';
}

interface Waiting {
  readonly method: string;
  readonly resolve: (response: RawResponse) => void;
  readonly reject: (error: Error) => void;
}

function renderQuestion([target, fields = [], method = 'GET']: Question): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: example.org', ...fields, '', ''].join('\r\n');
}

/** The first response in these bytes, once it is complete. */
function takeResponse(
  bytes: Buffer,
  method: string,
): { readonly response: RawResponse; readonly length: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = parseResponse(bytes.subarray(0, headEnd + 4));
  const hasBody = method !== 'HEAD' && head.status >= 200 && head.status !== 204 && head.status !== 304;
  const size = hasBody ? Number(head.headers['content-length']) : 0;
  if (Number.isNaN(size)) throw new Error(`the response to ${method} has no length`);
  const length = headEnd + 4 + size;
  if (bytes.length < length) return undefined;
  return { response: { ...head, body: bytes.subarray(headEnd + 4, length) }, length };
}
