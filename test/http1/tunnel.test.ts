/**
 * The tunnel behind a switch of protocols (RFC 9110 §7.8), byte for byte: what is delivered when one side ends, breaks or
 * takes nothing, and what is no switch at all.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { openDescriptors, withoutProc } from '../support/proc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';
import { type AppSide, type RawApp, startRawApp } from './raw-app.js';
import { RawClient } from './raw-client.js';

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket'];
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
/** More than the kernel takes of what one side writes and the other does not read. */
const LARGE = 24 * 1024 * 1024;

interface Site {
  readonly server: RunningServer;
  readonly app: RawApp;
}

async function startSite(t: Test, ...args: string[]): Promise<Site> {
  const app = await startRawApp(t);
  const root = t.testdir({ 'a.txt': 'hello' });
  return { app, server: await startServer(t, ['--root', root, '--upstream', app.address, ...args]) };
}

let lastId = 0;

interface Tunnel {
  readonly client: RawClient;
  readonly app: AppSide;
}

/** Opens one; the app stays open when the client has ended its side, and so does the client. */
async function openTunnel(t: Test, { server, app }: Site): Promise<Tunnel> {
  lastId += 1;
  const asked = app.expect(lastId, (side) => {
    side.staysOpen = true;
    side.socket.write(SWITCHING);
  });
  const client = new RawClient(server.port, { staysOpen: true });
  t.teardown(() => client.socket.destroy());
  client.socket.write([`GET /app/${lastId} HTTP/1.1`, 'Host: a', ...HANDSHAKE, '', ''].join('\r\n'));
  const side = await asked;
  await client.until(() => client.text.includes('\r\n\r\n'));
  return { client, app: side };
}

/** Bytes that tell whether one of them is lost, or in the wrong place. */
function bytesOf(length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE((at * 2_654_435_761) >>> 0, at);
  return bytes;
}

const TAIL = bytesOf(LARGE);

/** What arrives at a socket, from now on. */
class Received {
  length = 0;
  readonly #hash = createHash('sha1');

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.length += bytes.length;
      this.#hash.update(bytes);
    });
  }

  is(bytes: Buffer): boolean {
    return (
      this.length === bytes.length &&
      this.#hash.digest('hex') === createHash('sha1').update(bytes).digest('hex')
    );
  }
}

t.setTimeout(120_000);
const noProc = withoutProc();

const shared = await startSite(t);

/** How many sockets the server has open. */
function socketsOf({ server }: Site): number {
  // Who asks is skipped there.
  if (noProc !== false) return 0;
  return openDescriptors(server.process.pid).filter((name) => name.startsWith('socket:')).length;
}

/** How one side takes its leave, with all that it has written before. */
const LEAVINGS: readonly [how: string, leave: (socket: Socket) => void][] = [
  ['ends its side', (socket) => void socket.end()],
  [
    'closes, and hears no more',
    (socket) => {
      socket.end();
      socket.destroySoon();
    },
  ],
];

/** Once what can be sent has been sent, if the other side takes nothing. */
const isStuck = (socket: Socket): Promise<number> =>
  steady(() => socket.bytesWritten - socket.writableLength, 100);

for (const from of ['app', 'client'] as const) {
  for (const [how, leave] of LEAVINGS) {
    for (const what of ['is silent', 'goes on sending']) {
      for (const size of [100, 100_000, 1_000_000, LARGE]) {
        const isDeaf = how !== 'ends its side';
        // What its own system has not sent yet it drops itself when it must answer with a reset.
        if (size === LARGE && isDeaf && what === 'goes on sending') continue;
        const name = `the last ${size} bytes of the ${from} arrive when it ${how} while the other side does not read and ${what}`;
        t.test(name, async (t) => {
          const bytes = TAIL.subarray(0, size);
          const round = async (): Promise<void> => {
            const { client, app } = await openTunnel(t, shared);
            const [sender, taker] =
              from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
            taker.pause();
            sender.write(bytes);
            leave(sender);
            await isStuck(sender);
            const timer = what === 'goes on sending' ? setInterval(() => taker.write('ping'), 1) : undefined;
            await isStuck(sender);
            const received = new Received(taker);
            taker.resume();
            await until(() => received.length >= size || taker.closed, 'all is there').finally(() =>
              clearInterval(timer),
            );
            t.ok(received.is(bytes), `${received.length} of ${size} bytes`);
            taker.destroy();
            sender.destroy();
          };
          await Promise.all(Array.from({ length: size === LARGE ? 3 : 20 }, round));
        });
      }
    }
  }
}

