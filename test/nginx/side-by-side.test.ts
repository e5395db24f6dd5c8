// A real nginx and media-serve on the same directory answer the same, byte for byte, or differ as a named rule says.
// NGINX_REQUESTS is how many are generated, besides those of the table; NGINX_REQUESTS_SEED makes others. The table
// alone meets every rule.
import t from 'tap';
import { withoutNginx } from '../support/nginx.js';
import { rawExchange } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { startAlias } from './alias.js';
import { cases } from './cases.js';
import { type Comparison, compare, type Sides } from './compare.js';
import { explore, told } from './property.js';
import { get, parseRequest, request } from './request.js';
import { RULES } from './rules.js';
import { Tree } from './tree.js';

const SEED = Number(process.env['NGINX_REQUESTS_SEED'] ?? 20_261_122);
const COUNT = Number(process.env['NGINX_REQUESTS'] ?? 3_000);

/** The differences as text; undefined when there are none. */
function disagreementOf(comparison: Comparison): string | undefined {
  return comparison.differences.length > 0 ? told([comparison], comparison) : undefined;
}

/** The statuses of all answers in these bytes. */
function statusLines(bytes: Buffer): string[] {
  return bytes.toString('latin1').match(/^HTTP\/1\.1 \d+/gm) ?? [];
}

t.test('media-serve answers as nginx does', { skip: await withoutNginx() }, async (t) => {
  const tree = new Tree(t.testdir());
  const { port, appPort } = await startAlias(t, tree);
  const roots = ['--root', tree.media, '--static-root', tree.static];
  const ours = await startServer(t, [...roots, '--upstream', `127.0.0.1:${appPort}`]);
  const sides: Sides = { nginx: port, ours: ours.port, tree, rules: RULES };

  const uses = new Map(RULES.map((rule) => [rule, 0]));
  const count = ({ rules }: Comparison): void => {
    for (const rule of rules) uses.set(rule, (uses.get(rule) ?? 0) + 1);
  };

  for (const [group, list] of cases(tree)) {
    await t.test(group, async (t) => {
      for (const { name, request, nginx, ours } of list) {
        // The request behind it shows that the connection is what the answer says it is.
        const [comparison, next] = await compare(sides, [request, get('/media/one.txt')]);
        if (comparison === undefined || next === undefined) throw new Error('nothing was compared');
        count(comparison);
        t.equal(disagreementOf(comparison), undefined, name);
        t.equal(disagreementOf(next), undefined, `${name}: the request behind it`);
        t.equal(comparison.nginx.status, nginx, `${name}: nginx answers ${nginx}`);
        t.equal(comparison.expected.status, ours, `${name}: media-serve has to answer ${ours}`);
      }
    });
  }

  await t.test('a malformed request does not cost those before it their answers', async (t) => {
    const malformed = get('/media/a space');
    const batches = {
      files: [get('/media/one.txt'), get('/media/ten.txt'), get('/media/big.jpg')],
      'what is not there': [get('/media/missing.txt'), get('/media/missing.txt')],
      'the app': [get('/app'), get('/app'), get('/media/ten.txt')],
    };
    for (const [name, batch] of Object.entries(batches)) {
      const comparisons = await compare(sides, [...batch, malformed]);
      const wrong = comparisons.filter(({ differences }) => differences.length > 0);
      t.same(wrong.map(disagreementOf), [], name);
    }
  });

  await t.test('a file gets its strong ETag when it is two seconds old', async (t) => {
    const request = get('/media/new.txt');
    const etagAt = async (seconds: number): Promise<unknown> => {
      tree.plant('media/new.txt', 'new', seconds);
      const [comparison] = await compare(sides, [request]);
      t.equal(comparison && disagreementOf(comparison), undefined);
      return comparison?.ours.headers['etag'];
    };
    // A second ahead, so that a machine that stops for a while does not make it old.
    t.match(await etagAt(Date.now() / 1000 + 1), /^W\/"[\da-f]+-3"$/);
    t.match(await etagAt(Date.now() / 1000 - 3), /^"[\da-f]+-3"$/);
  });

  await t.test('generated requests', async (t) => {
    t.comment(`NGINX_REQUESTS_SEED=${SEED} NGINX_REQUESTS=${COUNT}`);
    const { compared, disagreement } = await explore(sides, { count: COUNT, seed: SEED, see: count });
    t.equal(disagreement, undefined, 'every answer is as nginx and the rules say');
    t.ok(compared >= COUNT, `${compared} requests were compared`);
  });

  await t.test(
    'what stands behind the end of a connection is not carried out, and harms nobody',
    async (t) => {
      const behind = [
        parseRequest(`${request('DELETE', '/media/one.txt', 'Content-Length: 1').raw}a`),
        get('/static/app.css', 'Accept-Encoding: gzip'),
        get('/app'),
      ];
      const last = {
        'Connection: close': get('/media/one.txt', 'Connection: close'),
        'HTTP/1.0': parseRequest('GET /media/one.txt HTTP/1.0\r\n\r\n'),
        'no Host': parseRequest('GET /media/one.txt HTTP/1.1\r\n\r\n'),
        'a bad target': get('/media/%00'),
        'what is no HTTP': get('/media/a space'),
      };
      for (const [name, first] of Object.entries(last)) {
        const bytes = [first, ...behind].map(({ raw }) => raw).join('');
        // Several times, since what is in memory takes another way than what is on disk.
        for (let round = 1; round <= 3; round += 1) {
          const [theirs = [], mine = []] = await Promise.all(
            [sides.nginx, sides.ours].map(async (port) => statusLines(await rawExchange(port, bytes))),
          );
          t.equal(theirs.length, 1, `${name}: nginx answers the first request only`);
          t.same(mine, theirs, `${name}: so does media-serve`);
        }
      }
      t.equal(ours.process.exitCode, null, 'media-serve is still there');
    },
  );

  await t.test('the differences on purpose', async (t) => {
    for (const [{ name, nginx, ours, reason }, times] of uses) {
      t.ok(times > 0, `${name} (${times} times) · nginx: ${nginx} · media-serve: ${ours} · ${reason}`);
    }
  });
});
