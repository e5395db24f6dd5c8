// The request's body, held here until it is complete: the app gets it at once, however slow its client is
// (nginx: proxy_request_buffering, client_body_buffer_size, client_max_body_size).
import { type Readable, Transform } from 'node:stream';
import type { Logger } from 'pino';
import type { UpstreamLocation } from '../config/location.js';
import { BodyTooLargeError, RequestTimeoutError, SpoolFailedError } from '../http/errors.js';
import type { Exchange } from '../http/exchange.js';
import type { OutgoingBody } from '../http1/client-connection.js';
import { FileParts, MemoryParts } from './body-parts.js';
import { busy, isOutOfDescriptors } from './failure.js';
import { spoolDirectoryOf, TemporaryFile } from './temporary-file.js';
import type { UploadMemory } from './upload-memory.js';

/** A request's body, ready for the app. Who got it closes it. */
export interface RequestBody extends OutgoingBody {
  /** True when it can be given to the app a second time. */
  readonly replayable: boolean;
  /** Frees what holds it. */
  close(): void;
}

/** How much may wait to be written to the temporary file before the client is slowed down, in bytes. */
const WRITE_AHEAD = 1024 * 1024;
/** What a chunk takes besides its bytes, in bytes: a client that sends them one by one must not take much more. */
const COST_OF_CHUNK = 512;
/** A body up to this size is handed to the socket at once; the read timeout covers it, in bytes. */
export const IN_ONE_GO = 64 * 1024;

/** What it takes to take a body in. */
interface Taking {
  readonly exchange: Exchange;
  readonly location: UpstreamLocation;
  readonly memory: UploadMemory;
  readonly log: Logger;
}

/**
 * Takes the request's body in. Resolves with undefined when the client left before it was complete.
 * @throws {BodyTooLargeError} over `maxBody`, at once when Content-Length tells
 * @throws {RequestTimeoutError} when the client stops sending
 * @throws {SpoolFailedError} when the temporary file cannot be written
 */
export async function takeRequestBody(
  exchange: Exchange,
  location: UpstreamLocation,
  memory: UploadMemory,
  log: Logger,
): Promise<RequestBody | undefined> {
  const { request, response } = exchange;
  const size = request.bodyLength;
  if (size !== undefined && isOver(size, location.maxBody)) throw tooLarge(exchange, location, log);
  // Only now: a client that waits for this need not send what would be refused (RFC 9110 §10.1.1).
  response.writeContinue();
  if (!location.requestBuffering) return passOn(exchange, size, location, log);
  const collector = new Collector({ exchange, location, memory, log });
  return await collector.collect();
}

function isOver(size: number, limit: number): boolean {
  return limit > 0 && size > limit;
}

function tooLarge(exchange: Exchange, { maxBody }: UpstreamLocation, log: Logger): Error {
  const error = new BodyTooLargeError(maxBody);
  log.warn(
    { requestId: exchange.id, contentLength: exchange.request.bodyLength, maxBody },
    'a request body is larger than --max-body; raise it (with the app in mind) if this was a rightful upload',
  );
  return error;
}

/** The body as it comes, for apps that work on an upload while it arrives. */
function passOn(
  exchange: Exchange,
  size: number | undefined,
  location: UpstreamLocation,
  log: Logger,
): RequestBody {
  const { request, response } = exchange;
  const { body } = request;
  response.setTimeout(location.sendTimeout);
  // Who sends it on hears of it. Before that begins, and when it is over, nobody does, and nobody needs to.
  body.on('error', () => {});
  body.once('timeout', () => {
    // The request is given up at the app, which hears that it is not whole.
    if (response.headersSent) response.destroy();
    else body.destroy(new RequestTimeoutError());
  });
  const source = size === undefined && location.maxBody > 0 ? limited(exchange, location, log) : body;
  return { size, replayable: false, open: () => source, close() {} };
}

/** Without a Content-Length the size is known when it is too late for a good answer: both sides are cut off. */
function limited(exchange: Exchange, location: UpstreamLocation, log: Logger): Readable {
  let size = 0;
  const counter = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (isOver(size, location.maxBody)) done(tooLarge(exchange, location, log));
      else done(null, chunk);
    },
  });
  // As for the body itself.
  counter.on('error', () => {});
  const { request } = exchange;
  const { body } = request;
  const closed = (): void => {
    if (!request.complete) counter.destroy(body.errored ?? request.fault ?? new Error('the client left'));
  };
  if (body.closed) closed();
  else body.once('close', closed);
  return body.pipe(counter);
}

interface Settle {
  resolve(body: RequestBody | undefined): void;
  reject(error: Error): void;
}

/** Takes one body in: memory first, then a temporary file. */
class Collector {
  readonly #exchange: Exchange;
  readonly #location: UpstreamLocation;
  readonly #memory: UploadMemory;
  readonly #log: Logger;
  /** In memory, not yet in the file. */
  #chunks: Buffer[] = [];
  /** What these take, in bytes. */
  #held = 0;
  /** Of that, what was borrowed. */
  #borrowed = 0;
  #size = 0;
  #file: TemporaryFile | undefined;
  #written = 0;
  #writing = false;
  #ended = false;
  #settle: Settle | undefined;