t.test(
  'what one side sent before it closed arrives though writing to it fails before that is read',
  { skip: noProc },
  async (t) => {
    const { process: child } = shared.server;
    const isStopped = (): boolean => /^\d+ \(.*\) T /.test(readFileSync(`/proc/${child.pid}/stat`, 'latin1'));
    for (const from of ['app', 'client'] as const) {
      for (let round = 0; round < 10; round++) {
        const { client, app } = await openTunnel(t, shared);
        const [sender, taker] = from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
        // All of it is with the server's system when it looks again: first what makes its writes fail, from the second on.
        child.kill('SIGSTOP');
        await until(isStopped, 'the server stands still');
        const bytes = TAIL.subarray(0, 40_000);
        try {
          taker.write(Buffer.alloc(150_000));
          sender.write(bytes);
          sender.destroySoon();
          await once(sender, 'close');
        } finally {
          child.kill('SIGCONT');
        }
        const received = new Received(taker);
        await until(() => taker.readableEnded || taker.closed, 'it is over');
        t.ok(received.is(bytes), `${received.length} of ${bytes.length} bytes of the ${from}`);
        taker.destroy();
      }
    }
  },
);

/** No test leaves a tunnel here. */
const left = await startSite(t);
const leftIdle = socketsOf(left);

/** How a side leaves whose peer goes on sending. */
const DEPARTURES: readonly [how: string, leave: (socket: Socket) => void][] = [
  ['closes', (socket) => void socket.destroySoon()],
  ['resets', (socket) => void socket.resetAndDestroy()],
];

for (const [how, leave] of DEPARTURES) {
  t.test(
    `both descriptors are given back when one side ${how} and the other one sends on for a while, and ends`,
    { skip: noProc },
    async (t) => {
      for (const from of ['app', 'client'] as const) {
        // A few bytes, and more than there is room for.
        for (const size of [100, LARGE]) {
          const { client, app } = await openTunnel(t, left);
          const [gone, other] = from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
          gone.pause();
          other.write(TAIL.subarray(0, size));
          await isStuck(other);
          leave(gone);
          for (let round = 0; round < 5; round++) {
            other.write('still here');
            await turn();
          }
          await isStuck(other);
          other.end();
          await until(() => socketsOf(left) <= leftIdle, `the ${from} has gone behind ${size} bytes`);
          other.destroy();
        }
      }
      t.equal(left.server.errors, '');
    },
  );
}

t.test('a side is read although neither takes anything, once the other one is gone', async (t) => {
  for (const from of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, shared);
    const [gone, other] = from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
    gone.pause();
    other.pause();
    gone.write(TAIL);
    other.write(TAIL);
    await Promise.all([isStuck(gone), isStuck(other)]);
    gone.resetAndDestroy();
    await until(() => other.writableLength === 0 || other.closed, `the ${from} is gone`);
    t.notOk(other.closed, 'what is on its way to it is still there');
    other.destroy();
  }
});

t.test('bytes behind the heads, in the same packets, arrive in both directions', async (t) => {
  const { server, app } = shared;
  for (let round = 0; round < 20; round++) {
    lastId += 1;
    const asked = app.expect(lastId, (side) => {
      side.staysOpen = true;
      side.socket.write(`${SWITCHING}from the app`);
    });
    const client = new RawClient(server.port, { staysOpen: true });
    t.teardown(() => client.socket.destroy());
    client.socket.write(
      [`GET /app/${lastId} HTTP/1.1`, 'Host: a', ...HANDSHAKE, '', 'from the client'].join('\r\n'),
    );
    const side = await asked;
    await client.until(() => client.text.endsWith('from the app'));
    await until(() => side.received === 'from the client'.length, 'it is there');
    t.match(client.text, /^HTTP\/1\.1 101 /);
    client.socket.destroy();
  }
});

