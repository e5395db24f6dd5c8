/**
 * The tunnel behind a switch of protocols (RFC 9110 §7.8), byte for byte: what is delivered when one side ends, breaks or
 * takes nothing, and what is no switch at all.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { TunnelEnd, TunnelListener } from '../../src/http/exchange.js';
import { joinEnds } from '../../src/http1/tunnel.js';
import { startTcpApp } from '../support/app.js';
import { withStillTimers } from '../support/clock.js';
import { connectionOf, openDescriptors, unsentBytes, withoutProc } from '../support/proc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';
import { type AppSide, type RawApp, startRawApp } from './raw-app.js';
import { RawClient } from './raw-client.js';

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket'];
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
/** More than the kernel takes of what one side writes and the other does not read. */
const LARGE = 16 * 1024 * 1024;

interface Site {
  readonly server: RunningServer;
  readonly app: RawApp;
}

const root = t.testdir({ 'a.txt': 'hello' });

async function startSite(t: Test, ...args: string[]): Promise<Site> {
  const app = await startRawApp(t);
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
  t.teardown(() => side.socket.destroy());
  await client.until(() => client.text.includes('\r\n\r\n'));
  return { client, app: side };
}

/** Bytes that tell whether one of them is lost, or in the wrong place. */
const TAIL = Buffer.from(Uint32Array.from({ length: LARGE / 4 }, (_, at) => at * 2_654_435_761).buffer);

/** What arrives at a socket, from now on. */
class Received {
  length = 0;
  #isRight = true;

  constructor(socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.#isRight &&= bytes.equals(TAIL.subarray(this.length, this.length + bytes.length));
      this.length += bytes.length;
    });
  }

  /** Whether it is the beginning of TAIL, as long as that. */
  isBeginning(length: number): boolean {
    return this.length === length && this.#isRight;
  }
}

const noProc = withoutProc();

const shared = await startSite(t);
/** The time limit is so short that it is over at once. */
const limited = await startSite(t, '--send-timeout', '100ms');

/** How many sockets the server has open. */
function socketsOf({ server }: Site): number {
  // Who asks is skipped there.
  if (noProc !== false) return 0;
  return openDescriptors(server.process.pid).filter((name) => name.startsWith('socket:')).length;
}

const sharedIdle = socketsOf(shared);
const limitedIdle = socketsOf(limited);

/** Resolves when nothing is left of the tunnels of other tests. */
const untilIdle = (): Promise<void> =>
  until(() => socketsOf(shared) <= sharedIdle, 'the tunnels before are gone');

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
      const name = `the last bytes of the ${from} arrive when it ${how} while the other side does not read and ${what}`;
      t.test(name, { skip: noProc }, async (t) => {
        const isDeaf = how !== 'ends its side';
        const isSilent = what === 'is silent';
        const few = [100, 100_000, 1_000_000].flatMap((size) => Array<number>(8).fill(size));
        // What its own system has not sent yet it drops itself when it must answer with a reset.
        const sizes = isDeaf && !isSilent ? few : [...few, LARGE];
        const tunnels = await Promise.all(
          sizes.map(async (size) => {
            const { client, app } = await openTunnel(t, shared);
            const [sender, taker] =
              from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
            const connection = connectionOf(sender);
            taker.pause();
            sender.write(TAIL.subarray(0, size));
            leave(sender);
            if (size === LARGE) await isStuck(sender);
            return { size, sender, taker, connection };
          }),
        );
        const fitting = tunnels.filter(({ size }) => size !== LARGE).map(({ connection }) => connection);
        await until(() => unsentBytes(fitting) === 0, 'what fits has left its system');
        await Promise.all(
          tunnels.map(async ({ size, sender, taker }) => {
            let pings = 0;
            const ping = (): void => {
              taker.write('ping');
              pings += 1;
            };
            const timer = isSilent ? undefined : setInterval(ping, 1);
            const received = new Received(taker);
            await until(() => isSilent || pings >= 20, 'it has said something')
              .then(() => taker.resume())
              .then(() => until(() => received.length >= size || taker.closed, 'all is there'))
              .finally(() => clearInterval(timer));
            t.ok(received.isBeginning(size), `${received.length} of ${size} bytes`);
            taker.destroy();
            sender.destroy();
          }),
        );
      });
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
      for (let round = 0; round < 5; round++) {
        const { client, app } = await openTunnel(t, shared);
        const [sender, taker] = from === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
        // All of it is with the server's system when it looks again: first what makes its writes fail, from the second on.
        child.kill('SIGSTOP');
        await until(isStopped, 'the server stands still');
        try {
          taker.write(Buffer.alloc(150_000));
          sender.write(TAIL.subarray(0, 40_000));
          sender.destroySoon();
          await once(sender, 'close');
        } finally {
          child.kill('SIGCONT');
        }
        const received = new Received(taker);
        await until(() => taker.readableEnded || taker.closed, 'it is over');
        t.ok(received.isBeginning(40_000), `${received.length} bytes of the ${from}`);
        taker.destroy();
      }
    }
  },
);

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
      await untilIdle();
      for (const from of ['app', 'client'] as const) {
        // A few bytes, and more than there is room for.
        for (const size of [100, LARGE]) {
          const { client, app } = await openTunnel(t, shared);
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
          await until(() => socketsOf(shared) <= sharedIdle, `the ${from} has gone behind ${size} bytes`);
          other.destroy();
        }
      }
      t.equal(shared.server.errors, '');
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
    t.teardown(() => side.socket.destroy());
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
    other.end(TAIL.subarray(0, 3_000_000));
    await isOver;
    t.ok(received.isBeginning(3_000_000), `${first} first: what comes back`);
    await Promise.all([client.closed, app.closed]);
  }
});

