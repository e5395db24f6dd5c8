// A client's request, with its body as it comes (RFC 9112 §6). Its connection gives it bytes; whoever wants the body
// reads it, and sets the pace.
import { Readable } from 'node:stream';
import type { ClientRequest } from '../http/exchange.js';
import { ChunkReader } from './chunks.js';
import type { RequestHead } from './request-head.js';

/** What a request needs of its connection. */
export interface RequestSource {
  /** The client's address, without a port; undefined on a unix socket. */
  readonly remoteAddress: string | undefined;
  /** More of the body is wanted. */
  readOn(): void;
}

/** Memory that the bytes of a large body are read into, in bytes: they stay where they were read. */
const SLAB = 256 * 1024;
/** The least that is read into what is left of it, in bytes. */
const LEAST = 16 * 1024;
/** A body with less to come is copied out of shared memory, in bytes: that costs less than memory of its own. */
const LARGE = 64 * 1024;

/** See ClientRequest. */
export class ServerRequest implements ClientRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly rawHeaders: readonly string[];
  readonly httpVersion: '1.1' | '1.0';
  readonly bodyLength: number | undefined;
  readonly expectsContinue: boolean;
  readonly upgrade: 'websocket' | undefined;
  readonly remoteAddress: string | undefined;
  fault: Error | undefined;
  destroyed = false;
  readonly #source: RequestSource;
  /** Bytes of a sized body that are still to come. */
  #awaited: number;
  #chunks: ChunkReader | undefined;
  /** True while chunks are still to come. */
  #isOpen: boolean;
  #body: Readable | undefined;
  /** True once all of the body has been given to whoever reads it, or would have been. */
  #hasEnded: boolean;
  /** True when nobody wants the body. */
  #isDropped = false;
  #slab: Buffer | undefined;
  #wantsMore = true;

  /** @param fault why it cannot be read, in which case the head has what can be told of it */
  constructor(head: RequestHead, source: RequestSource, fault?: Error) {
    this.fault = fault;
    this.method = head.method;
    this.target = head.target;
    this.headers = head.headers;
    this.rawHeaders = head.rawHeaders;
    this.httpVersion = head.httpVersion;
    this.bodyLength = head.bodyLength;
    this.expectsContinue = head.expectsContinue;
    this.upgrade = head.upgrade;
    this.remoteAddress = source.remoteAddress;
    this.#source = source;
    this.#awaited = head.bodyLength ?? 0;
    this.#isOpen = head.bodyLength === undefined;
    this.#hasEnded = this.complete;
  }

  get complete(): boolean {
    return this.#awaited === 0 && !this.#isOpen;
  }

  /** False while whoever reads the body has enough. */
  get wantsMore(): boolean {
    return this.#wantsMore;
  }

  get body(): Readable {
    this.#body ??= this.#createBody();
    return this.#body;
  }

  /**
   * Takes the part of the bytes that belongs to the body.
   * @param isOwn they lie in memory that `readInto` gave, and may be kept there
   * @returns where the rest begins
   * @throws {MalformedMessage}
   */
  take(bytes: Buffer, at: number, length: number, isOwn: boolean): number {
    if (this.complete) return at;
    if (this.#isOpen) return this.#takeChunks(bytes, at, length);
    const end = Math.min(length, at + this.#awaited);
    this.#awaited -= end - at;
    if (isOwn) this.#slab = this.#slab?.subarray(end - at);
    const part = bytes.subarray(at, end);
    if (!this.#isDropped) this.#push(isOwn ? part : Buffer.from(part));
    if (this.#awaited === 0) this.#end();
    return end;
  }

  /** Where the next bytes of a large body go; undefined when it is shared memory. */
  readInto(): Buffer | undefined {
    if (this.#isDropped || this.#awaited < LARGE) return undefined;
    if (this.#slab === undefined || this.#slab.length < LEAST) {
      this.#slab = Buffer.allocUnsafeSlow(Math.min(SLAB, this.#awaited));
    }
    return this.#slab;
  }

  /** Nobody wants what is still to come of the body. */
  drop(): void {
    this.#isDropped = true;
    this.#wantsMore = true;
    this.#slab = undefined;
  }

  /**
   * Tells who waits for the body that its time is over; false when nobody listens, or whoever does is what the client waits
   * for.
   */
  timedOut(): boolean {
    return !this.complete && this.#wantsMore && (this.#body?.emit('timeout') ?? false);
  }

  /**
   * Nothing more will come of it.
   * @param error what is wrong with the body; without one the client is gone
   */
  abandon(error?: Error): void {
    if (this.destroyed) return;
    this.destroyed = true;
    if (this.complete) return;
    // Whoever has not answered yet refuses it; whoever reads the body hears of it, and nobody else needs to.
    this.fault = error;
    if (error !== undefined) this.#body?.on('error', () => {});
    this.#body?.destroy(error);
  }

  /** Of the reader of chunks. */
  chunkData(bytes: Buffer): void {
    if (!this.#isDropped) this.#push(Buffer.from(bytes));
  }

  /** Of the reader of chunks. Trailers of requests are not passed on: whether one may be is for the app to know. */
  chunksEnd(): void {
    this.#isOpen = false;
  }

  #takeChunks(bytes: Buffer, at: number, length: number): number {
    if (this.#chunks === undefined) {
      this.#chunks = new ChunkReader(this);
      this.#chunks.begin();
    }
    const end = this.#chunks.read(bytes, at, length);
    if (!this.#isOpen) this.#end();
    return end;
  }

  #push(part: Buffer): void {
    this.#wantsMore = this.body.push(part);
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wantsMore = true;
    if (!this.#isDropped) this.#body?.push(null);
  }

  #createBody(): Readable {
    const body = new Readable({
      read: () => {
        if (this.#wantsMore) return;
        this.#wantsMore = true;
        this.#source.readOn();
      },
    });
    if (this.#hasEnded) body.push(null);
    if (this.destroyed) body.on('error', () => {}).destroy(this.fault);
    return body;
  }
}
