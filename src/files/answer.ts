// What to answer, found separately from sending it.

import type { ByteRange } from '../http/ranges.js';
import type { OpenedFile } from '../stores/store.js';

/** A response to a request for a file. The one who holds it closes `file`. */
export interface Answer {
  readonly status: number;
  /** Field names and values in turn, as `writeHead` takes them. */
  readonly headers: readonly string[];
  /** The bytes to send after the head, in order; none for HEAD and 304. */
  readonly parts: readonly ByteRange[];
  readonly file: OpenedFile;
}
