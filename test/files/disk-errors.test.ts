// Errors that disks give, through the real command: each has its answer, is logged once, and the server goes on.
// EMFILE, EIO and the errors of names come from the real system. ESTALE, which only a network file system gives, an EIO in
// the middle of a file and one at its end are put between the server and `node:fs`.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import t from 'tap';
import { converse, wasReady } from '../support/conversation.js';
import { startHere } from '../support/here.js';
import { AN_HOUR_LATER } from '../support/later.js';
import { startLocations } from '../support/locations.js';
import { openDescriptors } from '../support/proc.js';
import { get, openConnection, type RawConnection, rawExchange, rawRequest } from '../support/raw.js';
import { type RunningServer, startServer } from '../support/server.js';
import { skipUnless } from '../support/skip.js';
import { MORE_THAN_BUFFERS } from '../support/slow-reader.js';
import { until } from '../support/until.js';

/** Lines about errors since the last call, once everything that was asked for up to now is in the log. */
async function complaints({ port, log, logged }: Pick<RunningServer, 'port' | 'log' | 'logged'>) {
  const marker = `/media/marker-${log.length}`;
  await rawRequest(port, get(marker));
  await logged((line) => line['target'] === marker && line['msg'] === 'request');
  const before = log.findLastIndex(
    ({ msg, target }) =>
      msg === 'request' && target !== marker && String(target).startsWith('/media/marker-'),
  );
  return log.slice(before + 1).filter(({ level }) => Number(level) > 30);
}

t.test('a name that cannot be one is 404, said at debug level once', async (t) => {
  const root = t.testdir({ 'file.txt': 'a file', 'after.txt': 'served' });
  symlinkSync('loop', join(root, 'loop'));
  symlinkSync('loop-2', join(root, 'loop-1'));
  symlinkSync('loop-1', join(root, 'loop-2'));
  const server = await startHere(t, ['--root', root, '--log-level', 'debug']);
  const cases: readonly (readonly [code: string, name: string])[] = [
    ['ENOENT', 'missing'],
    ['ENOENT', 'missing/deeper'],
    ['ENOTDIR', 'file.txt/deeper'],
    ['ENAMETOOLONG', 'x'.repeat(256)],
    ['ENAMETOOLONG', 'y/'.repeat(2500)],
    ['ELOOP', 'loop'],
    ['ELOOP', 'loop-1'],
    ['ELOOP', 'loop/deeper'],
  ];
  for (const [code, name] of cases) {
    const target = `/media/${name.replace(/\/$/, '/z')}`;
    t.equal((await rawRequest(server.port, get(target))).status, 404, `${code} ${name.slice(0, 20)}`);
    const path = join(root, target.slice('/media/'.length));
    await server.logged((line) => line['path'] === path);
    t.same(
      server.log.filter((line) => line['path'] === path).map((line) => [line['level'], line['reason']]),
      [[20, code]],
      `${code} ${name.slice(0, 20)}`,
    );
  }
  t.same(await complaints(server), [], 'a visitor can make such names: no reason to wake anybody');
  t.equal((await rawRequest(server.port, get('/media/after.txt'))).body.toString(), 'served');
});

t.test('FIFOs, sockets and devices are 404 and block nobody', async (t) => {
  const root = t.testdir({ 'after.txt': 'served' });
  execFileSync('mkfifo', [join(root, 'fifo')]);
  const listening = createServer();
  // Relative, since the name of a socket must be short.
  const before = process.cwd();
  process.chdir(root);
  await new Promise<void>((resolve) => listening.listen('socket', resolve));
  process.chdir(before);
  t.teardown(() => listening.close());
  const server = await startHere(t, ['--root', root, '--mount', '/devices/=/dev', '--symlinks', 'follow']);
  const conversation = await converse(t, server.port);
  const devices = ['null', 'zero', 'random', 'tty'].filter((name) => existsSync(`/dev/${name}`));
  const targets = ['/media/fifo', '/media/socket', ...devices.map((name) => `/devices/${name}`)];
  for (const target of targets) {
    for (const method of ['GET', 'HEAD'])
      t.equal((await conversation.ask(target, [], method)).status, 404, `${method} ${target}`);
    t.equal((await conversation.ask('/media/after.txt')).body.toString(), 'served', `behind ${target}`);
  }
});