t.test('a side that has ended still gets what the other one says, and then its end', async (t) => {
  for (const first of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, shared);
    const [ended, other] = first === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
    const received = new Received(ended);
    const before = new Received(other);
    const isOver = once(ended, 'end');
    const hasHeard = once(other, 'end');
    ended.end('the last of one');
    await hasHeard;
    t.equal(before.length, 15, `${first} first: its last bytes`);
    const bytes = TAIL.subarray(0, 3_000_000);
    other.end(bytes);
    await isOver;
    t.ok(received.is(bytes), `${first} first: what comes back`);
    await Promise.all([client.closed, app.closed]);
  }
});

const limited = await startSite(t, '--send-timeout', '1s');
const limitedIdle = socketsOf(limited);

t.test(
  'within the send time limit, a tunnel waits for whoever takes nothing; behind it, both ends are cut',
  { skip: noProc },
  async (t) => {
    for (const slow of ['app', 'client'] as const) {
      const { client, app } = await openTunnel(t, limited);
      const [taker, sender] = slow === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
      taker.pause();
      const startedAt = performance.now();
      sender.write(TAIL);
      await (slow === 'app' ? client.closed : app.closed);
      const took = performance.now() - startedAt;
      t.ok(took > 900 && took < 5000, `the ${slow} took nothing: after ${took} ms`);
      await until(() => socketsOf(limited) <= limitedIdle, 'both are closed');
      const received = new Received(taker);
      taker.resume();
      await until(() => taker.readableEnded || taker.closed, 'it hears of it');
      t.ok(
        received.length > 0 && received.length < LARGE,
        `the ${slow} had been given ${received.length} bytes`,
      );
    }
  },
);

t.test(
  'a side that says nothing after the other has ended is waited for no longer than the send time limit',
  { skip: noProc },
  async (t) => {
    for (const first of ['app', 'client'] as const) {
      const { client, app } = await openTunnel(t, limited);
      const [ended, other] = first === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
      const received = new Received(ended);
      ended.end();
      // It still speaks, for longer than the limit.
      const startedAt = performance.now();
      const timer = setInterval(() => other.write('x'), 100);
      await until(() => performance.now() - startedAt > 1500, 'time has passed').finally(() =>
        clearInterval(timer),
      );
      t.ok(received.length >= 10, `the ${first} has ended: ${received.length} bytes came for it`);
      t.equal(socketsOf(limited), limitedIdle + 2, `the ${first} has ended: the tunnel is there`);
      const quietAt = performance.now();
      await until(() => socketsOf(limited) <= limitedIdle, 'it is cut');
      const quiet = performance.now() - quietAt;
      t.ok(quiet > 500 && quiet < 5000, `the ${first} has ended: cut after ${quiet} ms of silence`);
    }
  },
);

t.test(
  'when one side is gone, the other one is read and dropped until it closes, for as long as the limit says',
  { skip: noProc },
  async (t) => {
    for (const gone of ['app', 'client'] as const) {
      const { client, app } = await openTunnel(t, limited);
      const [left, other] = gone === 'app' ? [client.socket, app.socket] : [app.socket, client.socket];
      const startedAt = performance.now();
      const timer = setInterval(() => left.write('still here'), 20);
      other.resetAndDestroy();
      await until(() => socketsOf(limited) <= limitedIdle, 'it is cut').finally(() => clearInterval(timer));
      const took = performance.now() - startedAt;
      t.ok(took > 900 && took < 5000, `the ${gone} is gone: cut after ${took} ms, whatever was said`);
    }
  },
);

t.test('a tunnel on which nobody says anything outlives the send time limit', { skip: noProc }, async (t) => {
  const { client, app } = await openTunnel(t, limited);
  // When the limit has cut this one twice, it would have cut the other.
  for (let round = 0; round < 2; round++) {
    const cut = await openTunnel(t, limited);
    cut.client.socket.end();
    await until(() => socketsOf(limited) <= limitedIdle + 2, 'it is cut');
  }
  const received = new Received(client.socket);
  app.socket.write('still here');
  await until(() => received.length === 10, 'it is there');
  t.notOk(client.socket.closed);
});

