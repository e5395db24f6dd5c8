// A location of kind `denied`: nobody gets anything there, whatever lies around it, as from nginx's `deny all`.

import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { startLocationsHere } from '../support/locations.js';

t.test(
  'a denied location answers 403 within files, within the app, and where the app sends there',
  async (t) => {
    const root = t.testdir();
    await mkdir(join(root, 'private'));
    await writeFile(join(root, 'private', 'a.txt'), 'secret');
    await writeFile(join(root, 'a.txt'), 'public');
    const asked: string[] = [];
    const app = createServer((request, response) => {
      asked.push(request.url ?? '');
      if (request.url === '/hand-out') response.setHeader('X-Accel-Redirect', '/media/private/a.txt');
      response.end('app');
    }).listen(0, '127.0.0.1');
    await once(app, 'listening');
    t.teardown(() => app.close());
    const { port } = app.address() as AddressInfo;
    const { origin } = await startLocationsHere(t, [
      { kind: 'media', prefix: '/media/', root },
      { kind: 'denied', prefix: '/media/private/' },
      { kind: 'denied', prefix: '/admin/' },
      { kind: 'denied', prefix: '/metrics' },
      { kind: 'upstream', prefix: '/', upstream: `:${port}` },
    ]);
    const ask = async (path: string, method = 'GET'): Promise<[number, string]> => {
      const response = await fetch(`${origin}${path}`, { method });
      return [response.status, await response.text()];
    };
    t.same(await ask('/media/a.txt'), [200, 'public']);
    for (const path of [
      '/media/private/a.txt',
      '/media/private/',
      '/media/private',
      '/admin',
      '/media/private/missing',
      '/media//private/a.txt',
      '/media/x/..%2fprivate/a.txt',
      '/media/%70rivate/a.txt',
      '/admin/login/',
      '/metrics',
      '/metrics/x',
      '/metrics-of-all',
      '/hand-out',
    ]) {
      const [status, body] = await ask(path);
      t.equal(status, 403, path);
      t.notMatch(body, 'secret', path);
    }
    t.equal((await ask('/admin/', 'POST'))[0], 403, 'whatever the method');
    t.same(await ask('/media-other'), [200, 'app']);
    t.same(await ask('/metric'), [200, 'app'], 'only the beginning of it');
    t.same(asked, ['/hand-out', '/media-other', '/metric'], 'the app is not asked for what is denied');
  },
);

t.test('the start tells of it, and it needs nothing but its prefix', async (t) => {
  const root = t.testdir();
  const server = await startLocationsHere(t, [
    { kind: 'media', prefix: '/media/', root },
    { kind: 'denied', prefix: '/media/private/' },
  ]);
  t.equal((await fetch(`${server.origin}/media/private/x`)).status, 403);
  await t.rejects(startLocationsHere(t, [{ kind: 'denied', prefix: '/x/', root }]), {
    message: /locations\[0\].*"root"/,
  });
});
