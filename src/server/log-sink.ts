// What takes the bytes of the log, without this thread ever waiting: a file, a pipe, a terminal, or a socket (systemd's
// journal). A thread that is stuck in a write would hold up the end of the process, too; so what may be full is written to in
// a way that says so instead of waiting, wherever the system has one.
import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { mayHangOpen } from '../stores/disk/remote-mounts.js';

/** Where bytes go. */
export interface LogSink {
  /** For what must be written at once. */
  readonly descriptor: number;
  /** Whether it takes all bytes at once, as a file on a disk of this machine does. */
  readonly isFile: boolean;
  /** Whether a write may wait in another thread for as long as nobody reads. */
  readonly mayBlock: boolean;
  /** Writes some of the bytes, or tells why none: EAGAIN where there is no room. */
  write(bytes: Buffer, done: (error: NodeJS.ErrnoException | null, written: number) => void): void;
  /** Gives back what was opened. */
  close(): void;
}

/**
 * @param descriptor stays the caller's
 * @throws {Error} when it is not open
 */
export function logSink(descriptor: number): LogSink {
  // bigint keeps the figures of a pipe out of the buffer in which Node 20 and 22 look, once more, when they load a
  // package by a link (fs.realpathSync): they would take the link for the package's place and not find what it needs.
  const status = fstatSync(descriptor, { bigint: true });
  if (status.isSocket()) return socketSink(descriptor) ?? plainSink(descriptor, false);
  if (status.isFIFO() || status.isCharacterDevice()) {
    return ownSink(descriptor) ?? plainSink(descriptor, false);
  }
  return plainSink(descriptor, status.isFile() && !mayHangOpen(descriptor));
}

function plainSink(descriptor: number, isFile: boolean): LogSink {
  return {
    descriptor,
    isFile,
    mayBlock: true,
    write: (bytes, done) => write(descriptor, bytes, done),
    close: () => {},
  };
}

/**
 * Opens the same pipe or terminal once more, not to wait for room there: whether a descriptor waits is shared with all who
 * have it by inheritance, such as an app that the same shell started.
 */
function ownSink(descriptor: number): LogSink | undefined {
  const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  let own: number;
  try {
    own = openSync(`/proc/self/fd/${descriptor}`, flags);
  } catch {
    // No /proc, a pipe of another user, or one that nobody reads.
    return undefined;
  }
  return {
    descriptor: own,
    isFile: false,
    mayBlock: false,
    write: (bytes, done) => write(own, bytes, done),
    close: () => closeSync(own),
  };
}

/** A socket cannot be opened once more; the event loop writes to it. */
function socketSink(descriptor: number): LogSink | undefined {
  let socket: Socket;
  try {
    socket = new Socket({ fd: descriptor, readable: false, writable: true });
  } catch {
    return undefined;
  }
  // What it says is said to the one who writes.
  socket.on('error', () => {});
  socket.unref();
  return {
    descriptor,
    isFile: false,
    mayBlock: false,
    write(bytes, done) {
      socket.write(bytes, (error) => done(error ?? null, bytes.length));
    },
    close: () => {},
  };
}
