// Several servers of the app, one of which fails: who answers how many requests, and how often it is asked, as with nginx.
import t from 'tap';
import { type RunningApp, startApp } from '../support/app.js';
import { startHere } from '../support/here.js';
import { startNginx, withoutNginx } from '../support/nginx.js';
import { get, rawRequest } from '../support/raw.js';

/** Of the sick server: which of its requests it drops. */
const SICK: readonly (readonly [what: string, method: string, drops: (number: number) => boolean])[] = [
  ['none', 'GET', () => false],
  ['each third', 'GET', (number) => number % 3 === 0],
  ['each third', 'POST', (number) => number % 3 === 0],
  ['all', 'GET', () => true],
  ['all', 'POST', () => true],
];

t.test(
  'a server that fails gets as many requests as from nginx',
  { skip: await withoutNginx() },
  async (t) => {
    let asked = 0;
    let drops = (_number: number): boolean => false;
    const apps: RunningApp[] = [];
    for (const name of ['sick', 'well', 'well']) {
      const app = await startApp(t, (request, response) => {
        if (name === 'sick') asked += 1;
        // On a kept connection it would look like one that was just being closed.
        response.setHeader('Connection', 'close');
        if (name === 'sick' && drops(asked)) request.socket.destroy();
        else response.end(name);
      });
      apps.push(app);
    }
    const addresses = apps.map(({ address }) => address);
    const ask = async (port: number, method: string): Promise<Record<string, number>> => {
      asked = 0;
      const counts: Record<string, number> = {};
      for (let times = 0; times < 45; times++) {
        const { status, body } = await rawRequest(port, get('/', ['Content-Length: 0'], method));
        const [answer = ''] = status === 200 ? (/[a-z]{4,}/.exec(body.toString()) ?? []) : [String(status)];
        counts[answer] = (counts[answer] ?? 0) + 1;
      }
      return { ...counts, asked };
    };
    for (const maxFails of [1, 3]) {
      for (const [what, method, dropping] of SICK) {
        drops = dropping;
        const servers = addresses.map((each) => `server ${each} max_fails=${maxFails} fail_timeout=1h;`);
        const nginx = await startNginx(
          t,
          (port) =>
            `upstream app { ${servers.join(' ')} } server { listen 127.0.0.1:${port}; location / { proxy_pass http://app; } }`,
        );
        const options = [
          '--upstream',
          addresses.join(),
          '--max-fails',
          `${maxFails}`,
          '--fail-timeout',
          '1h',
        ];
        const ours = await startHere(t, ['--root', t.testdir({}), ...options]);
        const theirs = await ask(nginx.ports[0] ?? 0, method);
        t.same(await ask(ours.port, method), theirs, `${what} of ${method}, maxFails ${maxFails}`);
        t.comment(JSON.stringify(theirs));
        await nginx.stop();
      }
    }
  },
);
