// The limit on connections: who is closed to make room, who waits, and who is refused.
import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ClientResponse } from '../../src/http/exchange.js';
import { ConnectionLimit, type ConnectionLimits, type Shortage } from '../../src/http1/connection-limit.js';
import type { ServerOptions } from '../../src/http1/server-options.js';
import { startHere } from '../support/here.js';
import { get, openConnection, type RawConnection, rawExchange } from '../support/raw.js';
import { until } from '../support/until.js';
import { startRawApp } from './raw-app.js';
import { RawClient } from './raw-client.js';
import { answersIn, echo, type Site, say, startSite, statusesIn } from './site.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
/** The answer to it. */
const ANSWER = /<GET \/ >/;
const FOR_EVER = 3_600_000;

interface LimitedSite extends Site {
  readonly limit: ConnectionLimit;
  readonly shortages: Shortage[];
  /** Answers to `GET /wait` that are still to be given, in the order of the requests. */
  readonly pending: ClientResponse[];
}

/** A site whose limit has no room for idle connections beyond it, and waits for no head. */
async function startLimited(
  t: Test,
  limits: Partial<ConnectionLimits> & { readonly max: number },
  options: Partial<ServerOptions> = {},
): Promise<LimitedSite> {
  const shortages: Shortage[] = [];
  const pending: ClientResponse[] = [];
  const limit = new ConnectionLimit({
    maxWaiting: 100,
    waitTimeout: FOR_EVER,
    idleGrace: 1,
    onShortage: (shortage) => shortages.push(shortage),
    ...limits,
  });
  const site = await startSite(
    t,
    (request, response) => {
      if (request.target === '/wait') pending.push(response);
      else echo(request, response);
    },
    { limit, ...options },
  );
  return { ...site, limit, shortages, pending };
}

/** A connection on which a request has been answered, if there is a place. */
async function openIdle(t: Test, port: number): Promise<RawConnection> {
  const connection = await openConnection(t, port);
  connection.socket.write(REQUEST);
  await connection.until((text) => ANSWER.test(text));
  return connection;
}

/** A connection on which a request is under way. */
async function openBusy(t: Test, site: LimitedSite): Promise<RawConnection> {
  const before = site.pending.length;
  const connection = await openConnection(t, site.port);
  connection.socket.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => site.pending.length > before, 'its request is under way');
  return connection;
}

/** A connection that has sent a part of a head. */
async function openHalf(t: Test, site: LimitedSite, text = 'GET / HTTP/1.1\r\nHost'): Promise<RawConnection> {
  const before = site.limit.memoryOfHeads;
  const connection = await openConnection(t, site.port);
  connection.socket.write(text);
  await until(() => site.limit.memoryOfHeads !== before, 'a part of its head is here');
  return connection;
}

const isOpen = ({ socket }: RawConnection): boolean => !socket.closed && !socket.readableEnded;

t.test('past the limit the longest idle is closed first, and the new one is served', async (t) => {
  const site = await startLimited(t, { max: 4 });
  const [first, second, third] = [
    await openIdle(t, site.port),
    await openIdle(t, site.port),
    await openIdle(t, site.port),
  ];
  const busy = await openBusy(t, site);
  // Used again, it is not the longest idle any more.
  first.socket.write(REQUEST);
  await first.until((text) => answersIn(text).length === 2);

  await openIdle(t, site.port);
  t.equal(answersIn(await second.closed()).length, 1, 'it had its answer');
  t.same([first, third, busy].map(isOpen), [true, true, true]);
  await openIdle(t, site.port);
  await third.closed();
  t.same([first, busy].map(isOpen), [true, true]);
  t.equal(site.limit.taken, 4);
  t.same(site.shortages, ['waited', 'idleClosed', 'waited', 'idleClosed']);
});

t.test('who becomes idle anew is the last to be closed', async (t) => {
  const order: string[] = [];
  const limit = new ConnectionLimit({ max: 3, maxWaiting: 3, waitTimeout: FOR_EVER, idleGrace: -1 });
  const taken: Socket[] = [];
  const listener = { take: (socket: Socket) => taken.push(socket) };
  const placed = ['a', 'b', 'c'].map((name) => {
    limit.arrive(new Socket(), listener);
    return { destroy: () => order.push(name), giveUpHead: () => {} };
  });
  for (const index of [0, 1, 2, 0]) {
    const connection = placed[index];
    if (connection !== undefined) limit.idle(connection);
  }
  for (let index = 0; index < 3; index++) limit.arrive(new Socket(), listener);
  t.same(order, ['b', 'c', 'a']);
  for (const connection of placed) limit.leave(connection);
  t.equal(taken.length, 6, 'those that waited have their places');
});

