/** Several servers of one app (nginx: upstream, least_conn, max_fails, fail_timeout, backup). */
import type { Socket } from 'node:net';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { UpstreamLocation } from '../../src/config/location.js';
import { loadConfig } from '../../src/index.js';
import { TIME_LIMITS } from '../../src/server/time-limits.js';
import type { Peer, Peers } from '../../src/upstream/balance.js';
import { Servers } from '../../src/upstream/servers.js';
import { deserted, startApp, startTcpApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

/** An app whose answer is its name. */
const startNamed = (t: Test, name: string, at?: { port: number; host: string }) =>
  startApp(t, (_request, response) => response.end(name), at);

const nameOf = async (port: number, method = 'GET'): Promise<string> => {
  const { status, body } = await rawRequest(port, get('/', [], method).replace('HTTP/1.1', 'HTTP/1.0'));
  return status === 200 ? body.toString() : String(status);
};

const count = (names: readonly string[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
};

const ask = async (port: number, times: number, method?: string): Promise<Record<string, number>> => {
  const names: string[] = [];
  for (let index = 0; index < times; index++) names.push(await nameOf(port, method));
  return count(names);
};

t.test('requests go to the servers in turn, in every way to write several', async (t) => {
  const [a, b, c] = [await startNamed(t, 'a'), await startNamed(t, 'b'), await startNamed(t, 'c')];
  const list = [a.address, b.address, c.address];
  const root = t.testdir({
    'config.json': JSON.stringify({ locations: [{ kind: 'upstream', prefix: '/', upstream: list }] }),
  });
  const ways: [args: string[], env: Record<string, string>][] = [
    [['--upstream', list.join(',')], {}],
    [list.flatMap((address) => ['--upstream', address]), {}],
    [[], { MEDIA_SERVE_UPSTREAM: list.join(', ') }],
    [['--config', `${root}/config.json`], {}],
  ];
  for (const [args, env] of ways) {
    const server = await startHere(t, ['--root', root, ...args], env);
    t.same(await ask(server.port, 9), { a: 3, b: 3, c: 3 });
  }
});

t.test('a server that is not there is left out, then tried again by itself', async (t) => {
  const [here, gone] = [await startNamed(t, 'here'), await deserted()];
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    `${here.address},${gone.address}`,
    '--fail-timeout',
    '500ms',
  ]);
  t.same(await ask(server.port, 6), { here: 6 }, 'nobody sees that it is gone');
  t.same(await ask(server.port, 6, 'POST'), { here: 6 }, 'nothing was sent to it, so a POST goes on too');
  const line = await server.logged((entry) => String(entry['msg']).includes('left out'));
  t.match(line, { level: 40, upstream: gone.address, reason: 'ECONNREFUSED' });
  await startNamed(t, 'back', gone);
  await until(async () => (await nameOf(server.port)) === 'back', 'it gets requests again');
});

t.test('a server that breaks off', async (t) => {
  const here = await startNamed(t, 'here');
  let broken = 0;
  const breaking = await startTcpApp(t, (socket) => {
    socket.once('data', () => {
      broken += 1;
      socket.destroy();
    });
  });
  const start = (...args: string[]) =>
    startHere(t, ['--root', t.testdir({}), '--upstream', `${here.address},${breaking}`, ...args]);

  await t.test('costs no idempotent request', async (t) => {
    const server = await start('--max-fails', '0');
    broken = 0;
    t.same(await ask(server.port, 8), { here: 8 });
    t.equal(broken, 4, 'each second one went on to the other server');
  });
  await t.test('costs a POST, which the other server does not get', async (t) => {
    const server = await start('--max-fails', '0');
    t.same(await ask(server.port, 8, 'POST'), { here: 4, '502': 4 });
  });
  await t.test('is left out after so many failures', async (t) => {
    const server = await start('--max-fails', '3', '--fail-timeout', '1h');
    broken = 0;
    t.same(await ask(server.port, 20), { here: 20 });
    t.equal(broken, 3);
  });
});

