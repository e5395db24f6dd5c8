// An app's address that is this server's own is refused at the start, however either of them is written.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { parseListenAddress } from '../../src/config/address.js';
import type { Server } from '../../src/http1/server.js';
import { loadConfig } from '../../src/index.js';
import { listen } from '../../src/server/listen.js';
import { type Resolver, refuseOwnAddress } from '../../src/server/own-address.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';
import { socketDirectory } from '../support/unix.js';

const NAMES: Readonly<Record<string, readonly string[]>> = {
  localhost: ['127.0.0.1', '::1'],
  LOCALHOST: ['127.0.0.1', '::1'],
  '127.1': ['127.0.0.1'],
  app: ['192.0.2.77'],
  several: ['192.0.2.77', '127.0.0.1'],
};
const resolver: Resolver = {
  lookUp: async (name) => {
    const found = NAMES[name];
    if (found === undefined) throw Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
    return found;
  },
  patience: 60_000,
};

/** Whether the app's address is refused to who listens there. */
async function isRefused(listening: string, upstream: string, by = resolver): Promise<boolean> {
  const config = loadConfig({ listen: listening, upstream }, {});
  return await refuseOwnAddress(config, config.listen, by).then(
    () => false,
    (error: { code: string }) => error.code === 'MEDIA_SERVE_BAD_VALUE',
  );
}

const interfaces = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
const ofInterfaces = (family: string): string[] =>
  interfaces.filter((each) => each.family === family).map(({ address }) => address);
const inBrackets = (address: string): string => `[${address}]:8391`;
const IPV4 = ['127.0.0.1', '127.9.9.9', '127.1', '0.0.0.0', ...ofInterfaces('IPv4')].map(
  (host) => `${host}:8391`,
);
const MAPPED = ['[::ffff:127.0.0.1]:8391', '[::ffff:7f00:1]:8391', '[::ffff:0.0.0.0]:8391'];
const IPV6 = ['::1', '0:0::0:1', '::', ...ofInterfaces('IPv6')].map(inBrackets);
const ANY = [
  ':8391',
  'http://localhost:8391/',
  'LOCALHOST:8391',
  'several:8391',
  '127.0.0.2:1,:8391',
  ':1,:8391 backup',
];
const ELSEWHERE = [
  ':8392',
  '192.0.2.99:8391',
  'app:8391',
  'unknown:8391',
  '[2001:db8::9]:8391',
  'unix:/8391',
];

for (const [listening, refused, taken] of [
  ['8391', [...ANY, ...IPV4, ...IPV6, ...MAPPED], ELSEWHERE],
  ['[::]:8391', [...ANY, ...IPV4, ...IPV6, ...MAPPED], ELSEWHERE],
  ['0.0.0.0:8391', [...ANY, ...IPV4, ...MAPPED], [...ELSEWHERE, ...IPV6]],
  [
    '127.0.0.1:8391',
    [...ANY, '127.1:8391', '0.0.0.0:8391', ...MAPPED],
    [...ELSEWHERE, ...IPV6, '127.9.9.9:8391'],
  ],
  ['[::ffff:127.0.0.1]:8391', [...ANY, ...MAPPED], [...ELSEWHERE, ...IPV6]],
  ['[::1]:8391', ['localhost:8391', '[::1]:8391', '[::]:8391'], [...ELSEWHERE, ':8391', ...MAPPED]],
  ['localhost:8391', [...ANY, '[::1]:8391', '127.0.0.1:8391'], ELSEWHERE],
  ['several:8391', ['app:8391', 'several:8391', ':8391', '127.0.0.1:8391'], ['[::1]:8391']],
  [':0', [], [':8391', 'localhost:8391']],
  ['unix:/run/8391.sock', ['unix:/run/../run//8391.sock', 'unix:///run/8391.sock'], [...ANY, ...ELSEWHERE]],
] as const) {
  t.test(`who listens on ${listening} has itself`, async (t) => {
    for (const upstream of refused) t.ok(await isRefused(listening, upstream), `at ${upstream}`);
    for (const upstream of taken) t.notOk(await isRefused(listening, upstream), `not at ${upstream}`);
  });
}