t.test(
  'without a free descriptor a file is 503 with Retry-After, logged at a bounded rate, and there again when one is free',
  { skip: withoutLimits() },
  async (t) => {
    const root = t.testdir({ 'small.txt': 'small', 'kept.txt': 'kept' });
    writeFileSync(join(root, 'large.bin'), Buffer.alloc(MORE_THAN_BUFFERS));
    const server = await startServer(t, ['--root', root], { node: AN_HOUR_LATER });
    const asker = await converse(t, server.port);
    await asker.ask('/media/kept.txt');
    t.ok(wasReady(await asker.ask('/media/kept.txt')), 'it is cached');
    const before = connections(server);
    const readers: RawConnection[] = [];
    for (let index = 0; index < 12; index++) readers.push(await openConnection(t, server.port));
    await until(() => connections(server) === before + 12, 'the server has taken the connections');
    // Room for a few files; then a slow download on each connection.
    execFileSync('prlimit', ['--pid', String(server.process.pid), `--nofile=${used(server) + 4}`]);
    const statuses = new Set<string>();
    let refusals = 0;
    for (const { socket, until: received } of readers) {
      socket.write('GET /media/large.bin HTTP/1.1\r\nHost: example.org\r\n\r\n');
      const status = (await received((text) => text.includes('\r\n\r\n'))).slice(9, 12);
      statuses.add(status);
      if (status === '503') refusals += 1;
      socket.pause();
    }
    t.same([...statuses], ['200', '503'], 'some are served, the rest are refused');

    const refused = await asker.ask('/media/small.txt');
    t.equal(refused.status, 503);
    t.match(refused.headers['retry-after'], /^[1-9]\d*$/);
    t.equal(refused.headers['cache-control'], 'no-store');
    t.notMatch(refused.body.toString(), root);
    t.equal((await asker.ask('/media/missing')).status, 503, 'nor can be told whether a file is there');
    t.equal((await asker.ask('/media/kept.txt')).body.toString(), 'kept', 'what is in memory needs none');

    for (const { socket } of readers) socket.destroy();
    await until(() => connections(server) === before, 'the descriptors are free again');
    t.equal((await asker.ask('/media/small.txt')).body.toString(), 'small', 'the same connection goes on');
    t.equal((await rawRequest(server.port, get('/media/small.txt'))).status, 200, 'and new ones are taken');
    const lines = await complaints(server);
    t.same(
      lines.map(({ target, code, times }) => ({ target, code, times })),
      [{ target: '/media/large.bin', code: 'MEDIA_SERVE_BUSY', times: 1 }],
      'one line at once',
    );
    t.match(lines[0]?.['msg'], /EMFILE.*ulimit -n/, 'with the cure');
    await server.stop();
    t.match(
      server.log.filter(({ level }) => Number(level) > 30).slice(1),
      [{ target: '/media/missing', code: 'MEDIA_SERVE_BUSY', times: refusals + 1 }],
      'and later one more, with the number since',
    );
  },
);

t.test(
  'a connection that comes while no descriptor is free does not end the server',
  { skip: withoutLimits() },
  async (t) => {
    const root = t.testdir({ 'first.txt': 'first', 'small.txt': 'small' });
    const server = await startServer(t, ['--root', root]);
    const asker = await converse(t, server.port);
    // Not the one that is asked for below: on a machine that is slow enough it would be in memory by then.
    t.equal((await asker.ask('/media/first.txt')).status, 200);
    execFileSync('prlimit', ['--pid', String(server.process.pid), '--nofile=5:1024']);
    // The kernel completes them; they are closed by the server, or wait until it can take them.
    const early = Array.from({ length: 20 }, () => rawExchange(server.port, get('/media/small.txt')));
    t.equal((await asker.ask('/media/small.txt')).status, 503);
    execFileSync('prlimit', ['--pid', String(server.process.pid), '--nofile=1024:1024']);
    for (const received of await Promise.all(early))
      t.match(received.toString('latin1'), /^(?:$|HTTP\/1\.1 (?:200|503) )/);
    t.equal((await rawRequest(server.port, get('/media/small.txt'))).status, 200);
    for (const { code } of await complaints(server)) t.equal(code, 'MEDIA_SERVE_BUSY');
  },
);

const used = (server: RunningServer): number => openDescriptors(server.process.pid).length;
const connections = (server: RunningServer): number =>
  openDescriptors(server.process.pid).filter((name) => name.startsWith('socket:')).length;