t.test('a server that drops each third request is left out, as with nginx', async (t) => {
  const here = await startNamed(t, 'here');
  let asked = 0;
  const flaky = await startApp(t, (request, response) => {
    asked += 1;
    // As from gunicorn's sync workers: on a kept connection it would look like one that was just being closed.
    if (asked % 3 === 0) request.socket.destroy();
    else response.setHeader('Connection', 'close').end('flaky');
  });
  const list = `${here.address},${flaky.address}`;
  const options = ['--max-fails', '3', '--fail-timeout', '1h'];
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', list, ...options]);
  t.same(await ask(server.port, 40), { here: 34, flaky: 6 });
  t.equal(asked, 9);
  const left = server.log.filter(({ msg }) => String(msg).includes('left out'));
  t.match(left, [{ level: 40, upstream: flaky.address, failTimeout: 3_600_000 }]);
});

t.test('so is one that drops them on connections that are kept', async (t) => {
  const here = await startNamed(t, 'here');
  let asked = 0;
  const flaky = await startApp(t, (request, response) => {
    asked += 1;
    if (asked % 3 === 0) request.socket.destroy();
    else response.end('flaky');
  });
  const list = `${here.address},${flaky.address}`;
  const options = ['--max-fails', '3', '--fail-timeout', '1h'];
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', list, ...options]);
  const { here: others = 0, flaky: some = 0 } = await ask(server.port, 40);
  t.equal(others + some, 40, 'all are answered');
  t.ok(asked <= 10, `it was asked ${asked} times`);
});

t.test('a backup gets requests while all others are left out', async (t) => {
  const gone = await deserted();
  const backup = await startNamed(t, 'backup');
  const list = `${gone.address},${backup.address} backup`;
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', list, '--fail-timeout', '300ms']);
  t.same(await ask(server.port, 4), { backup: 4 });
  await startNamed(t, 'usual', gone);
  await until(async () => (await nameOf(server.port)) === 'usual', 'the usual server is back');
  t.same(await ask(server.port, 4), { usual: 4 });
});

t.test('when all are left out, one is tried all the same', async (t) => {
  const [first, second] = [await deserted(), await deserted()];
  const list = `${first.address},${second.address}`;
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', list, '--fail-timeout', '1h']);
  t.equal(await nameOf(server.port), '503');
  await startNamed(t, 'second', second);
  t.same(await ask(server.port, 4), { second: 4 });
});

t.test('least-connections: a server with long requests gets fewer', async (t) => {
  const slow = await startApp(t, () => {});
  const quick = await startNamed(t, 'quick');
  const list = `${slow.address},${quick.address}`;
  const server = await startHere(t, [
    '--root',
    t.testdir({}),
    '--upstream',
    list,
    '--balance',
    'least-connections',
  ]);
  let hanging = 0;
  slow.server.on('request', () => {
    hanging += 1;
  });
  // Until one hangs at the slow server.
  while (hanging === 0) {
    const client = await openConnection(t, server.port);
    client.socket.write(get('/'));
    await until(() => hanging > 0 || client.received().includes('quick'), 'one of them has it');
  }
  t.same(await ask(server.port, 10), { quick: 10 });
});

