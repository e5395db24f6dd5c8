// Reads an app's response from the bytes as they come (RFC 9112). No I/O: bytes in, events out. It is strict, since
// what two readers could understand in two ways is how one answer is smuggled into another's place (RFC 9112 §11.2).
import { HeadTooLarge, MalformedResponse } from './failure.js';
import { readFields } from './response-fields.js';

/** A response's head, as the app wrote it. */
export interface ResponseStart {
  readonly status: number;
  /** One character for each byte; may be empty. */
  readonly reason: string;
  /** Field names and values in turn, one character for each byte. */
  readonly fields: readonly string[];
  /** Bytes of body that follow; undefined when the end of the body tells. */
  readonly length: number | undefined;
  /** True when the body ends with its last chunk, not with the connection. */
  readonly isChunked: boolean;
}

/** What is found in the bytes: any number of informational heads, then one head, its body and its end; or a switch. */
export interface ResponseEvents {
  /** An informational response (RFC 9110 §15.2). */
  informational(start: ResponseStart): void;
  head(start: ResponseStart): void;
  /** A part of the body. It lies in the memory that was given to `push`. */
  data(bytes: Buffer): void;
  /** The response is complete. Trailers are names and values in turn. */
  end(trailers: readonly string[]): void;
  /** 101: what follows, and these bytes with it, belongs to another protocol. */
  switched(start: ResponseStart, rest: Buffer): void;
}

/** Largest head, and largest trailer section, in bytes; the empty line counts. */
export const MOST_HEAD = 16 * 1024;
/** A chunk's size in hex: 2^52 bytes can be counted exactly. */
const MOST_DIGITS = 13;
/** Longest chunk extensions, in bytes. Nobody uses them, but RFC 9112 §7.1.1 wants them skipped. */
const MOST_EXTENSION = 1024;

/** Anything that ends a line without being CRLF, and control characters, which no field may have (RFC 9110 §5.5). */
const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]|[^\r]\n/;

const VERSION = 'HTTP/1.';
const EMPTY_LINE = '\r\n\r\n';
const LINE_END = '\r\n';
const CR = 0x0d;
const LF = 0x0a;
const SPACE = 0x20;
const SEMICOLON = 0x3b;

const SWITCHING_PROTOCOLS = 101;

/** What comes next. */
const HEAD = 0;
const SIZED_BODY = 1;
const BODY_UNTIL_CLOSE = 2;
const CHUNK_SIZE = 3;
const CHUNK_EXTENSION = 4;
const CHUNK_SIZE_LF = 5;
const CHUNK_DATA = 6;
const CHUNK_DATA_CR = 7;
const CHUNK_DATA_LF = 8;
const TRAILERS = 9;
const NOTHING = 10;

/** Reads one response after another on a connection; `begin` comes before each. */
export class ResponseParser {
  readonly #events: ResponseEvents;
  #state = NOTHING;
  #isHead = false;
  #mayUpgrade = false;
  #isPersistent = true;
  /** Of a head or trailer section that has not come to its end. */
  #text = '';
  /** Bytes still to come of a sized body, or of a chunk. */
  #left = 0;
  /** Digits of the chunk size so far, or bytes of its extensions. */
  #count = 0;

  constructor(events: ResponseEvents) {
    this.#events = events;
  }

  /** False when nothing can follow the response on its connection; to be asked at its end. */
  get isPersistent(): boolean {
    return this.#isPersistent;
  }

  /**
   * A request goes out, whose response comes next.
   * @param isHead the request is a HEAD, whose response has no body
   * @param mayUpgrade the request asks for another protocol
   */
  begin(isHead: boolean, mayUpgrade: boolean): void {
    this.#state = HEAD;
    this.#isHead = isHead;
    this.#mayUpgrade = mayUpgrade;
    this.#isPersistent = true;
    this.#text = '';
  }

