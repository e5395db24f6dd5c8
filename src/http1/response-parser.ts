// Reads an app's response from the bytes as they come (RFC 9112 §4, §6). No I/O: bytes in, events out. It is strict,
// since what two readers could understand in two ways is how one answer is smuggled into another's place (§11.2).
import { hasElement } from '../http/fields.js';
import { digit, LINE_END, SPACE } from './characters.js';
import { type ChunkEvents, ChunkReader } from './chunks.js';
import { MalformedMessage, ResponseHeadTooLarge } from './errors.js';
import { type Fields, readFields } from './fields.js';
import { Section } from './section.js';

/** A response's head, as the app wrote it. */
export interface ResponseStart {
  readonly status: number;
  /** One character for each byte; may be empty. */
  readonly reason: string;
  /** Field names and values in turn, one character for each byte. */
  readonly fields: readonly string[];
  /** Connection, in lower case; several fields are one list. */
  readonly connection: string | undefined;
  /** Bytes of body that follow; undefined when the end of the body tells. */
  readonly length: number | undefined;
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

/** Informational responses before one response; an app that sends more never comes to its answer. */
const MAX_INFORMATIONAL = 1000;
/** An app that closes an idle connection this soon closes it while we would keep it, in seconds. */
const KEPT_TOO_SHORTLY = 2;
const SWITCHING_PROTOCOLS = 101;

/** Anything that ends a line without being CRLF, and control characters, which no field may have (RFC 9110 §5.5). */
const FORBIDDEN = /[^\t\r\n\x20-\x7e\x80-\xff]|\r[^\n]|[^\r]\n/;
/** A reason phrase (RFC 9112 §4), which is passed on: no line may end in it, for whoever reads it. */
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/;
const VERSION = 'HTTP/1.';

/** What comes next. */
const HEAD = 0;
const SIZED_BODY = 1;
const BODY_UNTIL_CLOSE = 2;
const CHUNKS = 3;
const NOTHING = 4;

/** Reads one response after another on a connection; `begin` comes before each. */
export class ResponseParser implements ChunkEvents {
  readonly #events: ResponseEvents;
  readonly #section: Section;
  readonly #maxHead: number;
  #chunks: ChunkReader | undefined;
  #trailers: readonly string[] = NO_TRAILERS;
  #state = NOTHING;
  #isHead = false;
  #mayUpgrade = false;
  #isPersistent = true;
  #informational = 0;
  /** Bytes still to come of a sized body. */
  #left = 0;

  /** @param maxHead largest head, in bytes; the empty line counts */
  constructor(events: ResponseEvents, maxHead: number) {
    this.#events = events;
    this.#section = new Section(maxHead);
    this.#maxHead = maxHead;
  }

  /** False when nothing can follow the response on its connection; to be asked at its end. */
  get isPersistent(): boolean {
    return this.#isPersistent;
  }

  /** Bytes that are still to come of a body that said how long it is. */
  get left(): number {
    return this.#left;
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
    this.#informational = 0;
    this.#left = 0;
    this.#section.begin();
  }

  /**
   * Reads the first `length` bytes.
   * @throws {MalformedMessage} and is of no use from then on
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
          at = this.#readSized(bytes, at, length);
          break;
        case BODY_UNTIL_CLOSE:
          this.#events.data(bytes.subarray(at, length));
          return;
        case CHUNKS:
          at = this.#readChunks(bytes, at, length);
          break;
        default:
          // Behind the end: nobody asked for it.
          this.#isPersistent = false;
          return;
      }
    }
  }

  /** True while only the end of the connection can tell the end of the response. */
  get isUntilClose(): boolean {
    return this.#state === BODY_UNTIL_CLOSE;
  }

  /** The connection has ended. Returns false when that leaves a response incomplete. */
  finish(): boolean {
    if (this.#state !== BODY_UNTIL_CLOSE) return this.#state === NOTHING;
    this.#end(NO_TRAILERS, false);
    return true;
  }

  // What the reader of chunks finds.

  chunkData(bytes: Buffer): void {
    this.#events.data(bytes);
  }

  chunksEnd(trailers: readonly string[]): void {
    this.#trailers = trailers;
    this.#state = NOTHING;
  }

  #readHead(bytes: Buffer, at: number, length: number): number {
    const section = this.#section;
    const before = section.length;
    const next = section.take(bytes, at, length);
    if (next < 0) {
      this.#refuseEarly(section, before);
      return length;
    }
    const { text } = section;
    section.begin();
    const start = this.#parseHead(text);
    if (start.status === SWITCHING_PROTOCOLS) {
      if (!this.#mayUpgrade) throw new MalformedMessage('switches protocols, which nobody asked for');
      this.#state = NOTHING;
      this.#events.switched(start, Buffer.from(bytes.subarray(next, length)));
      return length;
    }
    if (start.status < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) {
        throw new MalformedMessage('never comes behind its informational responses');
      }
      this.#events.informational(start);
      return next;
    }
    this.#events.head(start);
    if (start.length === 0) this.#end(NO_TRAILERS, next < length);
    return next;
  }

