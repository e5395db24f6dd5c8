// Sending: constant memory at the pace of the client, descriptors that are given back, and no answer that looks whole
// without being so.
import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openDescriptors, peakMemory, withoutProc } from '../support/proc.js';
import { get, openConnection, type RawConnection, rawRequest } from '../support/raw.js';
import { type LogLine, startServer } from '../support/server.js';
import { readSlowly } from '../support/slow-reader.js';
import { socketDirectory } from '../support/unix.js';
import { until } from '../support/until.js';

const MEBIBYTE = 1024 * 1024;

/** A file of this many bytes that takes no room on the disk. */
function sparse(directory: string, name: string, size: number): string {
  const path = join(directory, name);
  closeSync(openSync(path, 'w'));
  truncateSync(path, size);
  return path;
}

/** Asks for the file and reads only until its first bytes are here. */
async function beginReading(t: Test, port: number, target: string): Promise<RawConnection> {
  const connection = await openConnection(t, port);
  connection.socket.write(get(target));
  await connection.until((received) => received.includes('\r\n\r\n'));
  connection.socket.pause();
  return connection;
}

const root = t.testdir({});
const server = await startServer(t, ['--root', root]);
/** Cuts off soon whoever takes nothing. */
const impatient = await startServer(t, ['--root', root, '--send-timeout', '200ms']);

t.test('a client that goes away closes the descriptor', { skip: withoutProc() }, async (t) => {
  const path = sparse(root, 'left.bin', 64 * MEBIBYTE);
  const open = (): number => openDescriptors(server.process.pid).filter((name) => name === path).length;

  const clients = [];
  for (let index = 0; index < 10; index++)
    clients.push(await beginReading(t, server.port, '/media/left.bin'));
  t.equal(open(), clients.length, 'one for each reader');
  for (const { socket } of clients) socket.destroy();
  await until(() => open() === 0, 'all descriptors are closed');

  for (const [fields, method] of [
    [[], 'HEAD'],
    [['If-None-Match: *'], 'GET'],
    [['If-Match: "other"'], 'GET'],
    [['Range: bytes=999999999-'], 'GET'],
    [['Range: bytes=0-99'], 'GET'],
  ] as const) {
    await rawRequest(server.port, get('/media/left.bin', fields, method));
    await until(() => open() === 0, `the descriptor is closed behind ${method} ${fields}`);
  }
});

t.test('a large file and many slow readers take constant memory', { skip: withoutProc() }, async (t) => {
  const size = 128 * MEBIBYTE;
  sparse(root, 'slow.bin', size);
  // The first answer pays for code and buffers that all others share.
  const warm = await rawRequest(server.port, get('/media/slow.bin', ['Range: bytes=0-5000000']));
  t.equal(warm.body.length, 5_000_001);
  const before = peakMemory(server.process.pid);

  for (let index = 0; index < 20; index++) await beginReading(t, server.port, '/media/slow.bin');
  const reader = await beginReading(t, server.port, '/media/slow.bin');
  let bytes = 0;
  reader.socket.removeAllListeners('data');
  reader.socket.on('data', (chunk) => {
    bytes += chunk.length;
  });
  const started =
    Buffer.byteLength(reader.received(), 'latin1') - (reader.received().indexOf('\r\n\r\n') + 4);
  reader.socket.resume();
  await reader.closed();
  t.equal(started + bytes, size, 'the reader got all of it');
  const growth = peakMemory(server.process.pid) - before;
  t.ok(growth < 64 * MEBIBYTE, `the server grew by ${Math.round(growth / MEBIBYTE)} MiB`);
});

t.test('a client that takes nothing for --send-timeout is cut off', { skip: withoutProc() }, async (t) => {
  const path = sparse(root, 'silent.bin', 64 * MEBIBYTE);
  await beginReading(t, impatient.port, '/media/silent.bin');
  const line = await impatient.logged(({ msg }) => msg === 'request');
  await until(() => !openDescriptors(impatient.process.pid).includes(path), 'the descriptor is closed');
  t.match(line, { target: '/media/silent.bin', aborted: true });
});

