// Servers whose host is a name: the addresses it leads to, when it is looked up, and what becomes of requests when it
// leads elsewhere, or cannot be looked up. A real name server is in name-server.test.ts.
import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import type { UpstreamLocation } from '../../src/config/location.js';
import { loadConfig } from '../../src/index.js';
import { TIME_LIMITS } from '../../src/server/time-limits.js';
import type { LookUp } from '../../src/upstream/resolver.js';
import { Servers } from '../../src/upstream/servers.js';
import { OWN_HOSTS, type RunningApp, startApp } from '../support/app.js';
import { type ServerHere, startHere } from '../support/here.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { withoutIpv6 } from '../support/skip.js';
import { until } from '../support/until.js';

/** What name servers say of the app's name. */
class Names {
  /** Addresses, or the code of an error, or nothing at all. */
  answer: readonly string[] | string | undefined;
  asked = 0;
  readonly #silenced = new Set<() => void>();

  constructor(answer: Names['answer']) {
    this.answer = answer;
  }

  readonly lookUp = async (_host: string): Promise<readonly string[]> => {
    this.asked += 1;
    while (this.answer === undefined) {
      await new Promise<void>((resolve) => this.#silenced.add(resolve));
    }
    if (typeof this.answer === 'string') throw Object.assign(new Error('no'), { code: this.answer });
    return this.answer;
  };

  /** Those that were not answered are. */
  speak(answer: readonly string[] | string): void {
    this.answer = answer;
    for (const resolve of this.#silenced) resolve();
    this.#silenced.clear();
  }
}

interface Replica extends RunningApp {
  readonly host: string;
  /** Methods of the requests it got. */
  readonly asked: string[];
}

type Behavior = (replica: string, response: ServerResponse) => void;
const answerName: Behavior = (replica, response) => response.end(replica);

/** Apps on one port of different addresses, named a, b and c, which answer with their names. */
async function startReplicas(t: Test, ...behaviors: Behavior[]): Promise<Replica[]> {
  const replicas: Replica[] = [];
  let port = 0;
  for (const [index, behave] of behaviors.entries()) {
    const asked: string[] = [];
    const host = OWN_HOSTS[index] ?? '';
    const app = await startApp(
      t,
      (request, response) => {
        request.resume();
        asked.push(request.method ?? '');
        behave('abc'[index] ?? '', response);
      },
      { port, host },
    );
    port = app.port;
    replicas.push(Object.assign(app, { host, asked }));
  }
  return replicas;
}

const [A, B, C] = OWN_HOSTS;

function start(
  t: Test,
  replicas: readonly Replica[],
  names: Names,
  {
    args = [],
    times = {},
  }: { args?: readonly string[]; times?: Parameters<typeof startHere>[3] & object } = {},
): Promise<ServerHere> {
  const upstream = `app:${replicas[0]?.port}`;
  return startHere(
    t,
    ['--root', t.testdir({}), '--upstream', upstream, ...args],
    {},
    {
      lookUp: names.lookUp,
      ...times,
    },
  );
}

async function ask(server: ServerHere, method = 'GET', fields: readonly string[] = []): Promise<string> {
  const { status, body } = await rawRequest(
    server.port,
    get('/', ['Content-Length: 0', ...fields], method).replace('HTTP/1.1', 'HTTP/1.0'),
  );
  return status === 200 ? body.toString() : String(status);
}

async function askMany(server: ServerHere, times: number, method?: string): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let index = 0; index < times; index++) {
    const answer = await ask(server, method);
    counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

const drop: Behavior = (_replica, response) => response.socket?.destroy();

t.test('requests are spread over the addresses of a name', async (t) => {
  const replicas = await startReplicas(t, answerName, answerName, answerName);
  const server = await start(t, replicas, new Names([A, B, C]));
  for (const method of ['GET', 'POST', 'GET']) {
    t.same(await askMany(server, 30, method), { a: 10, b: 10, c: 10 }, method);
  }
});

t.test('they are, in whichever order name servers tell them', async (t) => {
  const replicas = await startReplicas(t, answerName, answerName, answerName);
  const names = new Names([A, B, C]);
  const server = await start(t, replicas, names);
  const turned = [
    [B, C, A],
    [C, A, B],
    [A, B, C],
  ];
  const counts: Record<string, number> = {};
  for (let index = 0; index < 30; index++) {
    names.answer = turned[index % 3] ?? [];
    const name = await ask(server, 'POST');
    counts[name] = (counts[name] ?? 0) + 1;
  }
  t.same(counts, { a: 10, b: 10, c: 10 });
});

t.test('one sick replica costs no request that may be repeated', async (t) => {
  for (const [what, behave] of [
    ['it drops requests', drop],
    ['it is not there', undefined],
  ] as const) {
    const replicas = await startReplicas(t, behave ?? answerName, answerName, answerName);
    const [sick] = replicas;
    if (behave === undefined) await sick?.stop();
    const args = ['--fail-timeout', '1h'];
    const server = await start(t, replicas, new Names([A, B, C]), { args });
    t.same(await askMany(server, 60), { b: 30, c: 30 }, what);
    t.same(sick?.asked, behave === undefined ? [] : ['GET'], 'it is left out');
    t.match(await server.logged(({ msg }) => String(msg).includes('left out')), {
      upstream: `app:${replicas[0]?.port} (${A})`,
    });
    t.same(await askMany(server, 4, 'POST'), { b: 2, c: 2 });
  }
});

t.test('an address that is reached in no way costs nothing: IPv4 only, and a name with both', async (t) => {
  const replicas = await startReplicas(t, answerName);
  const server = await start(t, replicas, new Names(['::1', A]));
  for (const method of ['POST', 'GET', 'POST']) t.same(await askMany(server, 10, method), { a: 10 }, method);
  t.equal(server.log.filter(({ level }) => Number(level) >= 40).length, 1, 'one line tells');
});

t.test('a server with IPv4 and IPv6 is one that is asked once', { skip: withoutIpv6() }, async (t) => {
  let asked = 0;
  const app = await startApp(
    t,
    (request, response) => {
      asked += 1;
      if (request.url === '/dies') response.socket?.destroy();
      else response.setHeader('Connection', 'close').end('ok');
    },
    { port: 0, host: '::', ipv6Only: false },
  );
  const lookUp = async (): Promise<string[]> => ['::1', '127.0.0.1'];
  const server = await startHere(
    t,
    ['--root', t.testdir({}), '--upstream', `app:${app.port}`],
    {},
    { lookUp },
  );
  for (let times = 0; times < 4; times++) {
    asked = 0;
    t.equal((await rawRequest(server.port, get('/dies'))).status, 502);
    t.equal(asked, 1);
    t.equal((await rawRequest(server.port, get('/'))).status, 200, 'and goes on to be asked');
  }
});

t.test('a name that leads elsewhere is seen by the next request on a fresh connection', async (t) => {
  const replicas = await startReplicas(t, answerName, answerName);
  const names = new Names([A]);
  const server = await start(t, replicas, names);
  t.equal(await ask(server, 'POST'), 'a');
  names.answer = [B];
  t.equal(await ask(server, 'POST'), 'b');
  t.equal(await ask(server), 'b');
  names.answer = [A];
  t.equal(await ask(server, 'POST'), 'a');
  t.match(await server.logged(({ msg }) => String(msg).includes('other addresses')), {
    level: 30,
    upstream: `app:${replicas[0]?.port}`,
    addresses: [B],
  });
});

t.test('also where requests that are repeated keep their connections busy', async (t) => {
  const replicas = await startReplicas(t, answerName, answerName);
  const names = new Names([A]);
  const server = await start(t, replicas, names, { times: { times: { lookupInterval: 20 } } });
  t.equal(await ask(server), 'a');
  names.answer = [B];
  await until(async () => (await ask(server)) === 'b', 'it is seen');
});

t.test('a kept connection that closes as the app moves costs nothing', async (t) => {
  let closes = false;
  const closing: Behavior = (replica, response) => {
    if (closes) response.socket?.destroy();
    else response.end(replica);
  };
  const replicas = await startReplicas(t, closing, answerName);
  const names = new Names([A]);
  const server = await start(t, replicas, names);
  t.equal(await ask(server), 'a');
  closes = true;
  names.answer = [B];
  t.equal(await ask(server), 'b');
});

t.test('name servers that fail, or are silent, do no harm to an app that is there', async (t) => {
  const replicas = await startReplicas(t, answerName);
  for (const answer of ['EAI_AGAIN', 'ENOTFOUND', undefined]) {
    const names = new Names([A]);
    const args = ['--connect-timeout', '1h'];
    const server = await start(t, replicas, names, { args, times: { times: { lookupPatience: 20 } } });
    names.answer = answer;
    t.same(await askMany(server, 8, 'POST'), { a: 8 }, answer ?? 'silence');
    t.same(await Promise.all(Array.from({ length: 8 }, () => ask(server, 'POST'))), Array(8).fill('a'));
    t.same(await askMany(server, 8), { a: 8 });
    if (answer === undefined) {
      t.equal(names.asked, 2, 'the one at the start, and one for all of them');
      names.speak([A]);
    } else {
      const line = await server.logged(({ msg }) => String(msg).includes('cannot be looked up'));
      t.match(line, { level: 40, reason: answer, upstream: `app:${replicas[0]?.port}` });
    }
  }
});

t.test(
  'an app that has moved is found by a slow name server, too, once its old place is empty',
  async (t) => {
    const replicas = await startReplicas(t, answerName, answerName);
    const names = new Names([A]);
    const server = await start(t, replicas, names, { times: { times: { lookupPatience: 1 } } });
    t.equal(await ask(server, 'POST'), 'a');
    await replicas[0]?.stop();
    names.answer = undefined;
    const before = names.asked;
    const answers = Promise.all([ask(server, 'POST'), ask(server)]);
    await until(() => names.asked > before, 'the name is looked up');
    const timer = setTimeout(() => names.speak([B]), 20);
    t.teardown(() => clearTimeout(timer));
    t.same(await answers, ['b', 'b']);
    t.same(
      server.log.filter(({ level }) => Number(level) >= 40),
      [],
      'nobody has seen it',
    );
  },
);

t.test(
  'what waits for the first lookup shares it, and has the time limit of connecting for itself',
  async (t) => {
    const replicas = await startReplicas(t, answerName);
    const names = new Names(undefined);
    const times = { times: { lookupPatience: 20 } };
    const server = await start(t, replicas, names, { args: ['--connect-timeout', '1h'], times });
    const answers = Promise.all(Array.from({ length: 8 }, () => ask(server, 'POST')));
    const other = await openConnection(t, server.port);
    other.socket.write(get('/missing.txt').replace('/missing', '/media/missing'));
    t.match(await other.closed(), /^HTTP\/1\.1 404 /, 'files do not wait');
    names.speak([A]);
    t.same(await answers, Array(8).fill('a'));
    t.equal(names.asked, 1, 'one for all');
  },
);

t.test('a name without an address is told', async (t) => {
  const replicas = await startReplicas(t, answerName);
  const cases = [
    ['ENOTFOUND', [], '503', 'MEDIA_SERVE_STARTING_UP', /host name is unknown/],
    ['EAI_AGAIN', [], '503', 'MEDIA_SERVE_STARTING_UP', /cannot be resolved now/],
    [
      undefined,
      ['--connect-timeout', '30ms'],
      '504',
      'MEDIA_SERVE_GATEWAY_TIMEOUT',
      /host name was not found/,
    ],
    [undefined, ['--total-timeout', '30ms'], '504', 'MEDIA_SERVE_GATEWAY_TIMEOUT', /--total-timeout/],
  ] as const;
  for (const [answer, args, status, code, message] of cases) {
    const names = new Names(answer);
    const server = await start(t, replicas, names, { args, times: { times: { lookupPatience: 1 } } });
    t.equal(await ask(server, 'POST'), status);
    t.match(await server.logged((line) => line['code'] === code), { msg: message });
    names.speak([A]);
    await until(async () => (await ask(server, 'POST')) === 'a', 'it is found when it is told');
  }
});

t.test('while a name is looked up', async (t) => {
  const replicas = await startReplicas(t, answerName);
  const names = new Names(undefined);
  const times = { times: { lookupPatience: 1 } };
  const server = await start(t, replicas, names, { times });
  await t.test('a client may leave', async (t) => {
    const client = await openConnection(t, server.port);
    client.socket.write(get('/left'));
    await until(() => names.asked > 0, 'it waits');
    client.socket.destroy();
    t.match(await server.logged(({ target }) => target === '/left'), { status: 499, aborted: true });
  });
  await t.test('the server may stop', async (t) => {
    const short = ['--shutdown-timeout', '50ms'];
    const stopping = await start(t, replicas, names, { args: short, times });
    const client = await openConnection(t, stopping.port);
    client.socket.write(get('/stopped'));
    await until(() => names.asked > 1, 'it waits');
    await stopping.stop();
    await client.closed();
  });
  names.speak([A]);
  t.equal(await ask(server), 'a');
  t.same(replicas[0]?.asked, ['GET'], 'nobody else was asked for');
});

t.test('requests that are under way end where they began', async (t) => {
  const waiting: ServerResponse[] = [];
  const replicas = await startReplicas(t, (_replica, response) => waiting.push(response), answerName);
  const names = new Names([A]);
  const server = await start(t, replicas, names);
  const before = [ask(server), ask(server, 'POST')];
  await until(() => waiting.length === 2, 'they are there');
  names.answer = [B];
  t.equal(await ask(server, 'POST'), 'b');
  for (const response of waiting) response.end('a, in the end');
  t.same(await Promise.all(before), ['a, in the end', 'a, in the end']);
  t.same(await askMany(server, 4), { b: 4 });
});

t.test('failures are remembered by address, while a name leads elsewhere, too', async (t) => {
  const replicas = await startReplicas(t, drop, answerName, answerName);
  const [sick] = replicas;
  const names = new Names([A, B]);
  const server = await start(t, replicas, names, { args: ['--fail-timeout', '1h'] });
  t.same(await askMany(server, 6), { b: 6 });
  names.answer = [B, C];
  await ask(server, 'POST');
  t.same(await askMany(server, 6, 'POST'), { b: 3, c: 3 });
  names.answer = [A, C];
  t.same(await askMany(server, 6, 'POST'), { c: 6 });
  t.same(sick?.asked, ['GET']);
});

t.test('several names, backups and addresses are one list', async (t) => {
  const replicas = await startReplicas(t, answerName, answerName, answerName);
  const [a] = replicas;
  const port = a?.port ?? 0;
  const leads: Record<string, string[]> = { one: [A], two: [B] };
  const lookUp = async (host: string): Promise<string[]> => leads[host] ?? [];
  const list = `one:${port},two:${port} backup,${C}:${port}`;
  const options = ['--root', t.testdir({}), '--upstream', list, '--fail-timeout', '1h'];
  const server = await startHere(t, options, {}, { lookUp });
  t.same(await askMany(server, 6), { a: 3, c: 3 });
  await a?.stop();
  t.same(await askMany(server, 4, 'POST'), { c: 4 });
  await replicas[2]?.stop();
  t.same(await askMany(server, 4), { b: 4 });
});

/** The servers of a list by themselves. */
function serversOf(
  t: Test,
  list: string,
  lookUp: LookUp,
  options: Readonly<Record<string, string>> = {},
): Servers {
  const { locations } = loadConfig({ root: t.testdir({}), upstream: [list], ...options }, {});
  const location = locations.find((each): each is UpstreamLocation => each.kind === 'upstream');
  if (location === undefined) throw new Error('no location of an app');
  const servers = new Servers(location, TIME_LIMITS.app, lookUp, pino({ level: 'silent' }));
  t.teardown(() => servers.close());
  return servers;
}

t.test('a name that is found helps those that wait for another, too', async (t) => {
  const silent = new Names(undefined);
  const found = new Names(undefined);
  const lookUp: LookUp = (host) => (host === 'silent' ? silent : found).lookUp(host);
  const servers = serversOf(t, 'silent:1,found:1', lookUp);
  const finding = Promise.all([servers.find([], true), servers.find([], false)]);
  found.speak([A]);
  t.same(
    (await finding).map((peer) => peer?.name),
    [`found:1 (${A})`, `found:1 (${A})`],
  );
});

t.test('who waits for an address does not wait for the lookups of those that come later', async (t) => {
  const fail: Record<string, () => void> = {};
  const lookUp: LookUp = (host) =>
    new Promise((_resolve, reject) => {
      fail[host] = () => reject(Object.assign(new Error('no'), { code: 'EAI_AGAIN' }));
    });
  const servers = serversOf(t, 'one:1,two:1', lookUp, { connectTimeout: '1h' });
  const first = servers.find([], false);
  fail['one']?.();
  await turn();
  const later = servers.find([], false);
  fail['two']?.();
  t.equal(await first, undefined, 'both names of then have been looked up');
  fail['one']?.();
  t.equal(await later, undefined);
  t.match(servers.failure(), { code: 'EAI_AGAIN' });
});

t.test('memory does not grow with the addresses that a name has led to', async (t) => {
  let number = 0;
  const lookUp = async (): Promise<string[]> => {
    number += 1;
    return [0, 1].map((last) => `10.${number >> 8}.${number & 255}.${last}`);
  };
  const servers = serversOf(t, 'app:1', lookUp, { failTimeout: '1h' });
  for (let round = 0; round < 1000; round++) {
    const peer = await servers.find([], false);
    if (peer === undefined) throw new Error('no server');
    if (round % 2 === 0) servers.peers.failed(peer, new Error('broken'));
  }
  t.ok(servers.known > 100, `${servers.known} addresses, as those that failed are remembered`);
  t.ok(servers.known < 300, `${servers.known} addresses`);
});