function withoutLimits(): string | false {
  const { status } = spawnSync('prlimit', ['--version']);
  return skipUnless(status === 0, 'there is no prlimit here');
}

/** A file of Linux that is there, has a size, and cannot be read: a real EIO without a broken disk. */
const UNREADABLE = '/sys/devices/system/cpu/cpu0/power/autosuspend_delay_ms';

/** Files of sysfs say that they have 4096 bytes and give less. */
const SHORT = '/sys/devices/system/cpu/online';

/** A server that fails as a disk does, for files with certain names. */
const [failing, site] = await (async () => {
  const site = t.testdir({
    small: { 'eio.bin': 'x'.repeat(1000) },
    large: { 'eio.bin': 'x'.repeat(1e6), 'eio-later.bin': 'x'.repeat(2 * 1024 * 1024) },
    'close-root': {
      'close-small.txt': 'small',
      'close-large.bin': 'x'.repeat(1e6),
      'close-style.css': 'a style that is longer than its sibling',
      'close-style.css.gz': 'sibling',
      'close-directory': {},
    },
    stale: { 'stale-once.txt': 'fresh', 'stale-twice.txt': 'there at the third attempt' },
  });
  const large = join(site, 'large');
  const locations = [
    { prefix: '/small/', root: join(site, 'small') },
    { prefix: '/large/', root: large },
    { prefix: '/copied/', root: large, sendfile: false },
    { prefix: '/stale/', root: join(site, 'stale') },
    { prefix: '/close/', root: join(site, 'close-root'), precompressed: ['gz'] },
    ...[UNREADABLE, SHORT]
      .filter(existsSync)
      .map((path) => ({ prefix: `/${basename(path)}/`, root: dirname(path) })),
  ];
  const server = await startLocations(
    t,
    locations.map((location) => ({ kind: 'media', ...location })),
    [],
    { node: failingDisk() },
  );
  return [server, site];
})();

t.test(
  'a disk that fails is 500, logged once with the path, and not called a defect of this server',
  async (t) => {
    const cases: readonly (readonly [
      what: string,
      skip: string | false,
      prefix: string,
      root: string,
      name: string,
    ])[] = [
      ['EIO from a real file', skipReal(), basename(UNREADABLE), dirname(UNREADABLE), basename(UNREADABLE)],
      ['EIO on the first read', false, 'small', join(site, 'small'), 'eio.bin'],
      ['EIO on the first read of a large file', false, 'large', join(site, 'large'), 'eio.bin'],
      ['so without sendfile', false, 'copied', join(site, 'large'), 'eio.bin'],
    ];
    for (const [what, skip, prefix, root, name] of cases) {
      await t.test(what, { skip }, async (t) => {
        for (const fields of [[], ['Range: bytes=0-9'], ['Range: bytes=0-300,400-400000']]) {
          const { status, headers, body } = await rawRequest(failing.port, get(`/${prefix}/${name}`, fields));
          t.equal(status, 500);
          t.equal(headers['cache-control'], 'no-store');
          t.notMatch(body.toString(), root, 'the client learns nothing about the disk');
        }
        const lines = await complaints(failing);
        t.equal(lines.length, 3, 'one line for each request');
        for (const line of lines) {
          t.equal(line['code'], 'MEDIA_SERVE_READ_FAILED');
          t.match(line['msg'], join(root, name));
          t.match(line['msg'], 'EIO');
        }
      });
    }
  },
);

/** `skipUnless` throws where CI is set; not every machine with CI has this file, and the next case stands in for it. */
function skipReal(): string | false {
  return existsSync(UNREADABLE) ? false : `there is no ${UNREADABLE}`;
}

t.test(
  'a disk that fails in the middle of a large file ends the connection, and is logged once',
  async (t) => {
    const { status, headers, body } = await rawRequest(failing.port, get('/copied/eio-later.bin'));
    t.equal(status, 200);
    t.equal(headers['content-length'], String(2 * 1024 * 1024));
    t.ok(body.length < 2 * 1024 * 1024, 'it ends short');
    t.equal(body.toString('latin1').replace(/^x*/, ''), '', 'nothing else stands in it');
    const lines = await complaints(failing);
    t.equal(lines.length, 1);
    t.equal(lines[0]?.['code'], 'MEDIA_SERVE_READ_FAILED');
    const line = failing.log.find(
      ({ target, msg }) => target === '/copied/eio-later.bin' && msg === 'request',
    );
    t.equal(line?.['aborted'], true, 'the access log tells that it was cut');
  },
);

