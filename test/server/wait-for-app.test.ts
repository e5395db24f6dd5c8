// Whether the app can be reached yet, and when it can.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { waitForApps } from '../../src/server/wait-for-app.js';
import { startRecorder } from '../support/app.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { PLAIN_USER, PLAIN_USER_ID, withoutPlainUser } from '../support/user.js';

t.test('an app that is not there yet is a warning with the reason', async (t) => {
  const upstream = 'unix:/nowhere/at/all.sock';
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', upstream]);
  const line = await server.logged(({ level }) => Number(level) >= 40);
  t.match(line, {
    level: 40,
    upstream,
    reason: 'ENOENT',
    msg: /does not answer yet; .* get 503: no such socket/,
  });
});

t.test('that it answers is told once it does, and each reason before it once', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, 'app.sock');
  const config = loadConfig({ root: directory, upstream: `unix:${path}` }, {});
  const lines: { msg: string }[] = [];
  let heard = (): void => {};
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as { msg: string });
    heard();
  };
  const log = pino({ base: null }, { write });
  const told = (count: number): Promise<void> =>
    new Promise((resolve) => {
      heard = () => lines.length >= count && resolve();
      heard();
    });
  const ending = new AbortController();
  t.teardown(() => ending.abort());
  waitForApps(config, log, ending.signal, 5);
  await told(1);
  const app = createServer((socket) => socket.destroy());
  t.teardown(() => app.close());
  await new Promise<void>((resolve) => app.listen(path, resolve));
  await told(2);
  t.match(lines, [
    { msg: /does not answer yet/ },
    { level: 30, upstream: `unix:${path}`, msg: 'the app answers now' },
  ]);
  t.equal(lines.length, 2);
});

t.test('an app that answers at once is no line, and the end of the server ends the waiting', async (t) => {
  const app = await startRecorder(t);
  const server = await startServer(t, ['--root', t.testdir({}), '--upstream', app.address]);
  await rawRequest(server.port, get('/'));
  await server.stop();
  t.notOk(server.log.some(({ msg }) => /answer/.test(String(msg))));
  const waiting = await startServer(t, ['--root', t.testdir({}), '--upstream', 'unix:/nowhere/at/all.sock']);
  await waiting.logged(({ level }) => level === 40);
  await waiting.stop();
});

t.test(
  'a socket that may not be written is said with its owner and mode, at the start and at the request alike',
  { skip: withoutPlainUser() },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'media-serve-'));
    t.teardown(() => rmSync(directory, { recursive: true, force: true }));
    chmodSync(directory, 0o755);
    const path = join(directory, 'app.sock');
    await startRecorder(t, { path });
    const cases = [
      [path, 0o600, 0o755, 'written to', /chmod a\+w .*gunicorn --umask 0/],
      [directory, 0o666, 0o700, 'entered', /chmod a\+x .*RuntimeDirectoryMode/],
    ] as const;
    for (const [refusing, mode, directoryMode, verb, cure] of cases) {
      // Of an owner who is not the one that asks, or of one to whom the mode gives nothing.
      chmodSync(path, PLAIN_USER === undefined ? 0o000 : mode);
      const args = ['--mount', `/m/=${tmpdir()}`, '--upstream', `unix:${path}`];
      chmodSync(directory, PLAIN_USER === undefined && directoryMode === 0o700 ? 0o000 : directoryMode);
      const server = await startServer(t, args, { uid: PLAIN_USER });
      const start = await server.logged(({ upstream }) => upstream === `unix:${path}`);
      t.equal((await rawRequest(server.port, get('/page'))).status, 502, refusing);
      const request = await server.logged(({ code }) => code === 'MEDIA_SERVE_BAD_GATEWAY');
      t.match(start['msg'], /requests get 502: /);
      const said = String(start['msg']).split(' get 502: ')[1] ?? '';
      t.ok(String(request['msg']).endsWith(said), String(request['msg']));
      t.ok(said.startsWith(`${refusing} (mode 0`), said);
      t.match(said, `may not be ${verb} by user id ${PLAIN_USER_ID}`);
      t.match(said, cure);
      chmodSync(directory, 0o755);
      await server.stop();
    }
  },
);
