// From a file to a socket within the kernel (sendfile(2); nginx: sendfile): nothing is copied through this process,
// which is four fifths of what a large file costs. Node has no call for it; koffi, where it is installed, makes one.
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

type SendFile = (out: number, input: number, offset: BigInt64Array, count: number) => number;

/**
 * Gives up to `count` of the file's bytes from `position` on to the socket; returns how many it took, 0 when it takes
 * none now, when there are none, or when it fails: writing will wait, or tell what is wrong.
 */
export type KernelSend = (socket: Socket, descriptor: number, position: number, count: number) => number;

let found: { readonly send: KernelSend | undefined } | undefined;

/** Undefined where this cannot be done. Looked for when it is first wanted. */
export function kernelSend(): KernelSend | undefined {
  found ??= { send: wrap(load()) };
  return found.send;
}

/** Where Linux has one call with offsets of 64 bits; other systems' calls of this name are other calls. */
const HAS_IT = process.platform === 'linux' && !['arm', 'ia32', 'mips', 'mipsel'].includes(process.arch);

function load(): SendFile | undefined {
  if (!HAS_IT) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
    const declaration = 'int64_t sendfile(int out, int in, _Inout_ int64_t *offset, size_t count)';
    return koffi.load(null).func(declaration) as unknown as SendFile;
  } catch {
    // It is an optional dependency, with prebuilt code for most machines and not for all.
    return undefined;
  }
}

function wrap(sendFile: SendFile | undefined): KernelSend | undefined {
  if (sendFile === undefined) return undefined;
  const offset = new BigInt64Array(1);
  return (socket, descriptor, position, count) => {
    // What is written already goes first.
    if (socket.writableLength > 0) return 0;
    offset[0] = BigInt(position);
    return Math.max(0, sendFile(descriptorOf(socket), descriptor, offset, count));
  };
}

/** -1 of one that is closed. Node keeps it to itself; should it hide it, everything would go the other way. */
function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as { _handle?: { readonly fd?: number } | null };
  return handle?.fd ?? -1;
}