t.test(
  'a file that is shorter than it says is a 500 and never padded',
  { skip: skipUnless(existsSync(SHORT), `there is no ${SHORT}`) },
  async (t) => {
    t.equal((await rawRequest(failing.port, get(`/${basename(SHORT)}/${basename(SHORT)}`))).status, 500);
    const lines = await complaints(failing);
    t.same(
      lines.map(({ code }) => code),
      ['MEDIA_SERVE_TRUNCATED'],
    );
  },
);

t.test('a handle that went stale is opened once more, and only once', async (t) => {
  const { status, body } = await rawRequest(failing.port, get('/stale/stale-once.txt'));
  t.equal(status, 200);
  t.equal(body.toString(), 'fresh');
  t.same(await complaints(failing), [], 'nobody needs to know');
  t.equal((await rawRequest(failing.port, get('/stale/stale-twice.txt'))).status, 500);
  const lines = await complaints(failing);
  t.equal(lines.length, 1);
  t.match(lines[0]?.['msg'], /stale-twice\.txt.*ESTALE/);
  t.equal(failing.process.exitCode, null, 'the server has gone on behind all of them');
});

t.test('a file system that fails at the end of reading costs no answer', async (t) => {
  symlinkSync('../small/eio.bin', join(site, 'close-root/close-out.bin'));
  symlinkSync('close-small.txt', join(site, 'close-root/close-link.txt'));
  const before = used(failing);
  const style = ['Accept-Encoding: gzip'];
  const cases: readonly (readonly [name: string, fields: readonly string[], status: number, body: string])[] =
    [
      ['close-small.txt', [], 200, 'small'],
      ['close-small.txt', ['Range: bytes=1-2'], 206, 'ma'],
      ['close-link.txt', [], 200, 'small'],
      ['close-large.bin', [], 200, 'x'.repeat(1e6)],
      ['close-large.bin', ['Range: bytes=10-299999'], 206, 'x'.repeat(299_990)],
      ['close-style.css', style, 200, 'sibling'],
      ['close-style.css', [...style, 'If-None-Match: *'], 304, ''],
    ];
  for (const round of ['first', 'again']) {
    for (const [name, fields, status, content] of cases) {
      const { status: answered, body } = await rawRequest(failing.port, get(`/close/${name}`, fields));
      t.equal(answered, status, `${name} ${fields.join()} ${round}`);
      t.ok(body.equals(Buffer.from(content)), `${name} ${fields.join()} ${round}`);
    }
    for (const name of ['close-out.bin', 'close-directory', 'close-missing']) {
      const { status } = await rawRequest(failing.port, get(`/close/${name}`));
      t.equal(status, 404, `${name} ${round}: what it would be anyway`);
    }
  }
  t.same(await complaints(failing), [], 'nobody needs to know');
  await until(() => used(failing) === before, 'and nothing is left open');
});

/**
 * Loads a module before the server, in whose process `node:fs` then fails for files with certain names, as it does on a
 * bad disk or a network file system.
 */
function failingDisk(): string[] {
  const script = `
    import fs from 'node:fs';
    import { syncBuiltinESMExports } from 'node:module';
    const { closeSync, openSync, readSync } = fs;
    const names = new Map();
    const attempts = new Map();
    const fail = (code) => Object.assign(new Error(code), { code });
    fs.openSync = (path, ...rest) => {
      const name = String(path).split('/').pop();
      const attempt = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, attempt);
      if (name === 'stale-once.txt' && attempt === 1) throw fail('ESTALE');
      if (name === 'stale-twice.txt' && attempt <= 2) throw fail('ESTALE');
      const descriptor = openSync(path, ...rest);
      names.set(descriptor, name);
      return descriptor;
    };
    fs.readSync = (descriptor, buffer, offset, length, position) => {
      if (names.get(descriptor) === 'eio.bin') throw fail('EIO');
      if (names.get(descriptor) === 'eio-later.bin' && position > 0) throw fail('EIO');
      return readSync(descriptor, buffer, offset, length, position);
    };
    fs.closeSync = (descriptor) => {
      closeSync(descriptor);
      if (names.get(descriptor)?.startsWith('close-')) throw fail('EIO');
    };
    syncBuiltinESMExports();
  `;
  return ['--import', `data:text/javascript,${encodeURIComponent(script)}`];
}
