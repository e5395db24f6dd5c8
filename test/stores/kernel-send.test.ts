// From a file to a socket within the kernel, with real files and sockets.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { basename, dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { DiskStore } from '../../src/stores/disk.js';
import { kernelSend } from '../../src/stores/kernel-send.js';
import { skipUnless } from '../support/skip.js';
import { until } from '../support/until.js';

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

t.test('bytes of a file arrive, from where and as many as was said', { skip }, async (t) => {
  const content = randomBytes(300_000);
  const descriptor = openFile(t, content);
  const { sender, received } = await connectPair(t);
  const send = kernelSend() ?? (() => -1);
  sender.write('before ');
  t.equal(send(sender, descriptor, 100, 1000), 1000);
  t.equal(send(sender, descriptor, 299_990, 10), 10, 'the last of them');
  t.equal(send(sender, descriptor, 299_990, 0), 0, 'none');
  t.equal(send(sender, descriptor, 2 ** 40, 1000), 0, 'far behind the end of the file');
  sender.cork();
  sender.write(' after');
  t.equal(send(sender, descriptor, 0, 1000), 0, 'not before what waits to be written');
  sender.uncork();
  const wanted = Buffer.concat([
    Buffer.from('before '),
    content.subarray(100, 1100),
    content.subarray(299_990),
    Buffer.from(' after'),
  ]);
  await until(() => received().length === wanted.length, 'all of it arrives');
  t.ok(received().equals(wanted), 'in the order of writes and sends');
});

t.test('a socket that is full takes nothing, and goes on where it stood', { skip }, async (t) => {
  const content = randomBytes(24 * MEBIBYTE);
  const descriptor = openFile(t, content);
  const { sender, receiver, received } = await connectPair(t);
  receiver.pause();
  const send = kernelSend() ?? (() => -1);
  let position = 0;
  await until(() => {
    const taken = send(sender, descriptor, position, MEBIBYTE) ?? 0;
    position += taken;
    return taken === 0;
  }, 'the socket is full');
  t.ok(position > 0 && position < content.length);

  sender.write(content.subarray(position, position + MEBIBYTE));
  t.ok(sender.writableLength > 0);
  position += MEBIBYTE;
  t.equal(send(sender, descriptor, position, MEBIBYTE), 0);
  receiver.resume();
  await once(sender, 'drain');
  while (position < content.length) {
    position += send(sender, descriptor, position, Math.min(MEBIBYTE, content.length - position)) ?? 0;
    await new Promise(setImmediate);
  }
  await until(() => received().length === content.length, 'all of it arrives');
  t.ok(received().equals(content));
});

t.test('no byte is sent that is not of the file', { skip }, async (t) => {
  const root = t.testdir({ 'a.txt': '0123456789' });
  const path = join(root, 'a.txt');
  const file = new DiskStore(root, { symlinks: 'inside' }).open('a.txt');
  t.teardown(() => file.close());
  const sendTo = file.sendTo ?? (() => -1);
  const { sender, received } = await connectPair(t);
  t.equal(sendTo(sender, 8, 1000), 2, 'no more than there are');
  t.equal(sendTo(sender, 10, 1000), 0, 'the end of the file');
  truncateSync(path, 6);
  t.equal(sendTo(sender, 4, 4), 2, 'no more than are left');
  t.equal(sendTo(sender, 8, 2), 0, 'none of those that were cut off');
  await until(() => received().length === 4, 'they arrive');
  t.equal(received().toString(), '8945');

  // Looked at after the size: cut in this very moment, what is left of the page is zeros, and sent.
  Object.defineProperty(sender, 'writableLength', {
    get() {
      truncateSync(path, 3);
      return 0;
    },
  });
  t.equal(sendTo(sender, 2, 4), 4);
  t.equal(file.readSync(Buffer.alloc(1), 5), 0, 'reading what is behind tells');
});

/** Files of sysfs have a size, and cannot be mapped. */
const UNMAPPABLE = '/sys/kernel/uevent_seqnum';
const skipUnmappable = skip || (existsSync(UNMAPPABLE) ? false : `there is no ${UNMAPPABLE}`);

t.test('a file that cannot be mapped is left to reading', { skip: skipUnmappable }, async (t) => {
  const file = new DiskStore(dirname(UNMAPPABLE), { symlinks: 'inside' }).open(basename(UNMAPPABLE));
  t.teardown(() => file.close());
  t.ok(file.version.size > 0);
  const { sender } = await connectPair(t);
  t.equal(file.sendTo?.(sender, 0, 1), 0);
  t.equal(file.sendTo, undefined, 'from then on');
});

t.test('a socket or file that is closed takes and gives nothing', { skip }, async (t) => {
  const content = Buffer.from('0123456789');
  const root = t.testdir({});
  writeFileSync(join(root, 'a.txt'), content);
  const file = new DiskStore(root, { symlinks: 'inside' }).open('a.txt');
  const sendTo = file.sendTo ?? (() => -1);
  const { sender, received } = await connectPair(t);
  t.equal(sendTo(sender, 2, 3), 3);
  await until(() => received().toString() === '234', 'it arrives');
  file.close();
  t.equal(sendTo(sender, 2, 3), 0, 'the number may be another file by now');

  const descriptor = openFile(t, content);
  const send = kernelSend() ?? (() => -1);
  sender.destroy();
  t.equal(send(sender, descriptor, 0, 3), 0);
  const other = await connectPair(t);
  other.receiver.resetAndDestroy();
  await until(() => send(other.sender, descriptor, 0, 3) === 0, 'the other side is gone');

  t.notMatch(readFileSync('/proc/self/maps', 'latin1'), t.testdirName, 'no file is mapped any more');
});
