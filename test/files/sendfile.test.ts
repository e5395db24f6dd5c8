// Large files go to the client within the kernel where they can, and in pieces through this process where they cannot:
// the client sees no difference (nginx: sendfile).
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createLog, createMediaServer, loadConfig } from '../../src/index.js';
import { DiskStore } from '../../src/stores/disk/disk-store.js';
import { kernelSend } from '../../src/stores/disk/kernel-send.js';
import type { DirectFile } from '../../src/stores/store.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { MORE_THAN_BUFFERS, readSlowly } from '../support/slow-reader.js';
import { steady, until } from '../support/until.js';

const content = randomBytes(MORE_THAN_BUFFERS);
const skip =
  process.platform === 'linux'
    ? skipUnless(kernelSend() !== undefined, 'koffi is not installed')
    : 'only Linux has it';

/** What went within the kernel since it was counted last, in bytes. */
let countPassed: () => number;
let passed = 0;
/** Called before each try. */
let inTheMoment: (socket: Socket) => void = () => {};
/** Called behind each that gave the socket something. */
let afterwards: (socket: Socket) => void = () => {};

t.before(() => {
  const root = t.testdir({ 'a.txt': 'a' });
  const file = new DiskStore(root, { symlinks: 'inside' }).open('a.txt');
  const prototype = Object.getPrototypeOf(file) as object;
  file.close();
  const own = Object.getOwnPropertyDescriptor(prototype, 'sendTo');
  Object.defineProperty(prototype, 'sendTo', {
    get(this: DirectFile): DirectFile['sendTo'] {
      const sendTo = own?.get?.call(this) as DirectFile['sendTo'];
      if (sendTo === undefined) return undefined;
      return (socket, position, count) => {
        inTheMoment(socket);
        const bytes = sendTo(socket, position, count);
        passed += bytes;
        if (bytes > 0) afterwards(socket);
        return bytes;
      };
    },
  });
  countPassed = () => {
    const bytes = passed;
    passed = 0;
    return bytes;
  };
});

interface Site {
  readonly root: string;
  readonly port: number;
  /** Of the access log. */
  readonly lines: string[];
}

async function start(t: Test, options: Readonly<Record<string, string | boolean>>): Promise<Site> {
  const root = t.testdir({});
  writeFileSync(join(root, 'large.bin'), content);
  const config = loadConfig({ root, logLevel: 'silent', ...options }, {});
  const lines: string[] = [];
  const log = { ...(await createLog(config)), writeLine: (line: string) => void lines.push(line) };
  const server = await createMediaServer(config, log);
  t.teardown(() => server.close());
  const origin = await server.listen({ host: '127.0.0.1', port: 0 });
  return { root, port: Number(new URL(origin).port), lines };
}

const range = ['Range: bytes=1000-5000000'];

/** Asks again until something went within the kernel: on a busy machine memory may look like a slow disk for a while. */
async function untilPassed(ask: () => Promise<void>, message: string): Promise<void> {
  countPassed();
  await until(async () => {
    await ask();
    return countPassed() > 0;
  }, message);
}

for (const sendfile of [true, false]) {
  t.test(`answers are the same with sendfile ${sendfile ? 'on' : 'off'}`, { skip }, async (t) => {
    const { port, root } = await start(t, sendfile ? {} : { sendfile: false });
    const asking = async (what: string, ask: () => Promise<void>): Promise<void> => {
      if (sendfile) return await untilPassed(ask, `${what} goes within the kernel`);
      countPassed();
      await ask();
      t.equal(countPassed(), 0, `${what}: nothing goes within the kernel`);
    };
    const ask = async (fields: readonly string[] = []): Promise<Buffer> =>
      (await rawRequest(port, get('/media/large.bin', fields))).body;

    await asking('the whole file', async () => {
      t.ok((await ask()).equals(content), 'the whole file');
    });
    await asking('a range', async () => {
      t.ok((await ask(range)).equals(content.subarray(1000, 5_000_001)), 'a range');
    });
    await asking('several ranges', async () => {
      const parts = await ask(['Range: bytes=0-999999,2000000-2999999']);
      t.ok(parts.includes(content.subarray(0, 1_000_000)), 'the first of two ranges');
      t.ok(parts.includes(content.subarray(2_000_000, 3_000_000)), 'the second');
    });
    await asking('answers in a row', async () => {
      const connection = await openConnection(t, port);
      const million = get('/media/large.bin', ['Range: bytes=100-1000099']);
      connection.socket.write(million.replace('Connection: close\r\n', '').repeat(3));
      const received = await connection.until((text) => text.length > 3_000_000);
      t.equal(received.split('HTTP/1.1 206').length, 4, 'answers in a row on one connection');
      connection.socket.destroy();
    });
    await asking('a client that pauses', async () => {
      const slow = await readSlowly(t, port, '/media/large.bin');
      t.ok((await slow.finish()).body.equals(content), 'a client that pauses');
    });

    // Cut in the middle of a page, and of the larger pieces that a system keeps of a file.
    const all = await readSlowly(t, port, '/media/large.bin');
    const some = await readSlowly(t, port, '/media/large.bin', ['Range: bytes=0-1999999']);
    await steady(() => passed);
    truncateSync(join(root, 'large.bin'), 1_000_001);
    const whole = (await all.finish()).body;
    t.ok(whole.length < content.length, 'a file that is truncated ends the connection');
    t.ok(whole.equals(content.subarray(0, whole.length)), 'what came are bytes of the file');
    const part = (await some.finish()).body;
    t.ok(part.equals(content.subarray(0, part.length)), 'what was on its way comes as it was');
  });
}