/** One end without a connection: it does what the test says. */
class FakeEnd implements TunnelEnd {
  readonly writable = true;
  takes = true;
  isClosed = false;
  #listener: TunnelListener | undefined;

  get told(): TunnelListener {
    if (this.#listener === undefined) throw new Error('nobody listens');
    return this.#listener;
  }

  listen(listener: TunnelListener): void {
    this.#listener = listener;
  }

  write(): boolean {
    return this.takes;
  }

  end(): void {
    if (this.takes) this.told.onFinish();
  }

  destroy(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.told.onClose();
  }

  pause(): void {}
  resume(): void {}
}

const LIMIT = 1000;
const BYTES = Buffer.from('x');

/** What a side does in a tunnel of two, and what becomes of both, as time passes. */
const LIMITS: readonly [
  what: string,
  pass: (t: Test, one: FakeEnd, other: FakeEnd, wait: (milliseconds: number) => void) => void,
][] = [
  [
    'a side that takes nothing is waited for as long as the limit says, and then both are cut',
    (t, one, other, wait) => {
      other.takes = false;
      one.told.onData(BYTES);
      wait(LIMIT - 1);
      t.notOk(one.isClosed || other.isClosed, 'it is waited for');
      wait(1);
      t.ok(one.isClosed && other.isClosed, 'both are cut');
    },
  ],
  [
    'a side that takes something in time is waited for again',
    (t, one, other, wait) => {
      other.takes = false;
      for (let round = 0; round < 5; round++) {
        one.told.onData(BYTES);
        wait(LIMIT - 1);
        other.told.onDrain();
      }
      wait(10 * LIMIT);
      t.notOk(one.isClosed || other.isClosed);
    },
  ],
  [
    'a side that goes on speaking after the other one has ended is waited for, its silence as long as the limit says',
    (t, one, other, wait) => {
      one.told.onEnd();
      for (let round = 0; round < 5; round++) {
        wait(LIMIT - 1);
        other.told.onData(BYTES);
      }
      wait(LIMIT - 1);
      t.notOk(one.isClosed || other.isClosed, 'it has spoken');
      wait(1);
      t.ok(one.isClosed && other.isClosed, 'it is silent');
    },
  ],
  [
    'when one side is gone, the other one is closed when the limit says, whatever it sends',
    (t, one, other, wait) => {
      one.destroy();
      for (let round = 0; round < 4; round++) {
        wait(LIMIT / 4 - 1);
        other.told.onData(BYTES);
      }
      t.notOk(other.isClosed, 'it may close by itself');
      wait(4);
      t.ok(other.isClosed);
    },
  ],
  [
    'a tunnel on which nobody says anything outlives the limit',
    (t, one, other, wait) => {
      wait(1000 * LIMIT);
      t.notOk(one.isClosed || other.isClosed);
    },
  ],
];

for (const [what, pass] of LIMITS) {
  t.test(what, async (t) => {
    for (const isAppFirst of [true, false]) {
      withStillTimers((wait) => {
        const [client, app] = [new FakeEnd(), new FakeEnd()];
        joinEnds(client, app, LIMIT, () => {}).catch(t.error);
        const [one, other] = isAppFirst ? [app, client] : [client, app];
        pass(t, one, other, wait);
        client.destroy();
        app.destroy();
      });
    }
  });
}

t.test('without a limit whoever is left alone is closed after half a minute', async (t) => {
  withStillTimers((wait) => {
    const [client, app] = [new FakeEnd(), new FakeEnd()];
    joinEnds(client, app, 0, () => {}).catch(t.error);
    app.destroy();
    wait(29_999);
    t.notOk(client.isClosed);
    wait(1);
    t.ok(client.isClosed);
  });
});

t.test('behind the send time limit, both ends of a real tunnel are cut', { skip: noProc }, async (t) => {
  for (const slow of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, limited);
    const [taker, sender] = slow === 'app' ? [app.socket, client.socket] : [client.socket, app.socket];
    taker.pause();
    sender.write(TAIL);
    await (slow === 'app' ? client.closed : app.closed);
    await until(() => socketsOf(limited) <= limitedIdle, 'both are closed');
    const received = new Received(taker);
    taker.resume();
    await until(() => taker.readableEnded || taker.closed, 'it hears of it');
    t.ok(
      received.length > 0 && received.length < LARGE,
      `the ${slow} had been given ${received.length} bytes`,
    );
  }
});