t.test('so is one that takes nothing of many small files', async (t) => {
  writeFileSync(join(root, 'small.bin'), 'x'.repeat(100_000));
  const connection = await openConnection(t, impatient.port);
  connection.socket.pause();
  connection.socket.write('GET /media/small.bin HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(200));
  const line = await impatient.logged(
    ({ aborted, target }) => aborted === true && target === '/media/small.bin',
  );
  t.match(line, { status: 200 });
});

t.test('a file that is truncated while it is sent ends the connection, and is never padded', async (t) => {
  const path = sparse(root, 'truncated.bin', 64 * MEBIBYTE);
  const connection = await beginReading(t, server.port, '/media/truncated.bin');
  truncateSync(path, MEBIBYTE);
  connection.socket.resume();
  const received = await connection.closed();
  const body = received.length - (received.indexOf('\r\n\r\n') + 4);
  t.match(received, `Content-Length: ${64 * MEBIBYTE}`);
  t.ok(body < 64 * MEBIBYTE, `${body} bytes came`);
  t.notMatch(received.slice(-1000), /HTTP\/1\.1/, 'no second answer stands in the first');
  await server.logged(({ code }) => code === 'MEDIA_SERVE_TRUNCATED');
  t.equal((await rawRequest(server.port, get('/media/truncated.bin'))).body.length, MEBIBYTE);
});

t.test('readers of large files that leave give their turn to others', async (t) => {
  sparse(root, 'turns.bin', 16 * MEBIBYTE);
  sparse(root, 'turn.bin', 4 * MEBIBYTE);
  const leavers = await Promise.all(
    Array.from({ length: 20 }, () => beginReading(t, server.port, '/media/turns.bin')),
  );
  for (const { socket } of leavers) socket.resume();
  for (const { socket } of leavers) socket.destroy();
  const whole = await Promise.all(
    Array.from({ length: 10 }, () => rawRequest(server.port, get('/media/turn.bin'))),
  );
  for (const { body } of whole) t.equal(body.length, 4 * MEBIBYTE);
});

t.test('a file that grows while it is sent is sent with the size that was promised', async (t) => {
  const path = sparse(root, 'growing.bin', 20 * MEBIBYTE);
  const connection = await beginReading(t, server.port, '/media/growing.bin');
  truncateSync(path, 40 * MEBIBYTE);
  connection.socket.resume();
  const received = await connection.closed();
  t.equal(received.length - (received.indexOf('\r\n\r\n') + 4), 20 * MEBIBYTE);
});

t.test('an answer whose end is never taken is not logged as complete', async (t) => {
  const directory = t.testdir({});
  // About as much as the system takes on a unix socket for a client that reads nothing: of some the last piece waits.
  const sizes = Array.from({ length: 16 }, (_, index) => 140_000 + index * 25_000);
  for (const size of sizes) sparse(directory, `${size}.bin`, size);
  const path = join(socketDirectory(t), 'server');
  for (const options of [[], ['--no-sendfile']]) {
    const server = await startServer(t, ['--root', directory, '--send-timeout', '200ms', ...options], {
      listen: `unix:${path}`,
    });
    const readers = await Promise.all(sizes.map((size) => readSlowly(t, { path }, `/media/${size}.bin`)));
    const lines = (): LogLine[] => server.log.filter(({ msg }) => msg === 'request');
    await until(() => lines().length === sizes.length, 'all of them are taken, or cut off');
    let aborted = 0;
    for (const [index, size] of sizes.entries()) {
      const received = (await readers[index]?.finish())?.body.length ?? 0;
      const line = lines().find(({ target }) => target === `/media/${size}.bin`);
      t.equal(line?.['aborted'] === true, received < size, `${size}: ${received} came`);
      t.ok(Number(line?.['bytes']) <= received, `${line?.['bytes']} of them are counted`);
      if (received < size) aborted += 1;
    }
    t.ok(aborted > 0 && aborted < sizes.length, `${aborted} were cut off`);
    await server.stop();
  }
});
