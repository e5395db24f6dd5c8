/**
 * Reads requests with Node's parser, llhttp, as they come. It is the parser itself and not `node:http`, which judges
 * more than the framing, and does it differently from version to version.
 */

import { HTTPParser } from 'node:_http_common';
import { METHODS } from 'node:http';
import { type Fields, INCOMPLETE, NOTHING, type Reading, type ReadRequest, trimmed } from './message.js';
import { type StandIn, standInForChunks, standInForField, standInForLine } from './stand-ins.js';

/** More than any head here, in bytes; whether a head is too long is not asked. */
const LONGEST_HEAD = 1024 * 1024;
const LF = 0x0a;

/** A request whose end has been read. */
export interface LlhttpRequest extends ReadRequest {
  readonly closes: boolean;
  readonly start: number;
  readonly end: number;
  /** Where the parsers were given something else. */
  readonly standIns: readonly StandIn[];
  /** What they were given to read: with the method and the target that they know, and where that ends. */
  readonly given: ReadRequest;
}

/** As far as one was read that is not complete. */
export type PartialRequest = Pick<ReadRequest, 'method' | 'target' | 'version' | 'fields' | 'body'>;

/** The method of each of the parser's numbers. */
const methodsByNumber = new Map<number, string>();
for (const name of METHODS) {
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, LONGEST_HEAD, HTTPParser.kLenientNone);
  parser[HTTPParser.kOnHeadersComplete] = (...[, , , method]: [number, number, string[], number]): number => {
    methodsByNumber.set(method, name);
    return 0;
  };
  parser.execute(Buffer.from(`${name} ${name === 'CONNECT' ? 'a:1' : '/'} HTTP/1.1\r\nHost: a\r\n\r\n`));
}

/** Reads one stream. */
export class RequestReader {
  readonly requests: LlhttpRequest[] = [];
  /** The bytes as the parser got them. */
  readonly given: Buffer[] = [];
  #givenLength = 0;
  readonly #onRequest: (request: LlhttpRequest) => void;
  #parser = new HTTPParser();
  /** A line of a head that is not complete. */
  #line: Buffer | undefined;
  #offset = 0;
  #start = 0;
  #fault: string | undefined;
  /** Bytes of the part that the parser has refused. */
  #refused = 0;
  #isStopped = false;
  // Of the request that is being read.
  #isFirstLine = true;
  #standIns: StandIn[] = [];
  /** Method and target as they came, if others stand in for them. */
  #standsInFor: Pick<ReadRequest, 'method' | 'target'> | undefined;
  #known: Pick<ReadRequest, 'method' | 'target'> = { method: '', target: '' };
  /** How many parts had been given before it. */
  #givenBefore = 0;
  #isInBody = false;
  #raw: string[] = [];
  #url = '';
  #head: (PartialRequest & { closes: boolean; isUpgrade: boolean }) | undefined;
  #trailers: string[] = [];
  #body: string[] = [];
  #bodyLength = 0;
  #isComplete = false;
  /** What Content-Length says; undefined when the body is in chunks. */
  #length: number | undefined;

  /** @param onRequest is told of each request when it is complete */
  constructor(onRequest: (request: LlhttpRequest) => void = () => {}) {
    this.#onRequest = onRequest;
    this.#begin(true);
  }

  /** Everything from here on is not for this parser: the connection has been upgraded. */
  stop(): void {
    this.#isStopped = true;
  }

  push(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length && this.#fault === undefined && !this.#isStopped) at = this.#step(bytes, at);
  }

  /** The request that has begun and is not complete, if its head is. */
  get partial(): PartialRequest | undefined {
    return this.#head === undefined ? undefined : { ...this.#head, body: this.#body.join('') };
  }

  /** How much of what was pushed the parser has got, in bytes. */
  get received(): number {
    return this.#offset + this.#refused;
  }

