// From a file to a socket within the kernel, with real files and sockets.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { DiskStore } from '../../../src/stores/disk/disk-store.js';
import { kernelSend } from '../../../src/stores/disk/kernel-send.js';
import { skipUnless } from '../../support/skip.js';
import { until } from '../../support/until.js';

const MEBIBYTE = 1024 * 1024;
const skip =
  process.platform === 'linux'
    ? skipUnless(kernelSend() !== undefined, 'koffi is not installed')
    : 'only Linux has it';

interface Pair {
  readonly sender: Socket;
  readonly receiver: Socket;
  /** What has arrived so far. */
  received(): Buffer;
}

async function connectPair(t: Test): Promise<Pair> {
  const server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const receiver = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1');
  const [sender] = await accepted;
  t.teardown(() => {
    receiver.destroy();
    sender.destroy();
    server.close();
  });
  sender.on('error', () => {});
  let chunks: Buffer[] = [];
  receiver.on('data', (chunk: Buffer) => chunks.push(chunk));
  const received = (): Buffer => {
    const all = Buffer.concat(chunks);
    chunks = [all];
    return all;
  };
  return { sender, receiver, received };
}

function openFile(t: Test, content: Buffer): number {
  const path = join(t.testdir({}), 'file.bin');
  writeFileSync(path, content);
  const descriptor = openSync(path, 'r');
  t.teardown(() => closeSync(descriptor));
  return descriptor;
}

/** Sends with bytes of the file itself; -1 where the file cannot be mapped. */
function send(
  socket: Socket,
  descriptor: number,
  position: number,
  count: number,
  read = (buffer: Buffer, at: number) => readSync(descriptor, buffer, 0, buffer.length, at),
): number {
  return kernelSend()?.(socket, descriptor, position, count, read) ?? -1;
}

t.test('bytes of a file arrive, from where and as many as was said', { skip }, async (t) => {
  const content = randomBytes(300_000);
  const descriptor = openFile(t, content);
  const { sender, received } = await connectPair(t);
  const wanted = [Buffer.from('before ')];
  sender.write('before ');
  // Ends everywhere around the ends of pages of 4 and of 64 KiB.
  for (const [position, count] of [
    [0, 300_000],
    [1, 299_999],
    [100, 65_436],
    [4096, 131_072],
    [4095, 131_072],
    [4095, 131_074],
    [65_535, 131_073],
    [65_536, 131_074],
  ] as const) {
    t.equal(send(sender, descriptor, position, count), count, `${count} from ${position} on`);
    wanted.push(content.subarray(position, position + count));
  }
  t.equal(send(sender, descriptor, 100, 1), 0, 'what is so little is left to reading');
  t.equal(send(sender, descriptor, 0, 0), 0, 'none');
  t.equal(send(sender, descriptor, 200_000, 100_001), 0, 'more than there are');
  t.equal(send(sender, descriptor, 2 ** 40, 100_000), 0, 'far behind the end of the file');
  sender.cork();
  sender.write(' after');
  t.equal(send(sender, descriptor, 0, 100_000), 0, 'not before what waits to be written');
  sender.uncork();
  const all = Buffer.concat([...wanted, Buffer.from(' after')]);
  await until(() => received().length === all.length, 'all of it arrives');
  t.ok(received().equals(all), 'in the order of writes and sends');
});

t.test('a socket that is full takes nothing, and goes on where it stood', { skip }, async (t) => {
  const content = randomBytes(24 * MEBIBYTE);
  const descriptor = openFile(t, content);
  const { sender, receiver, received } = await connectPair(t);
  receiver.pause();
  let position = 0;
  await until(() => {
    const taken = send(sender, descriptor, position, MEBIBYTE);
    position += taken;
    return taken === 0;
  }, 'the socket is full');
  t.ok(position > 0 && position < content.length - MEBIBYTE);

  sender.write(content.subarray(position, position + MEBIBYTE));
  t.ok(sender.writableLength > 0);
  position += MEBIBYTE;
  t.equal(send(sender, descriptor, position, MEBIBYTE), 0);
  receiver.resume();
  await once(sender, 'drain');
  const end = content.length - MEBIBYTE;
  while (position < end) {
    position += send(sender, descriptor, position, MEBIBYTE);
    await new Promise(setImmediate);
  }
  sender.write(content.subarray(position));
  await until(() => received().length === content.length, 'all of it arrives');
  t.ok(received().equals(content));
});

