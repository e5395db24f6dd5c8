// From a file to a socket within the kernel, with real files and sockets.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
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
  let received = Buffer.alloc(0);
  receiver.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  return { sender, receiver, received: () => received };
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
  t.equal(send(sender, descriptor, 299_990, 1000), 10, 'no more than there are');
  t.equal(send(sender, descriptor, 300_000, 1000), 0, 'the end of the file');
  t.equal(send(sender, descriptor, 2 ** 40, 1000), 0, 'far behind it');
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
    const taken = send(sender, descriptor, position, MEBIBYTE);
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
    position += send(sender, descriptor, position, MEBIBYTE);
    await new Promise(setImmediate);
  }
  await until(() => received().length === content.length, 'all of it arrives');
  t.ok(received().equals(content));
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
});
