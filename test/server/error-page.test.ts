// Error answers of our own: in the form the client asks for, never kept, silent about the disk and the app.
import t from 'tap';
import { formatSize } from '../../src/server/error-page.js';
import { startRecorder } from '../support/app.js';
import { startHere } from '../support/here.js';
import { get, rawRequest } from '../support/raw.js';

const root = t.testdir({ 'a.txt': 'hello' });
const app = await startRecorder(t);
const { address } = app;
const { port } = await startHere(t, ['--root', root, '--upstream', address]);
// An app that was there and is gone: one that was never there may be starting.
await rawRequest(port, get('/page'));
await app.stop();

const HTML = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

t.test('a person gets a page, a program JSON, and everybody else a line of text', async (t) => {
  const cases: readonly (readonly [accept: string | undefined, type: string])[] = [
    [undefined, 'text/plain; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
    ['image/avif,image/webp,*/*;q=0.8', 'text/plain; charset=utf-8'],
    [HTML, 'text/html; charset=utf-8'],
    ['application/json', 'application/json; charset=utf-8'],
    ['application/json, text/plain, */*', 'application/json; charset=utf-8'],
    ['application/problem+json', 'application/json; charset=utf-8'],
  ];
  for (const [accept, type] of cases) {
    for (const [target, status] of [
      ['/media/missing', 404],
      ['/page', 502],
      ['/..', 400],
    ] as const) {
      const answer = await rawRequest(port, get(target, accept === undefined ? [] : [`Accept: ${accept}`]));
      t.equal(answer.status, status, `${target} for ${accept}`);
      t.equal(answer.headers['content-type'], type);
      t.equal(answer.headers['content-length'], String(answer.body.length));
      t.equal(answer.headers['cache-control'], 'no-store');
      t.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
  }
});

t.test('each form tells the status and the number of the request', async (t) => {
  const text = (await rawRequest(port, get('/media/missing'))).body.toString();
  t.match(text, /^404 Not Found\n[^\n]+\nRequest [0-9a-f-]{36}\n$/);
  const html = (await rawRequest(port, get('/page', [`Accept: ${HTML}`]))).body.toString();
  t.match(html, /^<!doctype html>[\s\S]*<h1>502 Bad Gateway<\/h1>[\s\S]*Request [0-9a-f-]{36}/);
  const json = (await rawRequest(port, get('/page', ['Accept: application/json']))).body.toString();
  t.match(JSON.parse(json), {
    error: { status: 502, code: 'MEDIA_SERVE_BAD_GATEWAY', message: String, requestId: /^[0-9a-f-]{36}$/ },
  });
});

t.test('an upload that is too large is told how large it may be', async (t) => {
  const limited = await startHere(t, ['--root', root, '--upstream', address, '--max-body', '1500kb']);
  const ask = async (accept: string): Promise<string> => {
    const head = [
      'POST / HTTP/1.1',
      'Host: x',
      'Content-Length: 1536001',
      `Accept: ${accept}`,
      'Connection: close',
    ];
    const { status, body } = await rawRequest(limited.port, `${head.join('\r\n')}\r\n\r\n`);
    t.equal(status, 413);
    return body.toString();
  };
  t.match(await ask(HTML), 'it may have 1.4 MB at most.');
  t.match(await ask('text/plain'), 'it may have 1.4 MB at most.');
  t.match(JSON.parse(await ask('application/json')), {
    error: { status: 413, code: 'MEDIA_SERVE_BODY_TOO_LARGE', limit: 1_536_000, message: /1\.4 MB at most/ },
  });
});

t.test('sizes are told as people write them', async (t) => {
  for (const [bytes, text] of [
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1 KB'],
    [1_048_575, '1023.9 KB'],
    [104_857_600, '100 MB'],
    [1.5 * 1024 ** 3, '1.5 GB'],
    [5000 * 1024 ** 3, '5000 GB'],
  ] as const) {
    t.equal(formatSize(bytes), text);
  }
});

t.test('no page repeats what the client sent, or names a path or the app', async (t) => {
  for (const accept of [HTML, 'application/json', 'text/plain']) {
    for (const target of ['/media/%3Cscript%3Ealert(1)%3C/script%3E', '/<script>?<script>', '/%zz<script>']) {
      const { body } = await rawRequest(port, get(target, [`Accept: ${accept}`]));
      t.notMatch(body.toString(), /script|alert/, target);
      t.notMatch(body.toString(), root);
      t.notMatch(body.toString(), address);
    }
  }
});

t.test('HEAD has the fields and no page', async (t) => {
  const { status, headers, body } = await rawRequest(port, get('/page', [], 'HEAD'));
  t.equal(status, 502);
  t.ok(Number(headers['content-length']) > 0);
  t.equal(body.length, 0);
});
