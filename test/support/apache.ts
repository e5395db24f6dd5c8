/**
 * Starts a real Apache (Debian's apache2-bin) on ports that were free a moment ago, as one process in the foreground, with
 * everything it writes in a folder of its own, as whichever user runs the tests.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { spawnChild } from './child.js';
import { freePorts } from './port.js';
import { skipUnless } from './skip.js';
import { until } from './until.js';
import { PLAIN_USER } from './user.js';

/** Debian keeps it where an ordinary user's PATH does not lead. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`;
const MODULES = '/usr/lib/apache2/modules';

/** What sites before Django ask for, in an order in which they can be loaded. */
const LOADED = [
  ...[
    'mpm_event',
    'authn_core',
    'authz_core',
    'access_compat',
    'authz_host',
    'authz_user',
    'authn_file',
    'auth_basic',
  ],
  ...[
    'alias',
    'dir',
    'mime',
    'env',
    'setenvif',
    'headers',
    'expires',
    'rewrite',
    'negotiation',
    'autoindex',
    'filter',
    'deflate',
  ],
  ...[
    'proxy',
    'proxy_http',
    'slotmem_shm',
    'proxy_balancer',
    'lbmethod_byrequests',
    'lbmethod_bybusyness',
    'remoteip',
  ],
  ...['reqtimeout', 'socache_shmcb', 'ssl'],
];

/** Endings of names with their types: Debian's own list is in another package. */
const TYPES = `text/plain txt\ntext/html html\ntext/css css\ntext/javascript js\nimage/jpeg jpg jpeg\nimage/png png
image/svg+xml svg\napplication/pdf pdf\napplication/json json\nfont/woff2 woff2\napplication/octet-stream bin\n`;

/** For tap's `skip`: the reason when Apache is not there, `false` when it is. Where CI is set, its absence throws. */
export async function withoutApache(): Promise<string | false> {
  const isThere = await promisify(execFile)('apache2', ['-v'], { env: { PATH } }).then(
    () => true,
    () => false,
  );
  return skipUnless(isThere, 'apache2 is not installed (Debian: apt-get install apache2-bin)');
}

/**
 * Starts Apache with this configuration behind what a whole server needs, and resolves when it answers. It is stopped when
 * the test ends.
 * @param folder where it writes; it stays
 * @param site what is written for so many ports; it is listened on all of them
 */
export async function startApache(
  t: Test,
  folder: string,
  site: (ports: readonly number[]) => string,
  count: number,
): Promise<{ readonly ports: readonly number[] }> {
  for (let attempt = 1; ; attempt += 1) {
    const ports = await freePorts(count);
    const listening = ports.map((port) => `Listen 127.0.0.1:${port}`).join('\n');
    await writeFile(join(folder, 'apache.conf'), await configuration(folder, `${listening}\n${site(ports)}`));
    const failed = await launch(t, folder, ports);
    if (failed === undefined) return { ports };
    if (attempt === 5 || !failed.includes('Address already in use'))
      throw new Error(`Apache did not start: ${failed}`);
  }
}

async function configuration(folder: string, site: string): Promise<string> {
  const there = new Set(await readdir(MODULES));
  const modules = LOADED.filter((name) => there.has(`mod_${name}.so`));
  await writeFile(join(folder, 'apache.types'), TYPES);
  // Root's own Apache serves as somebody else, who has to get at the files.
  if (PLAIN_USER !== undefined) await chmod(folder, 0o755);
  return [
    `ServerRoot ${folder}`,
    ...modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`),
    `DefaultRuntimeDir ${folder}`,
    `PidFile ${folder}/apache.pid`,
    `Mutex pthread`,
    ...(PLAIN_USER === undefined ? [] : [`User #${PLAIN_USER}`, `Group #${PLAIN_USER}`]),
    'ServerName localhost',
    `ErrorLog ${folder}/apache.errors`,
    'LogLevel warn',
    'StartServers 1',
    'ThreadsPerChild 8',
    'MaxRequestWorkers 8',
    `TypesConfig ${folder}/apache.types`,
    site,
    '',
  ].join('\n');
}

/** Undefined once it listens, else what it said before it gave up. */
async function launch(t: Test, folder: string, ports: readonly number[]): Promise<string | undefined> {
  const child = spawnChild('apache2', ['-X', '-f', join(folder, 'apache.conf')], {
    env: { PATH },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const exited = once(child, 'close');
  let hasEnded = false;
  void exited.then(() => {
    hasEnded = true;
  });
  await until(async () => hasEnded || (await answers(ports[0] ?? 0)), 'Apache answers, or has given up');
  if (hasEnded) return errors + (await readFile(join(folder, 'apache.errors'), 'utf8').catch(() => ''));
  t.teardown(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  return undefined;
}

/** Whether somebody answers there: Apache listens before it knows whether it can start. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
    socket.once('data', () => {
      resolve(true);
      socket.destroy();
    });
    // TLS answers this, too.
    socket.write('GET / HTTP/1.0\r\n\r\n');
  });
}

/** The names of all directives that its modules have. */
export async function directivesOfApache(folder: string): Promise<string[]> {
  // Of modules that do one job only one is loaded; some are for tests of Apache's own.
  const files = (await readdir(MODULES)).filter((name) =>
    /^mod_(?!mpm_(?!event)|case_filter|bucketeer|data|dialup).*\.so$/.test(name),
  );
  const lines = files.map((file) => `LoadModule ${file.slice(4, -3)}_module ${MODULES}/${file}`);
  await writeFile(join(folder, 'all.conf'), `${lines.join('\n')}\nErrorLog ${folder}/all.errors\n`);
  const { stdout } = await promisify(execFile)('apache2', ['-L', '-f', join(folder, 'all.conf')], {
    env: { PATH },
    maxBuffer: 16 * 1024 * 1024,
  });
  return [...new Set([...stdout.matchAll(/^<?([\w]+)>? \(/gm)].map(([, name = '']) => name))];
}
