// From a file to a socket in one copy, which the kernel makes out of the pages it keeps of the file: they are mapped and
// written, and never looked at here. Node has no calls for it; koffi, where it is installed, makes them. sendfile(2)
// would save that copy too, but what is on its way then are the pages themselves: when the file is cut, what was sent
// before turns into zeros, up to the end of the page, which may be large, and the answer looks whole. The copy stays.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

/**
 * Gives up to `count` of the file's bytes from `position` on to the socket; returns how many it took, 0 when it takes
 * none now, when there are none, or when it fails: reading or writing will wait, or tell what is wrong. Undefined when
 * this file cannot be mapped. The rest of the page in which the file ends counts as its bytes, and is zeros: asking for
 * none of them is the caller's.
 */
export type KernelSend = (
  socket: Socket,
  descriptor: number,
  position: number,
  count: number,
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
  send(descriptor: number, address: number, length: number, flags: number): number;
}

/** Where the numbers below are right and offsets have 64 bits. */
const HAS_THEM = process.platform === 'linux' && !['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch);
const PROT_READ = 1;
const MAP_PRIVATE = 2;
const MAP_FAILED = -1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** Mappings start at a multiple of the page size, in bytes: the largest in use. */
const LARGEST_PAGE = 64 * 1024;

function load(): Calls | undefined {
  if (!HAS_THEM) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const libc = koffi.load(null);
    return {
      mmap: libc.func('intptr_t mmap(intptr_t address, size_t length, int, int, int, int64_t offset)'),
      munmap: libc.func('int munmap(intptr_t address, size_t length)'),
      send: libc.func('intptr_t send(int descriptor, intptr_t address, size_t length, int flags)'),
    };
  } catch {
    // It is an optional dependency, with prebuilt code for most machines and not for all.
    return undefined;
  }
}

function wrap(calls: Calls | undefined): KernelSend | undefined {
  if (calls === undefined) return undefined;
  return (socket, descriptor, position, count) => {
    // What is written already goes first.
    if (socket.writableLength > 0 || count <= 0) return 0;
    const before = position % LARGEST_PAGE;
    const length = before + count;
    const address = calls.mmap(0, length, PROT_READ, MAP_PRIVATE, descriptor, position - before);
    if (address === MAP_FAILED) return undefined;
    try {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      return Math.max(0, calls.send(descriptorOf(socket), address + before, count, flags));
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
