// A response whose head and body are one buffer, ready for one write. Measured with `npm run bench -- --cases hot-4k`:
// Node's own writeHead and end cost more than all the rest of the request.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServerResponse as NodeResponse, STATUS_CODES } from 'node:http';
import { currentDate } from '../http/clock.js';
import { answerWith } from './answer.js';
import type { Representation } from './representation.js';

/** Responses to requests for the whole of a file, with their bytes. */
export class ReadyResponse {
  /** The file's content. */
  readonly content: Buffer;
  readonly #whole: Buffer;
  readonly #headLength: number;
  readonly #notModified: Buffer;
  #date = currentDate();

  /** @param fill writes the content into the buffer it is given, all of it */
  constructor(representation: Representation, fill: (content: Buffer) => void) {
    const whole = answerWith('whole', representation);
    const head = renderHead(200, whole.fields, this.#date);
    this.#headLength = head.length;
    this.#whole = Buffer.allocUnsafeSlow(head.length + whole.length);
    this.#whole.write(head, 'latin1');
    this.content = this.#whole.subarray(head.length);
    fill(this.content);
    this.#notModified = Buffer.from(
      renderHead(304, answerWith('not-modified', representation).fields, this.#date),
      'latin1',
    );
  }

  /** Sends 200 with the content, or without it to HEAD; returns the bytes of content sent. */
  sendWhole(request: IncomingMessage, response: ServerResponse): number {
    this.#refreshDate();
    const isHead = request.method === 'HEAD';
    writeAtOnce(response, 200, isHead ? this.#whole.subarray(0, this.#headLength) : this.#whole);
    return isHead ? 0 : this.content.length;
  }

  /** Sends 304. */
  sendNotModified(response: ServerResponse): void {
    this.#refreshDate();
    writeAtOnce(response, 304, this.#notModified);
  }

  /** A date is 29 bytes, always: it is written over the last one. A buffer that still waits in a socket gets it too. */
  #refreshDate(): void {
    const date = currentDate();
    if (date === this.#date) return;
    this.#date = date;
    this.#whole.write(date, dateOffset(200), 'latin1');
    this.#notModified.write(date, dateOffset(304), 'latin1');
  }
}

/** Whether this response can be written as ready bytes: HTTP/1.1, and the connection stays open. */
export function takesReadyBytes(request: IncomingMessage, response: ServerResponse): boolean {
  return CAN_WRITE_AT_ONCE && response.shouldKeepAlive && request.httpVersionMinor === 1;
}

function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
}

function dateOffset(status: number): number {
  return statusLine(status).length + 'Date: '.length;
}

function renderHead(status: number, fields: readonly string[], date: string): string {
  let head = `${statusLine(status)}Date: ${date}\r\n`;
  for (let index = 0; index < fields.length; index += 2) head += `${fields[index]}: ${fields[index + 1]}\r\n`;
  return `${head}\r\n`;
}

/**
 * The state that Node's OutgoingMessage keeps of its head. It is no public interface, so its presence is checked
 * below; where it is missing, responses go the ordinary way.
 */
interface HeadState {
  _header: string | null;
  _headerSent: boolean;
}

const CAN_WRITE_AT_ONCE = ((): boolean => {
  const probe = new NodeResponse({ method: 'GET' } as IncomingMessage) as ServerResponse & Partial<HeadState>;
  return probe._header === null && probe._headerSent === false;
})();

/** Writes head and content, and tells the response that they are sent. */
function writeAtOnce(response: ServerResponse, status: number, bytes: Buffer): void {
  const state = response as ServerResponse & HeadState;
  response.statusCode = status;
  state._header = ' ';
  state._headerSent = true;
  // Written past the response: given to end(), the bytes would go out with a second, empty piece by writev.
  response.socket?.write(bytes);
  response.end();
}