t.test('the start waits for no name', async (t) => {
  const asked: string[] = [];
  const silent: Resolver = {
    lookUp(name) {
      asked.push(name);
      return new Promise(() => {});
    },
    patience: 1,
  };
  t.notOk(await isRefused(':8391', 'slow:8392,127.0.0.2:8392', silent));
  t.same(asked, [], 'the port tells enough');
  t.notOk(await isRefused(':8391', 'slow:8391', silent));
  t.same(asked, ['slow']);
});

t.test('the refusal is one line, and tells who gave either address', async (t) => {
  const root = t.testdir({ files: {}, 'a.json': '' });
  const end = 'so that every request would come back to it; start the app at another address, such as';
  const { code, stderr } = await runCommand(['--root', root, '--upstream', ':8391'], {
    env: { PORT: '8391' },
  });
  t.equal(code, 2);
  t.match(
    stderr,
    `media-serve: --upstream: :8391 is where this server itself listens (:8391, by PORT), ${end} :8000,`,
  );
  t.match(stderr, /^[^\n]+\(--listen\)\n$/);
  const locations = [{ kind: 'upstream', prefix: '/', upstream: ['localhost:8000'] }];
  writeFileSync(join(root, 'a.json'), JSON.stringify({ listen: 8000, locations }));
  await t.rejects(
    refuseOwnAddress(loadConfig({ config: join(root, 'a.json') }, {}), parseListenAddress('8000')),
    {
      message: `${join(root, 'a.json')}: locations[0]: localhost:8000 is where this server itself listens (:8000, by ${join(root, 'a.json')}: listen), ${end} :8001,`,
    },
  );
  const environment = { MEDIA_SERVE_UPSTREAM: `${hostname()}:8080` };
  const asIs: Resolver = { ...resolver, lookUp: async () => ['127.0.0.1'] };
  await t.rejects(refuseOwnAddress(loadConfig({}, environment), parseListenAddress('8080'), asIs), {
    message: `MEDIA_SERVE_UPSTREAM: ${hostname()}:8080 is where this server itself listens (:8080, by the default of --listen), `,
  });
});

t.test('also where the app listens there already', async (t) => {
  const app = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => app.once('listening', resolve));
  t.teardown(() => app.close());
  const address = `127.0.0.1:${(app.address() as { port: number }).port}`;
  const started = startHere(t, ['--root', t.testdir({}), '--listen', address, '--upstream', address]);
  await t.rejects(started, { message: /itself listens/ });
});

t.test('a socket is known by any path', async (t) => {
  const directory = socketDirectory(t);
  mkdirSync(join(directory, 'run'));
  symlinkSync('run', join(directory, 'other'));
  symlinkSync('run/a.sock', join(directory, 'link'));
  const root = t.testdir({});
  const startWith = (name: string) =>
    startHere(t, [
      '--root',
      root,
      '--listen',
      `unix:${directory}/run/a.sock`,
      '--upstream',
      `unix:${directory}/${name}`,
    ]);
  for (const name of ['run/a.sock', 'run/../run/a.sock', 'other/a.sock', 'link']) {
    await t.rejects(startWith(name), { message: /itself listens/ }, name);
  }
  await t.resolves(startWith('run/b.sock'));
});

t.test('the port that the system chooses may turn out to be the app’s', async (t) => {
  let isOpen = false;
  const server = {
    address: () => ({ address: '127.0.0.1', family: 'IPv4', port: 8391 }),
  } as unknown as Server;
  const app = {
    listen: async () => {
      isOpen = true;
    },
    close: async () => {
      isOpen = false;
    },
  } as unknown as FastifyInstance;
  const config = loadConfig({ listen: '127.0.0.1:0', upstream: '127.0.0.1:8391' }, {});
  await t.rejects(listen({ app, server }, config), {
    message: /127.0.0.1:8391 is where this server itself listens/,
  });
  t.notOk(isOpen, 'it does not go on listening');
});
