// The chunked transfer coding (RFC 9112 §7.1): reading it, in requests and responses alike, and writing it.
import { CR, DEL, hexDigit, isBlank, LF, LINE_END, SEMICOLON, SPACE, TAB } from './characters.js';
import { MalformedMessage } from './errors.js';
import { readFields } from './fields.js';
import { Section } from './section.js';

/** Whoever reads a body in chunks. */
export interface ChunkEvents {
  /** A part of the body: all that one call of `read` has found. It lies in the memory that was given to it. */
  chunkData(bytes: Buffer): void;
  /** The last chunk and the trailers have been read. Trailers are names and values in turn. */
  chunksEnd(trailers: readonly string[]): void;
}

/** Longest line before a chunk, in bytes. Nobody uses extensions, but §7.1.1 wants them skipped. */
const LONGEST_LINE = 4096;
/** Largest trailer section, in bytes. */
const MAX_TRAILERS = 16 * 1024;
/** Counted exactly, and more than any disk holds. */
const LARGEST_CHUNK = 2 ** 48;
const BAD_CHUNK = 'has a malformed chunk';

/** What comes next. */
const SIZE = 0;
const BLANKS = 1;
const EXTENSION = 2;
const SIZE_LF = 3;
const DATA = 4;
const DATA_CR = 5;
const DATA_LF = 6;
const TRAILERS = 7;
const OVER = 8;

/** Up to so many bytes a loop moves them sooner than a call does. */
const FEW = 32;

/**
 * Reads one body after another; `begin` comes before each. Chunks that come together go on as one piece, for which they are
 * moved together where they lie: an app may write one for each line, or for each byte, and what is done with a piece
 * costs more than to read it.
 */
export class ChunkReader {
  readonly #events: ChunkEvents;
  #trailers: Section | undefined;
  #state = OVER;
  /** Bytes still to come of the chunk, or what is known of its size. */
  #left = 0;
  /** Bytes of the line so far. */
  #line = 0;
  /** Where the data that this call of `read` has found lies; at first none. */
  #foundAt = 0;
  #foundTo = 0;

  constructor(events: ChunkEvents) {
    this.#events = events;
  }

  /** A body begins. */
  begin(): void {
    this.#beginLine();
  }

  /**
   * Reads bytes, as many as belong to the body, and may change them.
   * @returns where the rest begins; `length` while the body goes on
   * @throws {MalformedMessage} and is of no use from then on
   */
  read(bytes: Buffer, from: number, length: number): number {
    this.#foundAt = from;
    this.#foundTo = from;
    let at = from;
    try {
      while (at < length && this.#state !== OVER) {
        if (this.#state === DATA) at = this.#readData(bytes, at, length);
        else if (this.#state === TRAILERS) at = this.#readTrailers(bytes, at, length);
        else at = this.#readLine(bytes, at, length);
      }
    } finally {
      // What stands before a mistake is part of the body.
      this.#tellFound(bytes);
    }
    return at;
  }

  #tellFound(bytes: Buffer): void {
    const found = bytes.subarray(this.#foundAt, this.#foundTo);
    this.#foundAt = this.#foundTo;
    if (found.length > 0) this.#events.chunkData(found);
  }

  #readData(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    this.#left -= end - at;
    if (this.#left === 0) this.#state = DATA_CR;
    if (this.#foundTo === this.#foundAt) {
      this.#foundAt = at;
      this.#foundTo = end;
    } else if (end - at <= FEW) {
      for (let from = at; from < end; from++) bytes[this.#foundTo++] = bytes[from] ?? 0;
    } else {
      bytes.copyWithin(this.#foundTo, at, end);
      this.#foundTo += end - at;
    }
    return end;
  }

  #beginLine(): void {
    this.#state = SIZE;
    this.#left = 0;
    this.#line = 0;
  }

  /** Reads what stands between two chunks' data, byte by byte. */
  #readLine(bytes: Buffer, from: number, length: number): number {
    for (let at = from; at < length; at++) {
      const byte = bytes[at] ?? 0;
      this.#line += 1;
      if (this.#line > LONGEST_LINE) throw new MalformedMessage(BAD_CHUNK);
      switch (this.#state) {
        case SIZE: {
          const value = hexDigit(byte);
          if (value >= 0) {
            this.#left = this.#left * 16 + value;
            if (this.#left > LARGEST_CHUNK) throw new MalformedMessage(BAD_CHUNK);
            break;
          }
          // No digit at all.
          if (this.#line === 1) throw new MalformedMessage(BAD_CHUNK);
          this.#endSize(byte);
          break;
        }
        case BLANKS:
          if (!isBlank(byte)) this.#endSize(byte);
          break;
        case EXTENSION:
          if (byte === CR) this.#state = SIZE_LF;
          // A line feed of its own ends the line for others.
          else if ((byte < SPACE && byte !== TAB) || byte === DEL) throw new MalformedMessage(BAD_CHUNK);
          break;
        case SIZE_LF:
          if (byte !== LF) throw new MalformedMessage(BAD_CHUNK);
          this.#state = this.#left === 0 ? TRAILERS : DATA;
          this.#line = 0;
          if (this.#left === 0) this.#beginTrailers();
          return at + 1;
        case DATA_CR:
          if (byte !== CR) throw new MalformedMessage(BAD_CHUNK);
          this.#state = DATA_LF;
          break;
        default:
          if (byte !== LF) throw new MalformedMessage(BAD_CHUNK);
          this.#beginLine();
      }
    }
    return length;
  }

  /** §7.1.1: blanks before an extension are bad but valid; many servers write them without one, too. */
  #endSize(byte: number): void {
    if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) this.#state = EXTENSION;
    else if (isBlank(byte)) this.#state = BLANKS;
    else throw new MalformedMessage(BAD_CHUNK);
  }

  #beginTrailers(): void {
    this.#trailers ??= new Section(MAX_TRAILERS);
    // So that no trailers at all end like some: with an empty line.
    this.#trailers.begin(LINE_END);
  }

  #readTrailers(bytes: Buffer, at: number, length: number): number {
    const section = this.#trailers;
    if (section === undefined) return length;
    const end = section.take(bytes, at, length);
    if (end < 0) {
      if (section.isFull) throw new MalformedMessage(`has trailers larger than ${MAX_TRAILERS / 1024} KiB`);
      return length;
    }
    this.#state = OVER;
    const { text, linesEnd } = section;
    const { raw, contentLength, transferEncoding } = readFields(text, LINE_END.length, linesEnd);
    section.begin();
    // RFC 9110 §6.5.1: no sender has a reason for it, but one who hopes that somebody takes it for the message's.
    if (contentLength !== undefined || transferEncoding !== undefined) {
      throw new MalformedMessage('has trailers that frame a message');
    }
    this.#tellFound(bytes);
    this.#events.chunksEnd(raw);
    return end;
  }
}

/** What stands before a chunk's data. */
export function chunkStart(bytes: number): string {
  return `${bytes.toString(16)}\r\n`;
}

/** The last chunk. @param trailers as lines, each with its end */
export function lastChunk(trailers = ''): string {
  return `0\r\n${trailers}\r\n`;
}