  /**
   * What cannot become a head is refused before it is complete, which it may never be.
   * @param before what comes before has been looked at
   */
  #refuseEarly(section: Section, before: number): void {
    const isStart = VERSION.startsWith(section.slice(0, VERSION.length));
    if (!isStart || FORBIDDEN.test(section.slice(Math.max(0, before - 1))))
      throw new MalformedMessage(NO_HTTP);
    if (section.isFull) throw new ResponseHeadTooLarge(this.#maxHead);
  }

  #parseHead(head: string): ResponseStart {
    const lineEnd = head.indexOf(LINE_END);
    const status = readStatus(head, lineEnd);
    const reason = head.slice(REASON_AT, Math.max(REASON_AT, lineEnd));
    if (status === undefined || !REASON.test(reason)) throw new MalformedMessage(NO_HTTP);
    const isOld = head.startsWith('0', VERSION.length);
    const fields = readFields(head, lineEnd + LINE_END.length, head.length - LINE_END.length);
    const isChunked = this.#readCoding(fields.transferEncoding, isOld);
    // RFC 9112 §6.3, 1: no body, whatever the fields say.
    const isBodiless = this.#isHead || status < 200 || status === 204 || status === 304;
    const length = isBodiless ? 0 : fields.contentLength;
    const start = { status, reason, fields: fields.raw, connection: fields.connection, length };
    if (status < 200) return start;
    const endsWithConnection = length === undefined && !isChunked;
    // An HTTP/1.0 connection that is kept is an agreement that nobody has asked for.
    this.#isPersistent = !isOld && !closes(fields) && !endsWithConnection;
    if (length === undefined && isChunked) {
      this.#state = CHUNKS;
      this.#chunks ??= new ChunkReader(this);
      this.#chunks.begin();
    } else {
      this.#state = endsWithConnection ? BODY_UNTIL_CLOSE : SIZED_BODY;
      this.#left = length ?? 0;
    }
    return start;
  }

  /** True for chunks. The coding would be lost with the field, and with it the meaning of the bytes (RFC 9112 §6.1). */
  #readCoding(transferEncoding: string | undefined, isOld: boolean): boolean {
    if (transferEncoding === undefined) return false;
    if (transferEncoding !== 'chunked') {
      throw new MalformedMessage(`has the Transfer-Encoding ${JSON.stringify(transferEncoding)}`);
    }
    // HTTP/1.0 knows no chunks, so that whoever sent them is confused.
    if (isOld) throw new MalformedMessage('is of HTTP/1.0 and has a Transfer-Encoding');
    return true;
  }

  #readSized(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    this.#left -= end - at;
    this.#events.data(bytes.subarray(at, end));
    if (this.#left === 0 && this.#state === SIZED_BODY) this.#end(NO_TRAILERS, end < length);
    return end;
  }

  #readChunks(bytes: Buffer, from: number, length: number): number {
    const at = this.#chunks?.read(bytes, from, length) ?? length;
    // `chunksEnd` has been called.
    if (this.#state === NOTHING) this.#end(this.#trailers, at < length);
    return at;
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

const STATUS_AT = 'HTTP/1.1 '.length;
const REASON_AT = 'HTTP/1.1 200 '.length;

/** The status of a status line (RFC 9112 §4), or undefined when it is none. The phrase may lack, with its space. */
function readStatus(head: string, lineEnd: number): number | undefined {
  const isKnown = head.startsWith('HTTP/1.1') || head.startsWith('HTTP/1.0');
  if (!isKnown || head.charCodeAt(STATUS_AT - 1) !== SPACE) return undefined;
  if (lineEnd !== REASON_AT - 1 && head.charCodeAt(REASON_AT - 1) !== SPACE) return undefined;
  let status = 0;
  for (let at = STATUS_AT; at < REASON_AT - 1; at++) {
    const value = digit(head.charCodeAt(at));
    if (value < 0) return undefined;
    status = status * 10 + value;
  }
  return status < 100 ? undefined : status;
}

/** True when the app closes the connection behind the response, or might do so at any moment. */
function closes({ connection, keepAlive }: Fields): boolean {
  if (hasElement(connection, 'close')) return true;
  const seconds = keepAlive === undefined ? undefined : /timeout=(\d+)/.exec(keepAlive)?.[1];
  return seconds !== undefined && Number(seconds) <= KEPT_TOO_SHORTLY;
}
