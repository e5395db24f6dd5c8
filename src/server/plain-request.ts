// A request that was read without Node (http/plain-request), with its body: the members that handlers use of Node's
// IncomingMessage, and none of its cost when there is no body.
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { ClientRequest } from '../http/exchange.js';
import type { RequestHead } from '../http/plain-request.js';

/** See ClientRequest. */
export class PlainRequest implements ClientRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly rawHeaders: readonly string[];
  readonly httpVersion = '1.1';
  readonly socket: Socket;
  destroyed = false;
  /** Bytes of the body that are still to come. */
  #awaited: number;
  #body: Readable | undefined;

  constructor({ method, headers, rawHeaders, bodyLength }: RequestHead, socket: Socket) {
    this.method = method;
    this.headers = headers;
    this.rawHeaders = rawHeaders;
    this.socket = socket;
    this.#awaited = bodyLength;
  }

  get complete(): boolean {
    return this.#awaited === 0;
  }

  get body(): Readable {
    this.#body ??= this.#createBody();
    return this.#body;
  }

  /**
   * Takes the part of the bytes that belongs to the body, and stops the socket when nobody reads it.
   * @returns the bytes behind it; undefined when there are none
   */
  take(bytes: Buffer): Buffer | undefined {
    if (this.#awaited === 0) return bytes;
    const { body } = this;
    const own = bytes.length <= this.#awaited ? bytes : bytes.subarray(0, this.#awaited);
    this.#awaited -= own.length;
    if (!body.push(own) && this.#awaited > 0) this.socket.pause();
    if (this.#awaited === 0) body.push(null);
    return own.length === bytes.length ? undefined : bytes.subarray(own.length);
  }

  /** Tells who waits for the body that its time is over; false when nobody listens. */
  timedOut(): boolean {
    return !this.complete && (this.#body?.emit('timeout') ?? false);
  }

  /** The client is gone. */
  abandon(): void {
    this.destroyed = true;
    if (!this.complete) this.#body?.destroy();
  }

  #createBody(): Readable {
    const { socket } = this;
    const body = new Readable({ read: () => socket.resume() });
    if (this.#awaited === 0) body.push(null);
    if (this.destroyed) body.destroy();
    return body;
  }
}