  /** Why there are no more requests in what was pushed. */
  get rest(): string {
    if (this.#fault !== undefined) return this.#fault;
    const isBetween = this.#isFirstLine && (this.#line === undefined || isEmptyLines(this.#line));
    return isBetween ? NOTHING : INCOMPLETE;
  }

  #begin(fresh: boolean): void {
    if (fresh) this.#renew();
    this.#isFirstLine = true;
    this.#standIns = [];
    this.#standsInFor = undefined;
    this.#givenBefore = this.given.length;
    this.#isInBody = false;
    this.#isComplete = false;
    this.#raw = [];
    this.#url = '';
    this.#head = undefined;
    this.#trailers = [];
    this.#body = [];
    this.#bodyLength = 0;
    this.#length = undefined;
  }

  #renew(): void {
    const parser = new HTTPParser();
    this.#parser = parser;
    parser.initialize(HTTPParser.REQUEST, {}, LONGEST_HEAD, HTTPParser.kLenientNone);
    parser[HTTPParser.kOnHeaders] = (raw: string[], url: string): void => {
      if (this.#head !== undefined) this.#trailers.push(...raw);
      else {
        this.#raw.push(...raw);
        this.#url += url;
      }
    };
    parser[HTTPParser.kOnHeadersComplete] = (...args: HeadersComplete): number => this.#headersComplete(args);
    parser[HTTPParser.kOnBody] = (body: Buffer): void => {
      this.#body.push(body.toString('latin1'));
      this.#bodyLength += body.length;
    };
    parser[HTTPParser.kOnMessageComplete] = (): void => {
      this.#isComplete = true;
    };
  }

  #headersComplete(args: HeadersComplete): number {
    const [major, minor, raw, method, url, , , isUpgrade, keepsAlive] = args;
    const fields = fieldsOf([...this.#raw, ...(raw ?? [])]);
    this.#isInBody = true;
    this.#known = { method: methodsByNumber.get(method) ?? String(method), target: this.#url + (url ?? '') };
    this.#head = {
      ...(this.#standsInFor ?? this.#known),
      version: `${major}.${minor}`,
      fields,
      body: '',
      closes: !keepsAlive,
      isUpgrade,
    };
    const length = fields.find(([name]) => name === 'content-length')?.[1];
    const isChunked = fields.some(([name]) => name === 'transfer-encoding');
    this.#length = length === undefined || isChunked ? undefined : Number(length);
    return 0;
  }

  /**
   * Gives the parser a part of the bytes that no message can end within, only behind: so it is known where each ends.
   * Returns where the next part begins.
   */
  #step(bytes: Buffer, from: number): number {
    const lineEnd = bytes.indexOf(LF, from) + 1;
    const to = lineEnd === 0 ? bytes.length : lineEnd;
    if (this.#isInBody) {
      const left = this.#length === undefined ? to - from : this.#length - this.#bodyLength;
      const end = this.#length === undefined ? to : Math.min(bytes.length, from + left);
      this.#feed(bytes.subarray(from, end), end - from);
      return end;
    }
    const part = bytes.subarray(from, to);
    const line = this.#line === undefined ? part : Buffer.concat([this.#line, part]);
    this.#line = line;
    // Whoever sends a line without an end is not to fill the memory.
    if (lineEnd === 0 && line.length < LONGEST_HEAD) return to;
    this.#line = undefined;
    this.#feedLine(line);
    return to;
  }

