// What is kept of a file in memory: its answers to requests for the whole of it, prepared.
import { PreparedResponse } from '../http/prepared.js';
import { answerWith } from './answer.js';
import type { Representation } from './representation.js';

/** The file with its bytes, and that it has not changed. */
export class ReadyResponse {
  readonly whole: PreparedResponse;
  readonly notModified: PreparedResponse;

  /** @param fill writes the content into the buffer it is given, all of it */
  constructor(representation: Representation, fill: (content: Buffer) => void) {
    const { fields, length } = answerWith('whole', representation);
    this.whole = new PreparedResponse(200, fields, length, fill);
    this.notModified = new PreparedResponse(
      304,
      answerWith('not-modified', representation).fields,
      0,
      () => {},
    );
  }

  /** The file's content. */
  get content(): Buffer {
    return this.whole.content;
  }
}