t.test('the other side of one that breaks hears of its end, and what was said before arrives', async (t) => {
  for (const broken of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, shared);
    const [breaking, other] = broken === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
    const received = new Received(other);
    breaking.write('the last word');
    await until(() => received.length === 13, `${broken}: it is there`);
    const heard = once(other, 'end');
    breaking.resetAndDestroy();
    await heard;
    other.end();
    await (broken === 'app' ? client.closed : app.closed);
    t.equal(received.length, 13, broken);
  }
});

/** No offer of another protocol, in spite of the field. */
const NO_OFFERS: readonly [what: string, line: string, fields: readonly string[]][] = [
  ['without Connection', 'HTTP/1.1', ['Upgrade: websocket']],
  ['with Connection: keep-alive', 'HTTP/1.1', ['Connection: keep-alive', 'Upgrade: websocket']],
  ['of HTTP/1.0', 'HTTP/1.0', ['Connection: Upgrade, keep-alive', 'Upgrade: websocket']],
  ['of another protocol', 'HTTP/1.1', ['Connection: Upgrade', 'Upgrade: h2c']],
];

for (const [what, version, fields] of NO_OFFERS) {
  t.test(`an Upgrade ${what} is ignored, and what comes next is a request`, async (t) => {
    const heads: string[] = [];
    const app = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes: Buffer) => {
        heads.push(bytes.toString('latin1'));
        socket.write(heads.length === 1 ? SWITCHING : 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
      });
      t.teardown(() => socket.destroy());
    }).listen(0, '127.0.0.1');
    await once(app, 'listening');
    t.teardown(() => app.close());
    const address = `127.0.0.1:${(app.address() as AddressInfo).port}`;
    const own = await startServer(t, ['--root', t.testdir({}), '--upstream', address]);
    const client = new RawClient(own.port);
    t.teardown(() => client.socket.destroy());
    client.socket.write([`GET /first ${version}`, 'Host: a', ...fields, '', ''].join('\r\n'));
    await client.until(() => client.text.includes('HTTP/1.1 502 '));
    client.socket.write('GET /second HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    await client.closed;
    t.match(client.text, /^HTTP\/1\.1 502 [\s\S]*HTTP\/1\.1 200 OK[\s\S]*second$/);
    t.equal(heads.length, 2, 'the app got two requests');
    t.match(heads[0], /^GET \/first /);
    t.match(heads[1], /^GET \/second /);
    for (const head of heads) t.notMatch(head, /\r\n(?:upgrade|connection):/i);
    t.equal(own.process.exitCode, null);
    t.equal(own.errors, '');
  });
}

const refusing = await startSite(t);
const idle = socketsOf(refusing);

/** Requests for a tunnel that there will be none for, and the status of the answer. */
const REFUSED: readonly [what: string, target: string, answer: string, status: number][] = [
  ['for a file', '/media/a.txt', '', 200],
  ['for a file that is not there', '/media/b.txt', '', 404],
  ['that the app answers with 200', '/app', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 200],
  ['that the app answers with 404', '/app', 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno', 404],
];

for (const [what, path, answer, status] of REFUSED) {
  for (const behind of ['', 'bytes', 'GET /media/a.txt HTTP/1.1\r\nHost: a\r\n\r\n']) {
    const name = `a handshake ${what}, with ${behind.length} bytes behind it, is answered and gives its descriptors back`;
    t.test(name, { skip: noProc }, async (t) => {
      const { server, app } = refusing;
      const ask = async (): Promise<string> => {
        lastId += 1;
        if (answer !== '') app.expect(lastId, ({ socket }) => void socket.write(answer)).catch(t.error);
        const client = new RawClient(server.port);
        const target = answer === '' ? path : `${path}/${lastId}`;
        client.socket.write([`GET ${target} HTTP/1.1`, 'Host: a', ...HANDSHAKE, '', behind].join('\r\n'));
        await client.closed;
        return client.text;
      };
      for (const text of await Promise.all(Array.from({ length: 50 }, ask))) {
        t.equal(text.slice(0, 12), `HTTP/1.1 ${status}`);
        t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, 'what stands behind it is no request');
      }
      await until(() => socketsOf(refusing) <= idle, 'all is given back');
    });
  }
}