t.test('so they are when one side has ended, and the other one says nothing', { skip: noProc }, async (t) => {
  for (const first of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, limited);
    (first === 'app' ? app.socket : client.socket).end();
    await until(() => socketsOf(limited) <= limitedIdle, `the ${first} has ended: it is cut`);
  }
});

t.test('so is what one side left behind, though the other one sends on', { skip: noProc }, async (t) => {
  for (const gone of ['app', 'client'] as const) {
    const { client, app } = await openTunnel(t, limited);
    const [left, other] = gone === 'app' ? [client.socket, app.socket] : [app.socket, client.socket];
    const timer = setInterval(() => left.write('still here'), 20);
    other.resetAndDestroy();
    await until(() => socketsOf(limited) <= limitedIdle, `the ${gone} is gone: it is cut`).finally(() =>
      clearInterval(timer),
    );
  }
});

t.test('a real one on which nobody says anything outlives it', { skip: noProc }, async (t) => {
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

/** What an app got that switches protocols unasked, and then answers as it should. */
let heads: string[] = [];
const switching = await startTcpApp(t, (socket) => {
  socket.on('data', (bytes: Buffer) => {
    heads.push(bytes.toString('latin1'));
    socket.write(heads.length === 1 ? SWITCHING : 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond');
  });
});
const unasked = await startServer(t, ['--root', root, '--upstream', switching]);

for (const [what, version, fields] of NO_OFFERS) {
  t.test(`an Upgrade ${what} is ignored, and what comes next is a request`, async (t) => {
    heads = [];
    const client = new RawClient(unasked.port);
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
    t.equal(unasked.process.exitCode, null);
    t.equal(unasked.errors, '');
  });
}

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
      await untilIdle();
      const { server, app } = shared;
      const ask = async (): Promise<string> => {
        lastId += 1;
        if (answer !== '') app.expect(lastId, ({ socket }) => void socket.write(answer)).catch(t.error);
        const client = new RawClient(server.port);
        const target = answer === '' ? path : `${path}/${lastId}`;
        client.socket.write([`GET ${target} HTTP/1.1`, 'Host: a', ...HANDSHAKE, '', behind].join('\r\n'));
        await client.closed;
        return client.text;
      };
      for (const text of await Promise.all(Array.from({ length: 10 }, ask))) {
        t.equal(text.slice(0, 12), `HTTP/1.1 ${status}`);
        t.equal(text.match(/HTTP\/1\.1 /g)?.length, 1, 'what stands behind it is no request');
      }
      await until(() => socketsOf(shared) <= sharedIdle, 'all is given back');
    });
  }
}