t.test('least-connections: a WebSocket counts until it ends', async (t) => {
  const open = new Map<string, Set<Socket>>();
  const startTunnel = (name: string): Promise<string> => {
    const sockets = new Set<Socket>();
    open.set(name, sockets);
    return startTcpApp(t, (socket) => {
      socket.once('data', () => {
        sockets.add(socket);
        socket.once('end', () => socket.end()).once('close', () => sockets.delete(socket));
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nat ${name}`,
        );
      });
    });
  };
  const list = `${await startTunnel('a')},${await startTunnel('b')}`;
  const options = ['--upstream', list, '--balance', 'least-connections'];
  const server = await startHere(t, ['--root', t.testdir({}), ...options]);
  const connect = async (): Promise<string> => {
    const client = await openConnection(t, server.port);
    client.socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    return (await client.until((received) => /at [ab]$/.test(received))).slice(-1);
  };
  const connectMany = async (times: number): Promise<Record<string, number>> => {
    const names: string[] = [];
    for (let index = 0; index < times; index++) names.push(await connect());
    return count(names);
  };
  t.same(await connectMany(6), { a: 3, b: 3 });
  for (const socket of open.get('a') ?? []) socket.end();
  await until(
    () => server.log.filter(({ msg }) => msg === 'request').length === 3,
    'three are over, and in the access log',
  );
  t.same(await connectMany(3), { a: 3 }, 'where there are fewer');
  t.same(await connectMany(6), { a: 3, b: 3 });
});

/** The servers :1 and :2, which nobody connects to: what is told of them is all that counts. */
function peersOf(t: Test, options: Record<string, string>): { peers: Peers; sick: Peer } {
  const { locations } = loadConfig({ root: t.testdir({}), upstream: [':1,:2'], ...options }, {});
  const location = locations.find((each): each is UpstreamLocation => each.kind === 'upstream');
  if (location === undefined) throw new Error('no location of an app');
  const servers = new Servers(location, TIME_LIMITS.app, async () => [], pino({ level: 'silent' }));
  t.teardown(() => servers.close());
  const { peers } = servers;
  const sick = [peers.choose([]), peers.choose([])].find((peer) => peer?.name === ':1');
  if (sick === undefined) throw new Error('no server');
  return { peers, sick };
}

/** Names of the servers that requests go to, one after the other. */
const chosen = (peers: Peers, times: number): string[] =>
  Array.from({ length: times }, () => peers.choose([])?.name ?? 'none').sort();

t.test(
  'failures count as long as one follows the other within failTimeout, whatever is answered between',
  async (t) => {
    const { peers, sick } = peersOf(t, { maxFails: '3', failTimeout: '1h' });
    for (const failsNow of [true, false, false, true, false, false]) {
      if (failsNow) peers.failed(sick, new Error('broken'));
      else peers.succeeded(sick);
    }
    t.same(chosen(peers, 4), [':1', ':1', ':2', ':2'], 'two of three');
    peers.failed(sick, new Error('broken'));
    t.same(chosen(peers, 4), [':2', ':2', ':2', ':2'], 'left out');
    peers.succeeded(sick);
    t.same(chosen(peers, 4), [':2', ':2', ':2', ':2'], 'a late answer does not change that');
  },
);

t.test('failures are forgotten by an answer that comes failTimeout after the last of them', async (t) => {
  const { peers, sick } = peersOf(t, { maxFails: '2', failTimeout: '20ms' });
  const pause = async (): Promise<void> => {
    const since = performance.now();
    await until(() => performance.now() - since > 20, 'the pause is over');
  };
  peers.failed(sick, new Error('broken'));
  await pause();
  chosen(peers, 2);
  peers.succeeded(sick);
  peers.failed(sick, new Error('broken'));
  t.same(chosen(peers, 2), [':1', ':2'], 'it is the first again');
});

t.test('one that was left out gets one request, and the others when it has answered', async (t) => {
  const { peers, sick } = peersOf(t, { maxFails: '1', failTimeout: '1h' });
  peers.failed(sick, new Error('broken'));
  t.same(chosen(peers, 4), [':2', ':2', ':2', ':2']);
  sick.checkedAt -= 3_600_001;
  t.same(chosen(peers, 6), [':1', ':2', ':2', ':2', ':2', ':2'], 'one request, which may hang');
  sick.checkedAt -= 3_600_001;
  t.same(chosen(peers, 6), [':1', ':2', ':2', ':2', ':2', ':2'], 'one more after the time');
  peers.failed(sick, new Error('broken'));
  sick.checkedAt -= 3_600_001;
  t.same(chosen(peers, 6), [':1', ':2', ':2', ':2', ':2', ':2'], 'one failure leaves it out again');
  peers.succeeded(sick);
  t.same(chosen(peers, 4), [':1', ':1', ':2', ':2'], 'it has answered');
});
