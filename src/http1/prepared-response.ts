// A prepared response in HTTP/1.1's form: the head is written once, right before the content, and its date is renewed.
import { currentDate } from '../http/clock.js';
import { HEADROOM, type PreparedResponse } from '../http/prepared.js';
import { fieldLines, KEEP_ALIVE, statusLine } from './response-head.js';

const DATE = 'Date: ';

/** Where the head lies, and what day it says it is. */
class Rendered {
  readonly bytes: Buffer;
  readonly headLength: number;
  readonly #dateAt: number;
  #date = currentDate();

  constructor({ status, fields, memory, content }: PreparedResponse) {
    const line = statusLine(status);
    const head = `${line}${DATE}${this.#date}\r\n${fieldLines(fields)}${KEEP_ALIVE}\r\n`;
    this.#dateAt = line.length + DATE.length;
    this.headLength = head.length;
    if (head.length <= HEADROOM) {
      this.bytes = memory.subarray(HEADROOM - head.length);
    } else {
      // Operators can add fields without end; then it is the content that moves.
      this.bytes = Buffer.allocUnsafeSlow(head.length + content.length);
      content.copy(this.bytes, head.length);
    }
    this.bytes.write(head, 'latin1');
  }

  /** A date is 29 bytes, always: it is written over the last one. A buffer that still waits in a socket gets it too. */
  refreshDate(): void {
    const date = currentDate();
    if (date === this.#date) return;
    this.#date = date;
    this.bytes.write(date, this.#dateAt, 'latin1');
  }
}

/** Head and content, or the head alone, for a connection that is kept. */
export function renderPrepared(prepared: PreparedResponse, hasContent: boolean): Buffer {
  const rendered = prepared.rendered instanceof Rendered ? prepared.rendered : new Rendered(prepared);
  prepared.rendered = rendered;
  rendered.refreshDate();
  return hasContent ? rendered.bytes : rendered.bytes.subarray(0, rendered.headLength);
}