t.test('a file that is cut in the moment in which it is sent never looks whole', { skip }, async (t) => {
  const content = Buffer.alloc(300_000, 'x');
  const path = join(t.testdir({}), 'cut.bin');
  const { sender, received } = await connectPair(t);
  // On both sides of the ends of the last pages, of 4 and of 64 KiB, and within them.
  for (const cut of [
    ...[299_999, 299_009, 299_008, 299_007, 297_000, 294_913, 294_912, 294_911, 262_145, 262_144],
    ...[262_143, 200_000, 1, 0],
  ]) {
    writeFileSync(path, content);
    const descriptor = openSync(path, 'r');
    const before = received().length;
    const sent = send(sender, descriptor, 0, content.length, (buffer, at) => {
      const bytes = readSync(descriptor, buffer, 0, buffer.length, at);
      truncateSync(path, cut);
      return bytes;
    });
    closeSync(descriptor);
    await until(() => received().length === before + sent, 'it arrives');
    const isRight = received().subarray(before).equals(content);
    t.ok(sent < content.length || isRight, `${cut}: ${sent} bytes`);
  }
});

t.test('no byte is sent that is not of the file', { skip }, async (t) => {
  const root = t.testdir({});
  const path = join(root, 'a.bin');
  writeFileSync(path, randomBytes(200_000));
  const file = new DiskStore(root, { symlinks: 'inside' }).open('a.bin');
  t.teardown(() => file.close());
  const sendTo = file.sendTo ?? (() => -1);
  const { sender } = await connectPair(t);
  t.equal(sendTo(sender, 0, 200_000), 200_000);
  t.equal(sendTo(sender, 0, 200_001), 0, 'no more than there are');
  truncateSync(path, 199_999);
  t.equal(sendTo(sender, 0, 200_000), 0, 'none when not all of them are there');
  t.equal(sendTo(sender, 0, 199_999), 199_999);
});

/** Files of sysfs have a size, and cannot be mapped. */
const UNMAPPABLE = '/sys/kernel/uevent_seqnum';
const skipUnmappable = skip || (existsSync(UNMAPPABLE) ? false : `there is no ${UNMAPPABLE}`);

t.test('a file that cannot be mapped is left to reading', { skip: skipUnmappable }, async (t) => {
  const file = new DiskStore(dirname(UNMAPPABLE), { symlinks: 'inside' }).open(basename(UNMAPPABLE));
  t.teardown(() => file.close());
  // As if it were large.
  Object.assign(file, { readSync: (buffer: Buffer) => buffer.length });
  const { sender } = await connectPair(t);
  t.equal(file.sendTo?.(sender, 0, 200_000), 0);
  t.equal(file.sendTo, undefined, 'from then on');
});

t.test('a socket or file that is closed takes and gives nothing', { skip }, async (t) => {
  const content = randomBytes(200_000);
  const root = t.testdir({});
  writeFileSync(join(root, 'a.bin'), content);
  const file = new DiskStore(root, { symlinks: 'inside' }).open('a.bin');
  const sendTo = file.sendTo ?? (() => -1);
  const { sender, received } = await connectPair(t);
  t.equal(sendTo(sender, 2, 100_000), 100_000);
  await until(() => received().length === 100_000, 'it arrives');
  file.close();
  t.equal(sendTo(sender, 2, 100_000), 0, 'the number may be another file by now');

  const descriptor = openFile(t, content);
  sender.destroy();
  t.equal(send(sender, descriptor, 0, 100_000), 0);
  const other = await connectPair(t);
  other.receiver.resetAndDestroy();
  await until(() => send(other.sender, descriptor, 0, 100_000) === 0, 'the other side is gone');

  t.notMatch(readFileSync('/proc/self/maps', 'latin1'), t.testdirName, 'no file is mapped any more');
});
