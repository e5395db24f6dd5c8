// From what was selected to a response: status, fields, and the pieces of its content (RFC 9110 §14.6, §15.3.7).
import { randomBytes } from 'node:crypto';
import { withoutFields } from '../http/fields.js';
import { type ByteRange, rangeLength } from '../http/ranges.js';
import type { Representation } from './representation.js';
import type { Selection } from './select.js';

/** A piece of content: bytes of the file, or text around them. */
export type Piece = ByteRange | Buffer;

/** A response, found separately from sending it. */
export interface Answer {
  readonly status: 200 | 206 | 304;
  /** Names and values in turn, as `writeHead` takes them. */
  readonly fields: readonly string[];
  /** In the order they are sent. */
  readonly pieces: readonly Piece[];
  /** Bytes of all pieces. */
  readonly length: number;
}

/** Puts a response together. */
export function answerWith(selection: Selection, representation: Representation): Answer {
  const { fields, contentFields, contentType, version } = representation;
  if (selection === 'not-modified') return { status: 304, fields, pieces: [], length: 0 };
  if (selection === 'whole') {
    const pieces = version.size === 0 ? [] : [{ first: 0, last: version.size - 1 }];
    const length = ['Content-Length', String(version.size)];
    return { status: 200, fields: [...fields, ...contentFields, ...length], pieces, length: version.size };
  }
  const [only] = selection;
  if (selection.length === 1 && only !== undefined) {
    const own = [
      'Content-Length',
      String(rangeLength(only)),
      'Content-Range',
      contentRange(only, version.size),
    ];
    return {
      status: 206,
      fields: [...fields, ...contentFields, ...own],
      pieces: [only],
      length: rangeLength(only),
    };
  }
  const boundary = randomBytes(12).toString('hex');
  const pieces = multipartPieces(selection, boundary, contentType, version.size);
  const length = pieces.reduce((sum, piece) => sum + pieceLength(piece), 0);
  const rest = withoutFields([...fields, ...contentFields], ['Content-Type', '']);
  const own = [
    'Content-Type',
    `multipart/byteranges; boundary=${boundary}`,
    'Content-Length',
    String(length),
  ];
  return { status: 206, fields: [...rest, ...own], pieces, length };
}

/** Number of bytes in a piece. */
export function pieceLength(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : rangeLength(piece);
}

function contentRange({ first, last }: ByteRange, size: number): string {
  return `bytes ${first}-${last}/${size}`;
}

function multipartPieces(
  ranges: readonly ByteRange[],
  boundary: string,
  type: string,
  size: number,
): readonly Piece[] {
  const pieces: Piece[] = [];
  const typeLine = type === '' ? '' : `Content-Type: ${type}\r\n`;
  for (const range of ranges) {
    const head = `\r\n--${boundary}\r\n${typeLine}Content-Range: ${contentRange(range, size)}\r\n\r\n`;
    pieces.push(Buffer.from(head, 'latin1'), range);
  }
  pieces.push(Buffer.from(`\r\n--${boundary}--\r\n`));
  return pieces;
}
