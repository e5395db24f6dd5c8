// From a file to a socket in one copy, which the kernel makes out of the pages it keeps of the file: they are mapped and
// written, and never looked at here. Node has no calls for it; koffi, where it is installed, makes them. sendfile(2)
// would save that copy too, but what is on its way then are the pages themselves: when the file is cut, what was sent
// before turns into zeros, up to the end of the page, which may be large, and the answer looks whole. The copy stays.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/**
 * Gives up to `count` of the file's bytes from `position` on to the socket; returns how many it took, 0 when it takes
 * none now, when the file has not so many, or when it fails: reading or writing will wait, or tell what is wrong.
 * Undefined when this file cannot be mapped.
 *
 * When a file is cut, the rest of its last page turns into zeros, and the pages behind that are gone. So of the last page
 * only the first byte is taken from the mapping, and the rest is read before. A file that is cut in this very moment
 * before that page no longer has it, and what is sent ends short; one that is cut within it is sent as it was.
 * @param read reads bytes of the file at a position, and returns how many there are
 */
export type KernelSend = (
  socket: Socket,
  descriptor: number,
  position: number,
  count: number,
  read: (buffer: Buffer, position: number) => number,
) => number | undefined;

let found: { readonly send: KernelSend | undefined } | undefined;

/** Undefined where this cannot be done. Looked for at the first call. */
export function kernelSend(): KernelSend | undefined {
  found ??= { send: wrap(load()) };
  return found.send;
}

/** The system's calls. Addresses are numbers: nothing here reads what is there. */
interface Calls {
  mmap(address: 0, length: number, access: number, kind: number, descriptor: number, offset: number): number;
  munmap(address: number, length: number): number;
  /** Never waits, since Node's sockets do not, and raises no signal, since Node ignores SIGPIPE. */
  writev(descriptor: number, pieces: BigUint64Array, count: number): number;
  getpagesize(): number;
  addressOf(buffer: Buffer): bigint;
}

/** Where the numbers below are right, and offsets and addresses have 64 bits. */
const IS_SUPPORTED =
  process.platform === 'linux' && !['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch);
const PROT_READ = 1;
const MAP_PRIVATE = 2;
const MAP_FAILED = -1;

function load(): Calls | undefined {
  if (!IS_SUPPORTED) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const libc = koffi.load(null);
    return {
      mmap: libc.func('intptr_t mmap(intptr_t address, size_t length, int, int, int, int64_t offset)'),
      munmap: libc.func('int munmap(intptr_t address, size_t length)'),
      writev: libc.func('intptr_t writev(int descriptor, uint64_t *pieces, int count)'),
      getpagesize: libc.func('int getpagesize()'),
      addressOf: koffi.address,
    };
  } catch {
    // It is an optional dependency, with prebuilt code for most machines and not for all.
    return undefined;
  }
}

function wrap(calls: Calls | undefined): KernelSend | undefined {
  if (calls === undefined) return undefined;
  const page = calls.getpagesize();
  const end = Buffer.allocUnsafeSlow(page);
  // Two of struct iovec: address and length of what is mapped, and of the end.
  const pieces = new BigUint64Array(4);
  pieces[2] = calls.addressOf(end);
  return (socket, descriptor, position, count, read) => {
    // What is written already goes first.
    if (socket.writableLength > 0) return 0;
    const lastPage = position + count - 2 - ((position + count - 2) % page);
    const mapped = lastPage + 1 - position;
    // So little is better read and written.
    if (mapped <= 0) return 0;
    const rest = count - mapped;
    if (read(end.subarray(0, rest), position + mapped) < rest) return 0;
    const before = position % page;
    const length = before + mapped;
    const address = calls.mmap(0, length, PROT_READ, MAP_PRIVATE, descriptor, position - before);
    if (address === MAP_FAILED) return undefined;
    try {
      pieces[0] = BigInt(address + before);
      pieces[1] = BigInt(mapped);
      pieces[3] = BigInt(rest);
      return Math.max(0, calls.writev(descriptorOf(socket), pieces, 2));
    } finally {
      calls.munmap(address, length);
    }
  };
}

/** -1 of one that is closed. Node keeps it to itself; should it hide it, everything would go the other way. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
