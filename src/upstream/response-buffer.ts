// What the app has written and the client has not taken yet: memory first, then a temporary file, so that a slow
// client holds no worker of the app (nginx: proxy_buffers, proxy_max_temp_file_size).
import { ChunkList } from './chunk-list.js';
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
  readonly #head = new ChunkList();
  #file: TemporaryFile | undefined;
  #fileUsable: boolean;
  /**
   * The part of what has gone into the file that is still to be read. At its limit the file begins anew where its reader
   * has been: a position stands at its remainder.
   */
  #readFrom = 0;
  #readTo = 0;
  #isWriting = false;
  #written: Promise<void> = Promise.resolve();
  /** Waiting to be written to the file; these come last. */
  readonly #tail = new ChunkList();
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
    const nothingLater = this.#tail.isEmpty && !this.#isWriting && this.#readFrom === this.#readTo;
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
    const chunk = this.#head.shift();
    if (chunk !== undefined) return this.#taken(chunk);
    if (this.#readFrom === this.#readTo && this.#isWriting) await this.#written;
    if (this.#file !== undefined && this.#readFrom < this.#readTo) {
      const position = this.#readFrom % this.#limits.file;
      const end = Math.min(position + this.#readTo - this.#readFrom, this.#limits.file);
      const bytes = await this.#file.read(position, end);
      if (bytes.length === 0) throw new Error('the temporary file became shorter');
      this.#readFrom += bytes.length;
      // Read to its end, it takes no more of the disk than it must.
      if (this.#readFrom === this.#readTo && !this.#isWriting) {
        this.#readFrom = 0;
        this.#readTo = 0;
      }
      this.#write();
      this.#makeRoom();
      return bytes;
    }
    const last = this.#tail.shift();
    return last === undefined ? undefined : this.#taken(last);
  }

  /** Frees what holds the bytes. */
  close(): void {
    this.#closed = true;
    this.#head.takeAll();
    this.#tail.takeAll();
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
    return this.#held > this.#limits.memory + WRITE_AHEAD || this.#room === 0;
  }

  /** What the file takes, in bytes. */
  get #room(): number {
    return this.#limits.file - (this.#readTo - this.#readFrom);
  }

  #makeRoom(): void {
    if (!this.#refused || this.#closed || this.#isFull()) return;
    this.#refused = false;
    this.#onRoom();
  }

  /** Writes what waits, one write at a time. */
  #write(): void {
    if (this.#isWriting || this.#tail.isEmpty || !this.#fileUsable || this.#closed) return;
    if (this.#room === 0) return;
    try {
      this.#file ??= this.#limits.createFile();
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException);
      return;
    }
    const position = this.#readTo % this.#limits.file;
    const chunks = this.#tail.takeUpTo(Math.min(this.#room, this.#limits.file - position));
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    this.#isWriting = true;
    this.#written = this.#file.write(chunks, position).then(
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
        this.#tail.unshift(chunks);
        if (!this.#closed) this.#fail(error);
      },
    );
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#fileUsable = false;
    this.#limits.onFileFailed(error);
  }
}

/** How much may wait to be written to the temporary file before the app is slowed down, in bytes. */
const WRITE_AHEAD = 1024 * 1024;
