// A file system that hangs stops nothing else: neither the app, nor another root, nor the end of the server, nor its start.
// It is a real one (FUSE), which is found out without being told (`--disk-io auto`); calls hang until the test releases
// them. How long others take meanwhile, and beside nginx, is in nginx/hanging-disk.ts.
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.js';
import { spawnChild } from '../support/child.js';
import { runCommand } from '../support/command.js';
import { type HangingDisk, startHangingDisk, withoutHangingDisk } from '../support/hanging-disk.js';
import { amongMountsOf } from '../support/mounts.js';
import { NODE, NODE_ARGUMENTS } from '../support/node.js';
import { openFilesAndSockets } from '../support/proc.js';
import { get, openConnection, rawRequest } from '../support/raw.js';
import { CLI, type LogLine, type RunningServer, startServer } from '../support/server.js';
import { steady, until } from '../support/until.js';

/** Requests at once for what hangs. */
const MANY = 40;
const LARGE = 4 * 1024 * 1024;
/** How often others must at least have answered before the first call that hangs is given up: once, if they waited. */
const MEANWHILE = 3;
/** In milliseconds: far more than the end ever takes, and less than for ever. */
const END = 20_000;

interface Site {
  readonly server: RunningServer;
  readonly disk: HangingDisk;
}

async function startDisk(t: Test): Promise<HangingDisk> {
  const root = t.testdir({ photos: {} });
  for (let number = 0; number < MANY; number++) writeFileSync(join(root, `photos/${number}.jpg`), 'a photo');
  for (const name of ['large.bin', 'photos/late.jpg', 'photos/next.jpg', 'late.html', 'log'])
    writeFileSync(join(root, name), name);
  closeSync(openSync(join(root, 'large.bin'), 'w'));
  truncateSync(join(root, 'large.bin'), LARGE);
  return startHangingDisk(t, { of: root });
}

async function startSite(t: Test, disk: HangingDisk, more: readonly string[] = []): Promise<Site> {
  const local = t.testdir({ 'style.css': 'a style' });
  const app = await startApp(t, (_request, response) => {
    // What is kept open to the app is no part of what is counted.
    response.writeHead(200, { Connection: 'close', 'Content-Length': 7 }).end('the app');
  });
  const roots = ['--root', disk.path, '--static-root', local, '--upstream', app.address];
  const limits = ['--disk-timeout', '2s', '--shutdown-timeout', '300ms'];
  return { server: await startServer(t, [...roots, ...limits, ...more], { wrap: disk.within }), disk };
}

const status = async ({ server }: Site, target: string): Promise<number> =>
  (await rawRequest(server.port, get(target))).status;

/** What the app and the other root answer, asked one after the other. */
async function others({ server: { port } }: Site): Promise<string> {
  const [app, other] = [await rawRequest(port, get('/')), await rawRequest(port, get('/static/style.css'))];
  return `${app.body}, ${other.body}`;
}
const OTHERS = 'the app, a style';

/** Asks the others again and again until something has come to pass; resolves with how often they answered before. */
async function othersUntil(t: Test, site: Site, isOver: () => boolean): Promise<number> {
  const answers = new Set<string>();
  for (let times = 0; ; times++) {
    answers.add(await others(site));
    if (isOver()) {
      t.same([...answers], [OTHERS]);
      return times;
    }
    await pause(10);
  }
}

const names =
  (path: string) =>
  (line: LogLine): boolean =>
    Number(line['level']) >= 40 && JSON.stringify(line).includes(path);

const held = ({ server }: Site): number => openFilesAndSockets(server.process.pid).length;

