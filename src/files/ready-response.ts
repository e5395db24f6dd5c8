// A response whose head and content are one buffer, ready for one write.
import { currentDate } from '../http/clock.js';
import type { ClientRequest, OneWriteResponse } from '../http/exchange.js';
import { renderHead } from '../http/head.js';
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
    const head = renderHead(200, ['Date', this.#date, ...whole.fields]);
    this.#headLength = head.length;
    this.#whole = Buffer.allocUnsafeSlow(head.length + whole.length);
    this.#whole.write(head, 'latin1');
    this.content = this.#whole.subarray(head.length);
    fill(this.content);
    const { fields } = answerWith('not-modified', representation);
    this.#notModified = Buffer.from(renderHead(304, ['Date', this.#date, ...fields]), 'latin1');
  }

  /**
   * Sends 200 with the content, or without it to HEAD; returns the bytes of content sent.
   * @param sendTimeout longest time that the client may take nothing, in milliseconds
   */
  sendWhole(request: ClientRequest, response: OneWriteResponse, sendTimeout: number): number {
    this.#refreshDate();
    const isHead = request.method === 'HEAD';
    response.writeAtOnce(200, isHead ? this.#whole.subarray(0, this.#headLength) : this.#whole, sendTimeout);
    return isHead ? 0 : this.content.length;
  }

  /** Sends 304; `sendTimeout` as above. */
  sendNotModified(response: OneWriteResponse, sendTimeout: number): void {
    this.#refreshDate();
    response.writeAtOnce(304, this.#notModified, sendTimeout);
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

function dateOffset(status: number): number {
  return renderHead(status, ['Date', '']).length - '\r\n\r\n'.length;
}