  /**
   * Reads the first `length` bytes.
   * @throws {MalformedResponse} and is of no use from then on
   * @throws {HeadTooLarge} and is of no use from then on
   */
  push(bytes: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      switch (this.#state) {
        case HEAD:
          at = this.#readHead(bytes, at, length);
          break;
        case SIZED_BODY:
        case CHUNK_DATA:
          at = this.#readData(bytes, at, length);
          break;
        case BODY_UNTIL_CLOSE:
          this.#events.data(bytes.subarray(at, length));
          return;
        case TRAILERS:
          at = this.#readTrailers(bytes, at, length);
          break;
        case NOTHING:
          return;
        default:
          at = this.#readChunkLine(bytes, at, length);
      }
    }
  }

  /** The connection has ended. Returns false when that leaves a response incomplete. */
  finish(): boolean {
    if (this.#state !== BODY_UNTIL_CLOSE) return this.#state === NOTHING;
    this.#end(NO_TRAILERS, false);
    return true;
  }

  #readHead(bytes: Buffer, at: number, length: number): number {
    const before = this.#text.length;
    const end = this.#collect(bytes, at, length);
    if (end < 0) {
      this.#refuseEarly();
      return length;
    }
    const head = this.#take(end);
    const next = at + head.length + LINE_END.length - before;
    const start = this.#parseHead(head);
    if (start.status === SWITCHING_PROTOCOLS) {
      if (!this.#mayUpgrade) throw new MalformedResponse('switches protocols without being asked to');
      this.#state = NOTHING;
      this.#events.switched(start, bytes.subarray(next, length));
      return length;
    }
    if (start.status < 200) {
      this.#events.informational(start);
      return next;
    }
    if (start.isChunked) this.#beginChunk();
    else this.#state = start.length === undefined ? BODY_UNTIL_CLOSE : SIZED_BODY;
    this.#left = start.length ?? 0;
    this.#events.head(start);
    if (start.length === 0) this.#end(NO_TRAILERS, next < length);
    return next;
  }

  /** What cannot become a head is refused before it is complete, which it may never be. */
  #refuseEarly(): void {
    const text = this.#text;
    const isStart = text.length < VERSION.length ? VERSION.startsWith(text) : text.startsWith(VERSION);
    if (!isStart || FORBIDDEN.test(text)) throw new MalformedResponse(NO_HTTP);
    if (text.length >= MOST_HEAD) throw new HeadTooLarge();
  }

  /** Adds to the text up to its limit; returns where the empty line begins, or -1. */
  #collect(bytes: Buffer, at: number, length: number): number {
    const before = this.#text.length;
    this.#text += bytes.toString('latin1', at, Math.min(length, at + MOST_HEAD - before));
    return this.#text.indexOf(EMPTY_LINE, before < EMPTY_LINE.length ? 0 : before - EMPTY_LINE.length + 1);
  }

  /** The lines before the empty line, each with its end. */
  #take(emptyLine: number): string {
    const lines = this.#text.slice(0, emptyLine + LINE_END.length);
    this.#text = '';
    return lines;
  }

  #parseHead(head: string): ResponseStart {
    const lineEnd = head.indexOf(LINE_END);
    const status = readStatus(head, lineEnd);
    if (status === undefined || FORBIDDEN.test(head)) throw new MalformedResponse(NO_HTTP);
    const isOld = head.charCodeAt(VERSION.length) === ZERO;
    const { fields, length, isChunked, closes } = readFields(head, lineEnd + LINE_END.length);
    // RFC 9112 §6.1: HTTP/1.0 knows no chunks, so that whoever sent them is confused.
    if (isChunked && isOld) throw new MalformedResponse('is of HTTP/1.0 and has a Transfer-Encoding');
    // RFC 9112 §6.3, 1: no body, whatever the fields say.
    const isBodiless = this.#isHead || status < 200 || status === 204 || status === 304;
    const endsWithConnection = !isBodiless && !isChunked && length === undefined;
    // An HTTP/1.0 connection that is kept is an agreement that nobody has asked for.
    if (status >= 200) this.#isPersistent = !isOld && !closes && !endsWithConnection;
    return {
      status,
      reason: head.slice(REASON_AT, Math.max(REASON_AT, lineEnd)),
      fields,
      length: isBodiless ? 0 : length,
      isChunked: isChunked && !isBodiless,
    };
  }

  /** Passes on what there is of a sized body or of a chunk. */
  #readData(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    this.#left -= end - at;
    this.#events.data(bytes.subarray(at, end));
    if (this.#left > 0) return end;
    if (this.#state === CHUNK_DATA) this.#state = CHUNK_DATA_CR;
    else if (this.#state === SIZED_BODY) this.#end(NO_TRAILERS, end < length);
    return end;
  }

  #beginChunk(): void {
    this.#state = CHUNK_SIZE;
    this.#left = 0;
    this.#count = 0;
  }

  /** Reads what stands between two chunks' data (RFC 9112 §7.1), byte by byte. */
  #readChunkLine(bytes: Buffer, from: number, length: number): number {
    for (let at = from; at < length; at++) {
      const byte = bytes[at] ?? 0;
      switch (this.#state) {
        case CHUNK_SIZE: {
          const digit = hexDigit(byte);
          if (digit >= 0) {
            this.#left = this.#left * 16 + digit;
            this.#count += 1;
            if (this.#count > MOST_DIGITS) throw new MalformedResponse(BAD_CHUNK);
          } else if (this.#count > 0 && byte === CR) {
            this.#state = CHUNK_SIZE_LF;
          } else if (this.#count > 0 && byte === SEMICOLON) {
            this.#state = CHUNK_EXTENSION;
            this.#count = 0;
          } else {
            throw new MalformedResponse(BAD_CHUNK);
          }
          break;
        }
        case CHUNK_EXTENSION:
          this.#count += 1;
          if (byte === CR) this.#state = CHUNK_SIZE_LF;
          else if (byte < SPACE || this.#count > MOST_EXTENSION) throw new MalformedResponse(BAD_CHUNK);
          break;
        case CHUNK_SIZE_LF:
          if (byte !== LF) throw new MalformedResponse(BAD_CHUNK);
          this.#state = this.#left === 0 ? TRAILERS : CHUNK_DATA;
          // So that no trailers at all end like some: with an empty line.
          if (this.#left === 0) this.#text = LINE_END;
          return at + 1;
        case CHUNK_DATA_CR:
          if (byte !== CR) throw new MalformedResponse(BAD_CHUNK);
          this.#state = CHUNK_DATA_LF;
          break;
        default:
          if (byte !== LF) throw new MalformedResponse(BAD_CHUNK);
          this.#beginChunk();
      }
    }
    return length;
  }

  #readTrailers(bytes: Buffer, at: number, length: number): number {
    const before = this.#text.length;
    const end = this.#collect(bytes, at, length);
    if (end < 0) {
      const isTooLarge = this.#text.length >= MOST_HEAD;
      if (isTooLarge) throw new MalformedResponse('has trailers larger than 16 KiB');
      return length;
    }
    const lines = this.#take(end);
    if (FORBIDDEN.test(lines)) throw new MalformedResponse('has malformed trailers');
    const next = at + lines.length + LINE_END.length - before;
    const { fields } = readFields(lines, LINE_END.length);
    this.#end(fields, next < length);
    return next;
  }

  /** @param hasMore bytes stand behind the response: nobody asked for them, and they must not answer anybody */
  #end(trailers: readonly string[], hasMore: boolean): void {
    this.#state = NOTHING;
    if (hasMore) this.#isPersistent = false;
    this.#events.end(trailers);
  }
}

const NO_TRAILERS: readonly string[] = [];
const NO_HTTP = 'is no HTTP/1.1';
const BAD_CHUNK = 'has a malformed chunk';

const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;
const STATUS_AT = 'HTTP/1.1 '.length;
const REASON_AT = 'HTTP/1.1 200 '.length;

/** The status of a status line (RFC 9112 §4), or undefined when it is none. The phrase may lack, with its space. */
function readStatus(head: string, lineEnd: number): number | undefined {
  const version = head.charCodeAt(VERSION.length);
  if (!head.startsWith(VERSION) || (version !== ONE && version !== ZERO)) return undefined;
  if (head.charCodeAt(STATUS_AT - 1) !== SPACE) return undefined;
  if (lineEnd !== REASON_AT - 1 && head.charCodeAt(REASON_AT - 1) !== SPACE) return undefined;
  let status = 0;
  for (let at = STATUS_AT; at < REASON_AT - 1; at++) {
    const code = head.charCodeAt(at);
    if (code < ZERO || code > NINE) return undefined;
    status = status * 10 + code - ZERO;
  }
  return status < 100 ? undefined : status;
}

function hexDigit(byte: number): number {
  if (byte >= ZERO && byte <= NINE) return byte - ZERO;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