t.test('a file system that hangs', { skip: withoutHangingDisk() }, async (t) => {
  const disk = await startDisk(t);

  await t.test('stops nothing but what is asked of it', async (t) => {
    const site = await startSite(t, disk);
    const { server } = site;
    await until(async () => (await status(site, '/media/photos/next.jpg')) === 200, 'it is served');
    t.equal(await others(site), OTHERS);
    const before = held(site);

    await t.test('opening: 503 or 504, and 200 when it is back', async (t) => {
      await disk.hang({ call: 'open', below: 'photos' });
      const photos = Array.from({ length: MANY }, (_, number) => `/media/photos/${number}.jpg`);
      const statuses: number[] = [];
      const hung = photos.map(async (photo) => statuses.push(await status(site, photo)));
      await until(async () => (await disk.waiting()) > 0, 'it hangs');
      const times = await othersUntil(t, site, () => statuses.includes(504));
      t.ok(times >= MEANWHILE, `others were answered ${times} times before the first one is given up`);
      await Promise.all(hung);
      t.same(
        statuses.filter((each) => each !== 503 && each !== 504),
        [],
      );
      t.comment(`${statuses.filter((each) => each === 504).length} × 504 of ${MANY}`);
      await server.logged(names(join(disk.path, 'photos/')));
      t.ok((await disk.waiting()) > 0, 'it hangs all the time');
      t.equal(await others(site), OTHERS);

      await disk.release();
      // One by one: on a busy machine a thread may not get its turn in time.
      for (const photo of photos)
        await until(async () => (await status(site, photo)) === 200, `${photo} is back`);
    });

    await t.test('reading: what has begun is cut off', async (t) => {
      await disk.hang({ call: 'read', below: 'large.bin', from: LARGE / 2 });
      const connection = await openConnection(t, server.port);
      let isOver = false;
      connection.socket.once('close', () => {
        isOver = true;
      });
      connection.socket.write(get('/media/large.bin'));
      await until(async () => (await disk.waiting()) > 0, 'it hangs');
      const times = await othersUntil(t, site, () => isOver);
      t.ok(times >= MEANWHILE, `others were answered ${times} times before it is cut off`);
      const received = await connection.closed();
      t.match(received, /^HTTP\/1\.1 200 /);
      t.ok(received.length < LARGE, `${received.length} bytes have arrived`);
      await server.logged(names(join(disk.path, 'large.bin')));
      await disk.release();
      const whole = async (): Promise<boolean> =>
        (await rawRequest(server.port, get('/media/large.bin'))).body.length === LARGE;
      await until(whole, 'it is served again');
    });

    await t.test('what was opened too late is closed', async (t) => {
      t.ok((await steady(() => held(site))) <= before);
      t.equal((await disk.state()).open, 0);
    });

    await t.test('SIGTERM: it ends while calls hang', async (t) => {
      await disk.hang({ call: 'any' });
      const hung = Array.from({ length: 4 }, async (_, number) => {
        const connection = await openConnection(t, server.port);
        connection.socket.write(get(`/media/photos/${number}.jpg`));
        return connection.closed();
      });
      await until(async () => (await disk.waiting()) > 0, 'they hang');
      const start = performance.now();
      const ended = await Promise.race([server.stop().then(() => true), pause(END, false, { ref: false })]);
      t.ok(ended, `it has ended in ${Math.round(performance.now() - start)} ms`);
      await disk.release();
      await Promise.all(hung);
    });
  });

  await t.test('nor a root that has to keep its files apart from what hangs', async (t) => {
    const local = t.testdir({
      'style.css': 'a style',
      shared: {},
      private: { 'p.css': 'secret' },
      later: { 'l.css': 'open' },
    });
    // The mount is no end of what is protected: a link there may lead to the local root again.
    symlinkSync(join(local, 'private'), join(disk.path, 'to-private'));
    symlinkSync(join(disk.path, 'photos/late.jpg'), join(local, 'link.css'));
    const app = await startApp(t, (_request, response) => {
      response.writeHead(200, { Connection: 'close', 'Content-Length': 7 }).end('the app');
    });
    const internal = ['/p/=photos', '/q/=to-private', '/r/=to-later'].flatMap((rule) => {
      const [url, below] = rule.split('=');
      return ['--internal', `${url}=${join(disk.path, below ?? '')}`];
    });
    const args = ['--static-root', local, ...internal, '--upstream', app.address, '--symlinks', 'follow'];
    const limits = ['--disk-timeout', '2s', '--shutdown-timeout', '300ms'];
    const server = await startServer(t, [...args, ...limits], { wrap: disk.within });
    const site = { server, disk };
    const answer = async (name: string, { port } = server): Promise<string> => {
      const { status, body } = await rawRequest(port, get(`/static/${name}`));
      return status === 200 ? body.toString() : String(status);
    };
    t.equal(await others(site), OTHERS);
    t.equal(await answer('private/p.css'), '404', 'behind a link of the other disk it is protected');
    t.equal(await answer('link.css'), '404', 'so is what a link leads to there');
    t.equal(await answer('later/l.css'), 'open');
    symlinkSync(join(local, 'later'), join(disk.path, 'to-later'));
    await until(
      async () => (await answer('later/l.css')) === '404',
      'and what a link leads to that is made later',
    );

    await disk.hang({ call: 'any' });
    for (let times = 0; times < MEANWHILE; times++) t.equal(await others(site), OTHERS);
    t.equal(await answer('private/p.css'), '404');
    writeFileSync(join(local, 'new.css'), 'new');
    t.equal(await answer('new.css'), 'new');
    t.equal(await answer('later/l.css'), '404');
    const another = await startServer(t, [...args, ...limits], { wrap: disk.within });
    t.equal(await answer('style.css', another), 'a style', 'also of a server that is started now');
    // One for each protected root of each server, and that of the second one's start.
    t.ok((await disk.waiting()) <= 7, 'no more calls hang, however often others are asked');
    await disk.release();
    for (const name of ['private/p.css', 'later/l.css'])
      await until(async () => (await answer(name, another)) === '404', 'it has found out what is protected');
    await another.stop();

    // What is on the other disk comes to be in the root.
    amongMountsOf(server.process.pid, `mount --bind ${disk.path}/photos ${local}/shared`);
    t.equal(await answer('shared/0.jpg'), '404', 'it is protected wherever it is mounted');
    t.equal(await answer('style.css'), 'a style');
    await server.logged((line) => String(line['msg']).includes('shares one with a protected location'));
    t.equal(await answer('shared/0.jpg'), '404');
  });

  await t.test('nor, by an order for its files, what the app has for others', async (t) => {
    const local = t.testdir({ 'style.css': 'a style' });
    const app = await startApp(t, ({ url = '' }, response) => {
      if (url !== '/') response.setHeader('X-Sendfile', join(disk.path, url));
      response.writeHead(200, { Connection: 'close', 'Content-Length': 7 }).end('the app');
    });
    const roots = ['--internal', `/p/=${disk.path}`, '--static-root', local, '--upstream', app.address];
    const limits = ['--disk-timeout', '2s', '--shutdown-timeout', '300ms'];
    const server = await startServer(t, [...roots, ...limits], { wrap: disk.within });
    const site = { server, disk };
    // With a percent sign it may be encoded, which only a look at the disk tells.
    const order = '/photos/next%2ejpg';
    t.equal(await status(site, order), 200);
    await disk.hang({ call: 'any' });
    let answered = 0;
    const hung = Promise.all(
      Array.from({ length: 4 }, async () => {
        const given = await status(site, order);
        answered += 1;
        return given;
      }),
    );
    await until(async () => (await disk.waiting()) > 0, 'it hangs');
    const times = await othersUntil(t, site, () => answered === 4);
    t.ok(times >= MEANWHILE, `others were answered ${times} times meanwhile`);
    for (const given of await hung) t.match(String(given), /^50[34]$/);
    await disk.release();
  });

  await t.test('nor does a log on it', async (t) => {
    const log = join(disk.path, 'log');
    writeFileSync(log, '');
    const app = await startApp(t, (_request, response) => {
      response.writeHead(200, { Connection: 'close', 'Content-Length': 7 }).end('the app');
    });
    const args = ['--listen', '127.0.0.1:0', '--log-format', 'json', '--upstream', app.address];
    const [program = '', ...rest] = [...disk.within, 'sh', '-c', 'exec "$@" >>"$0"', log];
    const command = [NODE, ...NODE_ARGUMENTS, CLI, ...args, '--shutdown-timeout', '300ms'];
    const child = spawnChild(program, [...rest, ...command], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    t.teardown(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    const listening = /"address":"http:\/\/127\.0\.0\.1:(\d+)/;
    await until(() => listening.test(readFileSync(log, 'utf8')), 'it listens');
    const port = Number(listening.exec(readFileSync(log, 'utf8'))?.[1]);
    const ask = async (): Promise<string> => (await rawRequest(port, get('/'))).body.toString();
    await disk.hang({ call: 'write' });
    await until(async () => (await ask()) === 'the app' && (await disk.waiting()) > 0, 'its log hangs');
    for (let times = 0; times < MEANWHILE; times++) t.equal(await ask(), 'the app');
    const start = performance.now();
    child.kill('SIGTERM');
    await Promise.race([ended, pause(END, undefined, { ref: false })]);
    const time = Math.round(performance.now() - start);
    t.ok(time < END, `it has ended in ${time} ms`);
    await disk.release();
  });

  await t.test('nor what could not start from ending', async (t) => {
    const local = t.testdir({ 'style.css': 'a style' });
    const taken = await startApp(t, (_request, response) => response.end());
    await disk.hang({ call: 'any' });
    const listen = ['--listen', `127.0.0.1:${taken.port}`];
    const start = performance.now();
    const { stderr } = await runCommand(
      [...listen, '--root', disk.path, '--static-root', local, '--upstream', ':9', '--disk-timeout', '300ms'],
      { wrap: disk.within },
    );
    t.match(stderr, /^media-serve: .* is taken by another process/);
    const time = Math.round(performance.now() - start);
    t.ok(time < END, `it has ended in ${time} ms`);
    await disk.release();
  });

  await t.test('does not keep a server from starting', async (t) => {
    await disk.hang({ call: 'any' });
    const site = await startSite(t, disk, ['--error-page', `404=${join(disk.path, 'late.html')}`]);
    t.equal(await others(site), OTHERS);
    t.match(String(await status(site, '/media/photos/0.jpg')), /^50[34]$/);
    const page = async (): Promise<string> =>
      (await rawRequest(site.server.port, get('/static/missing'))).body.toString();
    t.match(await page(), /^404 Not Found\n/, "a page of its own, while the operator's cannot be read");
    t.ok((await disk.waiting()) > 0, 'it hangs all the time');
    t.equal(await others(site), OTHERS);
    await disk.release();
    await until(async () => (await status(site, '/media/photos/0.jpg')) === 200, 'the root is there');
    await until(async () => (await page()) === 'late.html', 'the page is there');
  });
});