t.test('one that has never sent anything is idle, too', async (t) => {
  const site = await startLimited(t, { max: 1 });
  const silent = await openConnection(t, site.port);
  await until(() => site.limit.taken === 1, 'it has the place');
  await openIdle(t, site.port);
  t.equal(await silent.closed(), '');
});

t.test('while requests are under way everywhere new ones wait, and are served in their order', async (t) => {
  const site = await startLimited(t, { max: 2, idleGrace: FOR_EVER });
  const busy = [await openBusy(t, site), await openBusy(t, site)];
  const waiting: RawConnection[] = [];
  for (const name of ['a', 'b', 'c']) {
    const connection = await openConnection(t, site.port);
    connection.socket.write(`GET /${name} HTTP/1.1\r\nHost: a\r\n\r\n`);
    waiting.push(connection);
    await until(() => site.limit.waiting === waiting.length, 'it waits');
  }
  t.same(site.answered, ['/wait', '/wait'], 'nothing of them is read');
  t.same(busy.map(isOpen), [true, true]);

  const [answer] = site.pending;
  if (answer !== undefined) say(answer, '<first>');
  const received = await busy[0]?.closed();
  t.match(received, /Connection: close[\s\S]*<first>/, 'the client is told that its answer is the last');
  for (const [index, connection] of waiting.entries()) {
    await connection.until((text) => text.includes(`<GET /${'abc'[index]} >`));
  }
  t.same(site.answered, ['/wait', '/wait', '/a', '/b', '/c']);
  t.notMatch(waiting[2]?.received(), /close/, 'when nobody waits any more, connections are kept');
  t.same(busy.map(isOpen), [false, true]);
  t.equal(site.limit.taken, 2);
});

t.test('who gets a place while others wait is not closed before its request can be read', async (t) => {
  const site = await startLimited(t, { max: 1, idleGrace: FOR_EVER });
  const requests = Array.from({ length: 20 }, () => rawExchange(site.port, REQUEST));
  const answers = await Promise.all(requests.slice(0, -1).concat(rawExchange(site.port, get('/'))));
  t.ok(
    answers.every((answer) => ANSWER.test(answer.toString('latin1'))),
    `${answers.length} answers`,
  );
  t.notOk(site.shortages.includes('idleClosed'));
});

t.test('beyond those that may wait one is reset, and one that waits too long, too', async (t) => {
  const site = await startLimited(t, { max: 1, maxWaiting: 1 });
  const busy = await openBusy(t, site);
  const waiting = await openConnection(t, site.port);
  await until(() => site.limit.waiting === 1, 'it waits');
  t.equal((await rawExchange(site.port, REQUEST)).length, 0);
  t.same(site.shortages, ['waited', 'refused']);
  t.same([busy, waiting].map(isOpen), [true, true]);

  const impatient = await startLimited(t, { max: 1, waitTimeout: 50 });
  const other = await openBusy(t, impatient);
  const late = await openConnection(t, impatient.port);
  t.equal(await late.closed(), '');
  t.same(impatient.shortages, ['waited', 'refused']);
  t.ok(isOpen(other));
  t.equal(impatient.limit.waiting, 0);
});

t.test('a head that has only begun is not idle', async (t) => {
  const site = await startLimited(t, { max: 2, headGrace: FOR_EVER });
  const half = await openHalf(t, site);
  const idle = await openIdle(t, site.port);
  await openIdle(t, site.port);
  await idle.closed();
  half.socket.write(': a\r\n\r\n');
  await half.until((text) => ANSWER.test(text));
});

t.test('heads that come too slowly are closed before idle connections, the oldest first', async (t) => {
  const site = await startLimited(t, { max: 3, headGrace: 200 });
  const idle = await openIdle(t, site.port);
  const older = await openHalf(t, site);
  const younger = await openHalf(t, site);
  // More of it does not make it younger.
  older.socket.write(': a\r\nX: ');
  const drip = setInterval(() => older.socket.write('x'), 10);
  t.teardown(() => clearInterval(drip));
  await pause(250);
  await openIdle(t, site.port);
  t.equal(await older.closed(), '');
  t.same([idle, younger].map(isOpen), [true, true]);
  t.same(site.shortages, ['waited', 'slowClosed']);
});

t.test('when only half heads are there, a new one has a place as soon as one is too slow', async (t) => {
  const site = await startLimited(t, { max: 2, headGrace: 300 });
  const halves = [await openHalf(t, site), await openHalf(t, site)];
  await openIdle(t, site.port);
  t.same(halves.map(isOpen), [false, true]);
});

