// An open file on this machine's disk, read here or on one of libuv's threads.
import { fstat, fstatSync, read as readDescriptor, readSync, type Stats } from 'node:fs';
import { acquireBuffer, releaseBuffer } from '../../http/buffer-pool.js';
import type { Piece } from '../../http/piece.js';
import { toText } from '../../http/target.js';
import { type DirectFile, type StoredFile, StoreError, type VersionMark } from '../store.js';
import { closeRead } from './close.js';
import type { DiskVersion } from './disk-version.js';
import { kernelSend } from './kernel-send.js';
import { versionMarkOf } from './version-mark.js';

/** An open file on this machine's disk. */
export class DiskFile implements StoredFile, DirectFile {
  readonly version: DiskVersion;
  readonly #name: string;
  #descriptor: number;
  #reading = false;
  #closed = false;
  #canBeMapped = true;

  constructor(descriptor: number, version: DiskVersion, name: string) {
    this.#name = name;
    this.#descriptor = descriptor;
    this.version = version;
  }

  /** Time of modification in milliseconds since the epoch, never rounded up to the next second, as `mtimeMs` may be. */
  get modified(): number {
    const { mtimeMs } = this.version;
    // A number has no room for all nanoseconds of today: what lies less than 122 of them before a second becomes it.
    if (mtimeMs % 1000 !== 0) return mtimeMs;
    const { mtimeNs } = fstatSync(this.#descriptor, { bigint: true });
    const roundedDown = Number(mtimeNs / 1_000_000n);
    return roundedDown === mtimeMs - 1 ? roundedDown : mtimeMs;
  }

  mark(now: number): VersionMark {
    return versionMarkOf(this, this, now);
  }

  get direct(): DirectFile {
    return this;
  }

  async read(position: number, most: number): Promise<Piece> {
    const buffer = acquireBuffer(most);
    const release = (): void => releaseBuffer(buffer);
    try {
      return { bytes: buffer.subarray(0, await this.#readInto(buffer.subarray(0, most), position)), release };
    } catch (error) {
      release();
      throw error;
    }
  }

  #readInto(buffer: Buffer, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#reading = true;
      const done = (error: Error | null, bytes: number): void => {
        this.#reading = false;
        if (this.#closed) this.#release();
        if (error) reject(readFailure(error, this.#name));
        else resolve(bytes);
      };
      readDescriptor(this.#descriptor, buffer, 0, buffer.length, position, (error, bytes) => {
        if (error || bytes === 0) done(error, 0);
        else fstat(this.#descriptor, (error, stats) => done(error, error ? 0 : own(bytes, position, stats)));
      });
    });
  }

  readSync(buffer: Buffer, position: number): number {
    try {
      const bytes = readSync(this.#descriptor, buffer, 0, buffer.length, position);
      return bytes === 0 ? 0 : own(bytes, position, fstatSync(this.#descriptor));
    } catch (error) {
      throw readFailure(error, this.#name);
    }
  }

  get sendTo(): DirectFile['sendTo'] {
    const send = this.#canBeMapped ? kernelSend() : undefined;
    if (send === undefined) return undefined;
    return (socket, position, count) => {
      if (this.#closed) return 0;
      const sent = send(socket, this.#descriptor, position, count, (buffer, at) => this.readSync(buffer, at));
      this.#canBeMapped = sent !== undefined;
      return sent ?? 0;
    };
  }

  /** Gives the descriptor away: whoever has it closes it. */
  detach(): number {
    this.#closed = true;
    return this.#descriptor;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A read under way in another thread must not find its descriptor's number given to another file.
    if (!this.#reading) this.#release();
  }

  #release(): void {
    const descriptor = this.#descriptor;
    this.#descriptor = -1;
    closeRead(descriptor);
  }
}

/**
 * How many of these bytes are the file's. When it is cut while they are read, the kernel may have given zeros for those
 * that were cut off.
 */
function own(bytes: number, position: number, { size }: Stats): number {
  return Math.max(0, Math.min(bytes, size - position));
}

/** Whatever keeps an open file from being read is the disk's failure. */
function readFailure(error: unknown, name: string): StoreError {
  return new StoreError('failed', toText(name), (error as NodeJS.ErrnoException).code ?? String(error));
}
