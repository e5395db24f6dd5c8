// What the app has written and the client has not taken yet: memory first, then a temporary file, so that a slow
// client holds no worker of the app (nginx: proxy_buffers, proxy_max_temp_file_size).
import type { TemporaryFile } from './temporary-file.js';

/** How much a buffer may hold, and where. */
export interface ResponseBufferLimits {
  /** In bytes. */
  readonly memory: number;
  /** In bytes; 0 is no file. */
  readonly file: number;
  /** @throws the system's error when there can be no file */
  createFile(): TemporaryFile;
  /** Told once when the file fails; from then on the app is read at the client's pace. */
  onFileFailed(error: NodeJS.ErrnoException): void;
}

/** Bytes on their way from a fast writer to a slow reader, in order. One reader at a time. */
export class ResponseBuffer {
  readonly #limits: ResponseBufferLimits;
  /** Called when there is room again after `add` returned false. */
  readonly #onRoom: () => void;
  /** Held before the file was needed; these come first. */
  #head: Buffer[] = [];
  #file: TemporaryFile | undefined;
  #fileUsable: boolean;
  /** The part of the file that is still to be read. */
  #readFrom = 0;
  #readTo = 0;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  /** Waiting to be written to the file; these come last. */
  #tail: Buffer[] = [];
  /** Bytes in memory: head, tail and what is being written. */
  #held = 0;
  #refused = false;
  #closed = false;

  constructor(limits: ResponseBufferLimits, onRoom: () => void) {
    this.#limits = limits;
    this.#onRoom = onRoom;
    this.#fileUsable = limits.file > 0;
  }

  /** Keeps the bytes. Returns false when the writer must wait for `onRoom`. */
  add(chunk: Buffer): boolean {
    this.#held += chunk.length;
    const nothingLater = this.#tail.length === 0 && !this.#isWriting && this.#readFrom === this.#readTo;
    if (nothingLater && (this.#held <= this.#limits.memory || !this.#fileUsable)) {
      this.#head.push(chunk);
    } else {
      this.#tail.push(chunk);
      this.#write();
    }
    this.#refused = this.#isFull();
    return !this.#refused;
  }

  /** The next bytes in order; undefined when there are none at this moment. */
  async take(): Promise<Buffer | undefined> {
    const chunk = takeFirst(this.#head);
    if (chunk !== undefined) return this.#taken(chunk);
    if (this.#readFrom === this.#readTo && this.#isWriting) await this.#written;
    if (this.#file !== undefined && this.#readFrom < this.#readTo) {
      const bytes = await this.#file.read(this.#readFrom, this.#readTo);
      if (bytes.length === 0) throw new Error('the temporary file became shorter');
      this.#readFrom += bytes.length;
      // Read to its end, the file begins anew: its size stays bounded.
      if (this.#readFrom === this.#readTo && !this.#isWriting) {
        this.#readFrom = 0;
        this.#readTo = 0;
      }
      this.#makeRoom();
      return bytes;
    }
    const last = takeFirst(this.#tail);
    return last === undefined ? undefined : this.#taken(last);
  }

  /** Frees what holds the bytes. */
  close(): void {
    this.#closed = true;
    this.#head = [];
    this.#tail = [];
    this.#file?.close();
  }

  #taken(chunk: Buffer): Buffer {
    this.#held -= chunk.length;
    this.#makeRoom();
    return chunk;
  }

  #isFull(): boolean {
    if (!this.#fileUsable) return this.#held > this.#limits.memory;
    // The file takes more, but the disk must keep up.
    return this.#held > this.#limits.memory + WRITE_AHEAD || this.#readTo >= this.#limits.file;
  }

  #makeRoom(): void {
    if (!this.#refused || this.#closed || this.#isFull()) return;
    this.#refused = false;
    this.#onRoom();
  }

  /** Writes what waits, one write at a time. */
  #write(): void {
    if (this.#isWriting || this.#tail.length === 0 || !this.#fileUsable || this.#closed) return;
    if (this.#readTo >= this.#limits.file) return;
    try {
      this.#file ??= this.#limits.createFile();
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException);
      return;
    }
    const chunks = this.#tail;
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#tail = [];
    this.#isWriting = true;
    this.#written = this.#file.write(chunks, this.#readTo).then(
      () => {
        this.#isWriting = false;
        this.#readTo += bytes;
        this.#held -= bytes;
        this.#write();
        this.#makeRoom();
      },
      (error: NodeJS.ErrnoException) => {
        this.#isWriting = false;
        // Nothing is lost: what could not be written is still in memory.
        this.#tail = [...chunks, ...this.#tail];
        if (!this.#closed) this.#fail(error);
      },
    );
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#fileUsable = false;
    this.#limits.onFileFailed(error);
  }
}

/** Up to here small chunks are taken in one, in bytes. */
const MAX_JOINED = 16 * 1024;

/**
 * Takes the first chunk, or several small ones as one: an app that writes byte by byte would cost its client's socket a
 * write for each, and to shift them off a long array one by one moves all the others each time.
 */
function takeFirst(chunks: Buffer[]): Buffer | undefined {
  let count = 1;
  let bytes = chunks[0]?.length ?? 0;
  for (; count < chunks.length; count++) {
    bytes += chunks[count]?.length ?? 0;
    if (bytes > MAX_JOINED) break;
  }
  const taken = chunks.splice(0, count);
  return taken.length > 1 ? Buffer.concat(taken) : taken[0];
}

/** How much may wait to be written to the temporary file before the app is slowed down, in bytes. */
const WRITE_AHEAD = 1024 * 1024;