  constructor({ exchange, location, memory, log }: Taking) {
    this.#exchange = exchange;
    this.#location = location;
    this.#memory = memory;
    this.#log = log;
  }

  collect(): Promise<RequestBody | undefined> {
    const { request, response } = this.#exchange;
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      response.setTimeout(this.#location.sendTimeout);
      request.body.on('data', this.#take).once('end', this.#end).once('close', this.#left);
      request.body.once('timeout', this.#stalled).once('error', this.#broken);
    });
  }

  readonly #take = (chunk: Buffer): void => {
    this.#size += chunk.length;
    if (isOver(this.#size, this.#location.maxBody)) {
      this.#fail(tooLarge(this.#exchange, this.#location, this.#log));
      return;
    }
    this.#chunks.push(chunk);
    this.#held += chunk.length + COST_OF_CHUNK;
    if (this.#held - this.#borrowed <= this.#location.bufferMemory || this.#borrow()) return;
    this.#write();
    if (this.#held > WRITE_AHEAD + this.#location.bufferMemory) this.#exchange.request.body.pause();
  };

  /** False when the body must go to a file: some of it has already, or there is not enough memory for all of it. */
  #borrow(): boolean {
    if (this.#file !== undefined) return false;
    const wanted = this.#held - this.#borrowed - this.#location.bufferMemory;
    const announced = this.#exchange.request.bodyLength ?? 0;
    if (announced - this.#size + wanted > this.#memory.free || !this.#memory.lend(wanted)) return false;
    this.#borrowed += wanted;
    return true;
  }

  readonly #end = (): void => {
    this.#ended = true;
    if (this.#file !== undefined) this.#write();
    else this.#finish(this.#inMemory());
  };

  readonly #left = (): void => {
    if (!this.#ended) this.#finish(undefined);
  };

  /** What comes is no body. */
  readonly #broken = (error: Error): void => this.#fail(error);

  readonly #stalled = (): void => this.#fail(new RequestTimeoutError());

  /** Writes what is held, one write at a time. */
  #write(): void {
    if (this.#writing || this.#settle === undefined) return;
    try {
      this.#file ??= new TemporaryFile(spoolDirectoryOf(this.#location));
    } catch (error) {
      this.#fail(this.#cannotWrite(error as NodeJS.ErrnoException));
      return;
    }
    if (this.#chunks.length === 0) {
      if (this.#ended) this.#finish(inFile(this.#file, this.#size));
      return;
    }
    const chunks = this.#chunks;
    const held = this.#held;
    const end = this.#size;
    this.#chunks = [];
    this.#writing = true;
    this.#file.write(chunks, this.#written).then(
      () => {
        this.#writing = false;
        this.#written = end;
        this.#held -= held;
        this.#giveBack();
        if (this.#settle === undefined) return;
        this.#exchange.request.body.resume();
        if (this.#ended || this.#held > this.#location.bufferMemory) this.#write();
      },
      (error: NodeJS.ErrnoException) => this.#fail(this.#cannotWrite(error)),
    );
  }

  #giveBack(): void {
    this.#memory.takeBack(this.#borrowed);
    this.#borrowed = 0;
  }

  #cannotWrite(error: NodeJS.ErrnoException): Error {
    const { code, message } = error;
    const directory = spoolDirectoryOf(this.#location);
    if (isOutOfDescriptors(error)) return busy(`a temporary file in ${directory}`, code ?? message);
    return new SpoolFailedError(directory, code ?? message);
  }

  /** Whoever has the body then has what was borrowed for it, too. */
  #inMemory(): RequestBody {
    const memory = this.#memory;
    let borrowed = this.#borrowed;
    this.#borrowed = 0;
    const close = (): void => {
      memory.takeBack(borrowed);
      borrowed = 0;
    };
    return { ...inMemory(this.#chunks, this.#size), close };
  }

  #finish(body: RequestBody | undefined): void {
    if (body === undefined) this.#file?.close();
    this.#release()?.resolve(body);
  }

  #fail(error: Error): void {
    this.#file?.close();
    this.#release()?.reject(error);
  }

  #release(): Settle | undefined {
    const { request } = this.#exchange;
    request.body.off('data', this.#take).off('end', this.#end).off('close', this.#left);
    request.body.off('timeout', this.#stalled).off('error', this.#broken);
    this.#chunks = [];
    this.#giveBack();
    const settle = this.#settle;
    this.#settle = undefined;
    return settle;
  }
}

function inMemory(chunks: readonly Buffer[], size: number): Omit<RequestBody, 'close'> {
  if (size > IN_ONE_GO) return { size, replayable: true, open: () => new MemoryParts(chunks) };
  const bytes = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
  return { size, replayable: true, open: () => bytes };
}

function inFile(file: TemporaryFile, size: number): RequestBody {
  return { size, replayable: true, open: () => new FileParts(file, size), close: () => file.close() };
}
