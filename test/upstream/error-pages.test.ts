/** What a client sees when the app does not answer (nginx: error_page). */
import t from 'tap';
import { deserted, startRecorder } from '../support/app.js';
import { runCommand } from '../support/command.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

t.test('while the app has never answered it is starting up; after that it is gone', async (t) => {
  const gone = await deserted();
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', gone.address]);
  const starting = await rawRequest(server.port, get('/', ['Accept: text/html']));
  t.equal(starting.status, 503);
  t.equal(starting.headers['retry-after'], '2');
  t.equal(starting.headers['cache-control'], 'no-store');
  t.match(starting.body.toString(), /starting up/);
  const line = await server.logged((entry) => entry['level'] === 50);
  t.match(line, { code: 'MEDIA_SERVE_STARTING_UP', msg: /connection refused/ });

  const app = await startRecorder(t, gone);
  t.equal((await rawRequest(server.port, get('/'))).status, 200, 'it works as soon as the app does');
  await app.stop();
  const down = await rawRequest(server.port, get('/'));
  t.equal(down.status, 502);
  t.equal(down.headers['retry-after'], undefined);
});

t.test('the form follows Accept', async (t) => {
  const gone = await deserted();
  const server = await startHere(t, ['--root', t.testdir({}), '--upstream', gone.address]);
  const cases: [accept: string, type: string][] = [
    ['application/json', 'application/json; charset=utf-8'],
    ['application/problem+json, application/json', 'application/json; charset=utf-8'],
    ['text/html,application/json;q=0.9', 'text/html; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
  ];
  for (const [accept, type] of cases) {
    const answer = await rawRequest(server.port, get('/', [`Accept: ${accept}`]));
    t.equal(answer.headers['content-type'], type, accept);
    if (!type.startsWith('application/json')) continue;
    t.match(JSON.parse(answer.body.toString()), {
      error: { status: 503, code: 'MEDIA_SERVE_STARTING_UP', requestId: /^[\w-]{36}$/ },
    });
  }
});

t.test('--error-page replaces a page, for people and not for programs', async (t) => {
  const gone = await deserted();
  const root = t.testdir({ '503.html': '<h1>Back soon</h1>', '404.txt': 'Nothing.', media: {} });
  const server = await startHere(t, [
    '--root',
    `${root}/media`,
    '--upstream',
    gone.address,
    '--error-page',
    `503=${root}/503.html`,
    '--error-page',
    `404=${root}/404.txt`,
  ]);
  const page = await rawRequest(server.port, get('/', ['Accept: text/html']));
  t.equal(page.status, 503);
  t.equal(page.headers['content-type'], 'text/html; charset=utf-8');
  t.equal(page.headers['retry-after'], '2', 'with the fields of the error');
  t.equal(page.body.toString(), '<h1>Back soon</h1>');
  const missing = await rawRequest(server.port, get('/media/none'));
  t.equal(missing.headers['content-type'], 'text/plain; charset=utf-8');
  t.equal(missing.body.toString(), 'Nothing.');
  const json = await rawRequest(server.port, get('/', ['Accept: application/json']));
  t.equal(JSON.parse(json.body.toString()).error.status, 503);
});

t.test('a page that cannot be used is told at the start', async (t) => {
  const root = t.testdir({});
  const cases: [value: string, message: RegExp][] = [
    ['502', /--error-page: "502" is not STATUS=FILE; write for example 502=/],
    ['200=page.html', /--error-page: "200=page.html" is not STATUS=FILE/],
    [`502=${root}/none.html`, /--error-page: .*none\.html cannot be read \(ENOENT\)/],
  ];
  for (const [value, message] of cases) {
    const ended = await runCommand(['--root', root, '--error-page', value]);
    t.equal(ended.code, 2);
    t.match(ended.stderr, message);
  }
});