  #feedLine(line: Buffer): void {
    // Empty lines belong to the request behind them.
    if (!this.#isFirstLine || isEmptyLines(line)) {
      this.#feedFieldLine(line);
      return;
    }
    this.#isFirstLine = false;
    const standIn = standInForLine(line);
    if (standIn !== undefined) {
      const { method, target, kinds } = standIn;
      this.#standsInFor = { method, target };
      this.#standIns.push(...kinds);
    }
    this.#feed(standIn === undefined ? line : Buffer.from(standIn.text, 'latin1'), line.length);
  }

  #feedFieldLine(line: Buffer): void {
    const standIn = standInForField(line);
    if (standIn !== undefined) this.#standIns.push('a tab behind a framing field');
    this.#feed(standIn === undefined ? line : Buffer.from(standIn, 'latin1'), line.length);
  }

  /** @param received how many bytes of the stream these are, or stand for */
  #feed(bytes: Buffer, received: number): void {
    const fault = this.#execute(bytes);
    const isInChunks = this.#isInBody && this.#length === undefined;
    const standIn = fault !== undefined && isInChunks ? standInForChunks(bytes) : undefined;
    if (standIn !== undefined) {
      this.#feedAgain(standIn, "a chunk's line", received);
      return;
    }
    this.#give(bytes);
    this.#fault = fault;
    if (fault !== undefined) this.#refused = received;
    else this.#offset += received;
    if (this.#isComplete) this.#complete();
  }

  /** Returns what is wrong. */
  #execute(bytes: Buffer): string | undefined {
    const result = this.#parser.execute(bytes);
    // Of a request that offers another protocol Node does not say so, but stops.
    if (typeof result === 'number') {
      const isWhole = result === bytes.length || this.#isComplete;
      return isWhole ? undefined : `stops at ${this.#offset + result}`;
    }
    return `${result.code} at ${this.#offset + result.bytesParsed}: ${result.reason ?? result.message}`;
  }

  #give(bytes: Buffer): void {
    this.given.push(bytes);
    this.#givenLength += bytes.length;
  }

  /** Gives a new parser the request so far, and then this in the place of what the first one has refused. */
  #feedAgain(text: string, kind: StandIn, received: number): void {
    const before = this.given.slice(this.#givenBefore);
    const [kinds, replaced] = [this.#standIns, this.#standsInFor];
    this.#begin(true);
    this.#givenBefore = this.given.length - before.length;
    this.#isFirstLine = false;
    this.#standIns = [...kinds, kind];
    this.#standsInFor = replaced;
    for (const bytes of before) this.#parser.execute(bytes);
    this.#feed(Buffer.from(text, 'latin1'), received);
  }

  #complete(): void {
    const head = this.#head;
    if (head === undefined) return;
    const { isUpgrade, ...read } = head;
    const { closes } = read;
    const body = this.#body.join('');
    const request = { ...read, trailers: fieldsOf(this.#trailers), body, end: this.#offset };
    const given = { ...request, ...this.#known, end: this.#givenLength };
    const complete = { ...request, start: this.#start, standIns: this.#standIns, given };
    this.requests.push(complete);
    this.#start = this.#offset;
    // The parser takes what follows for nothing, or for another protocol; that is not its to say.
    this.#begin(closes || isUpgrade);
    this.#onRequest(complete);
  }
}

type HeadersComplete = [
  major: number,
  minor: number,
  raw: string[] | undefined,
  method: number,
  url: string | undefined,
  status: number | undefined,
  reason: string | undefined,
  isUpgrade: boolean,
  keepsAlive: boolean,
];

export function fieldsOf(raw: readonly string[]): Fields {
  return Array.from({ length: raw.length / 2 }, (_, place): readonly [string, string] => [
    (raw[2 * place] ?? '').toLowerCase(),
    trimmed(raw[2 * place + 1] ?? ''),
  ]);
}

function isEmptyLines(bytes: Buffer): boolean {
  return bytes.every((byte) => byte === 0x0d || byte === LF);
}

/** What llhttp makes of a whole stream. */
export interface LlhttpReading extends Reading {
  readonly requests: readonly LlhttpRequest[];
  readonly partial: PartialRequest | undefined;
  /** The stream as the other parsers are to get it: with the same stand-ins. */
  readonly given: Buffer;
}

export function readWithLlhttp(bytes: Buffer): LlhttpReading {
  const reader = new RequestReader();
  reader.push(bytes);
  return {
    requests: reader.requests,
    rest: reader.rest,
    partial: reader.partial,
    given: Buffer.concat([...reader.given, bytes.subarray(reader.received)]),
  };
}

/** The method of the request in this place, be it one or not: an answer to HEAD has no content, whatever is wrong. */
export function methodOf({ requests }: LlhttpReading, bytes: Buffer, place: number): string | undefined {
  const request = requests[place];
  if (request !== undefined) return request.method;
  const start = requests.at(-1)?.end ?? 0;
  return /^[\r\n]*(\w+) /.exec(bytes.toString('latin1', start, start + 100))?.[1];
}