t.test('what it needs is loaded while there are descriptors for it', { skip }, async (t) => {
  const loads = async (options: readonly string[]): Promise<boolean> => {
    const server = await startServer(t, ['--root', t.testdir({ 'a.txt': 'a' }), ...options]);
    // An answer comes after all that belongs to the start.
    await rawRequest(server.port, get('/media/a.txt'));
    return readFileSync(`/proc/${server.process.pid}/maps`, 'latin1').includes('koffi');
  };
  t.equal(await loads([]), true);
  t.equal(await loads(['--no-sendfile']), false);
});

t.test('nothing goes within the kernel', { skip }, async (t) => {
  const site = await start(t, {});
  const paced = await start(t, { limitRate: '64mb' });
  const ask = async (site: Site): Promise<void> => {
    const { body } = await rawRequest(site.port, get('/media/large.bin', range));
    t.equal(body.length, 4_999_001);
  };
  await untilPassed(() => ask(site), 'it would');

  await ask(paced);
  t.equal(countPassed(), 0, 'where the rate is limited');
});

t.test('a file that is cut in the very moment in which it is sent never looks whole', { skip }, async (t) => {
  const { port, root } = await start(t, {});
  const path = join(root, 'cut.bin');
  t.teardown(() => {
    inTheMoment = () => {};
  });
  // In the last page; on the edge to it; and in one before.
  for (const cut of [999_500, 999_425, 999_424, 999_423, 990_001]) {
    inTheMoment = (socket) => {
      // Looked at when the end of the file has been read.
      const own = Object.getOwnPropertyDescriptor(socket, '_handle');
      Object.defineProperty(socket, '_handle', {
        configurable: true,
        get() {
          Reflect.deleteProperty(socket, '_handle');
          if (own !== undefined) Object.defineProperty(socket, '_handle', own);
          truncateSync(path, cut);
          return Reflect.get(socket, '_handle');
        },
      });
    };
    await untilPassed(async () => {
      writeFileSync(path, content.subarray(0, 1_000_000));
      const { status, body } = await rawRequest(port, get('/media/cut.bin'));
      t.equal(status, 200);
      const isWhole = body.equals(content.subarray(0, 1_000_000));
      t.ok(isWhole || body.length < 1_000_000, `${cut}: whole, or the client sees that it is not`);
      t.ok(
        body.subarray(0, cut).equals(content.subarray(0, Math.min(cut, body.length))),
        'up to there it is',
      );
    }, 'it goes within the kernel');
  }
});

t.test('what goes within the kernel is counted, and is no silence of the client', { skip }, async (t) => {
  const { port, lines } = await start(t, { sendTimeout: '59s' });
  t.teardown(() => {
    afterwards = () => {};
  });
  /** Whose time limit has not begun anew since something went to them. */
  const silent = new Set<Socket>();
  let count = 0;
  afterwards = (socket) => {
    if (silent.has(socket)) t.fail('it was taken for silent');
    count += 1;
    silent.add(socket);
    const { setTimeout } = socket;
    socket.setTimeout = (milliseconds) => {
      Reflect.deleteProperty(socket, 'setTimeout');
      if (milliseconds === 59_000) silent.delete(socket);
      return setTimeout.call(socket, milliseconds);
    };
  };
  await untilPassed(async () => {
    const slow = await readSlowly(t, port, '/media/large.bin');
    t.ok((await slow.finish()).body.equals(content));
    await until(() => lines.length > 0, 'it is told');
    t.match(JSON.parse(lines.pop() ?? ''), { status: 200, bytes: content.length });
  }, 'it goes within the kernel');
  t.ok(count > 0);
  t.equal(silent.size, 0);
});