t.test('half heads share memory: beyond it the oldest is answered 408', async (t) => {
  const site = await startLimited(t, { max: 100, headMemory: 40_000 });
  const head = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}`;
  const halves: RawConnection[] = [];
  for (let index = 0; index < 4; index++) halves.push(await openHalf(t, site, head));
  t.same(halves.map(isOpen), [true, true, true, true]);
  t.ok(site.limit.memoryOfHeads > 36_000 && site.limit.memoryOfHeads <= 40_000);
  const last = await openConnection(t, site.port);
  last.socket.write(head);
  t.same(statusesIn((await halves[0]?.closed()) ?? ''), [408]);
  t.same(halves.map(isOpen), [false, true, true, true]);
  t.ok(site.limit.memoryOfHeads <= 40_000);
  for (const connection of [...halves.slice(1), last]) {
    connection.socket.write('\r\n\r\n');
    await connection.until((text) => ANSWER.test(text));
  }
  t.equal(site.limit.memoryOfHeads, 0, 'it is all given back');
  t.same(site.shortages, ['headGivenUp']);
});

t.test('the only half head may be larger than what they share', async (t) => {
  const site = await startLimited(t, { max: 100, headMemory: 1000 });
  const half = await openHalf(t, site, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9000)}`);
  half.socket.write('\r\n\r\n');
  await half.until((text) => ANSWER.test(text));
});

t.test('what comes before HTTP counts as a head that has begun', async (t) => {
  const introduction = {
    read: (bytes: Buffer, address: string | undefined) =>
      bytes.includes('\n') ? { length: bytes.indexOf('\n') + 1, address } : undefined,
    timeout: FOR_EVER,
    timedOut: () => {},
  };
  const site = await startLimited(t, { max: 2, headGrace: 1 }, { introduction });
  const half = await openHalf(t, site, 'HEL');
  const idle = await openConnection(t, site.port);
  idle.socket.write(`HELLO\n${REQUEST}`);
  await idle.until((text) => ANSWER.test(text));
  const other = await openConnection(t, site.port);
  other.socket.write(`HELLO\n${REQUEST}`);
  await other.until((text) => ANSWER.test(text));
  t.equal(await half.closed(), '');
  t.ok(isOpen(idle));
});

t.test('what is read only so that its client gets an answer makes room', async (t) => {
  const times = { lingeringTimeout: FOR_EVER, lingeringTime: FOR_EVER };
  const site = await startLimited(t, { max: 1 }, times);
  const lingering = new RawClient(site.port, { staysOpen: true });
  t.teardown(() => lingering.socket.destroy());
  await lingering.send('GET / HTTP/9.9\r\n\r\n');
  await lingering.until(() => lingering.hasEnded);
  t.match(lingering.text, /^HTTP\/1\.1 400 /);
  t.equal(site.limit.taken, 1, 'it is not closed yet');
  await openIdle(t, site.port);
  t.equal(site.limit.taken, 1);
});

t.test('listeners that are given one limit share it', async (t) => {
  const first = await startLimited(t, { max: 2 });
  const second = await startSite(t, echo, { limit: first.limit });
  const busy = await openBusy(t, first);
  const idle = await openIdle(t, second.port);
  const other = await openIdle(t, first.port);
  await idle.closed();
  const third = await openIdle(t, second.port);
  await other.closed();
  t.same([busy, third].map(isOpen), [true, true]);
  t.equal(first.limit.taken, 2);
  t.equal(first.server.openConnections, 1);
  t.equal(second.server.openConnections, 1);
});

t.test('a server that stops closes what waits', async (t) => {
  const site = await startLimited(t, { max: 1 });
  const busy = await openBusy(t, site);
  const waiting = await openConnection(t, site.port);
  await until(() => site.limit.waiting === 1, 'it waits');
  const closed = new Promise((resolve) => site.server.close(resolve));
  t.equal(await waiting.closed(), '');
  t.ok(isOpen(busy));
  for (const answer of site.pending) say(answer, '<last>');
  t.match(await busy.closed(), /<last>/);
  await closed;
  t.equal(site.limit.taken, 0);
  t.equal(site.limit.waiting, 0);
});

t.test('a tunnel has a place until it is closed', async (t) => {
  const app = await startRawApp(t);
  const root = t.testdir({ 'a.txt': 'hello' });
  const server = await startHere(t, ['--root', root, '--upstream', app.address, '--max-connections', '1']);
  const asked = app.expect(1, ({ socket }) =>
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome',
    ),
  );
  const tunnel = await openConnection(t, server.port);
  tunnel.socket.write('GET /app/1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await tunnel.until((text) => text.endsWith('welcome'));
  const file = rawExchange(server.port, get('/media/a.txt'));
  await server.logged(({ waited }) => waited === 1);
  const { socket } = await asked;
  socket.write(' again');
  await tunnel.until((text) => text.endsWith('welcome again'));
  t.notOk(server.log.some(({ target }) => target === '/media/a.txt'));
  tunnel.socket.end();
  t.match((await file).toString('latin1'), /hello$/);
});
