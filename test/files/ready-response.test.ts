// Responses that are ready as bytes: the same as those put together for each request, in whatever order and mixture.
import { createHash } from 'node:crypto';
import { cpSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { converse, type Question, wasReady } from '../support/conversation.js';
import { AN_HOUR_LATER, tellTime } from '../support/later.js';
import { startLocations } from '../support/locations.js';
import { get, parseResponse, type RawResponse, rawExchange, rawRequest } from '../support/raw.js';
import { until } from '../support/until.js';

const MODIFIED = 1_704_067_200;
const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT';
const KB = 1024;

const base = t.testdir({ media: {} });
const [root, staticRoot] = [join(base, 'media'), join(base, 'static')];
const files: Readonly<Record<string, Buffer>> = {
  'a.txt': Buffer.from('some text'),
  'empty.txt': Buffer.alloc(0),
  'page.html': Buffer.from('<!doctype html><title>x</title>'),
  'code.js': Buffer.from('alert(1)'),
  'photo.png': Buffer.alloc(5000, 7),
  'app.3f2a9c1b8d7e.css': Buffer.from('body { color: red; background: white }'),
  'app.3f2a9c1b8d7e.css.br': Buffer.from('compressed'),
  'largest.bin': Buffer.alloc(128 * KB, 'abcdefgh'),
  'other.bin': Buffer.alloc(127 * KB, 'ABCDEFGH'),
  'no-extension': Buffer.from([0, 255, 13, 10, 13, 10, 0]),
  'ünïcödé.txt': Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello'),
};
for (const [name, content] of Object.entries(files)) {
  writeFileSync(join(root, name), content);
  utimesSync(join(root, name), MODIFIED, MODIFIED);
}
cpSync(root, staticRoot, { recursive: true, preserveTimestamps: true });
const names = Object.keys(files).map((name) => encodeURIComponent(name));
const locations = [
  { kind: 'media', prefix: '/media/', root },
  { kind: 'static', prefix: '/static/', root: staticRoot },
  { kind: 'media', prefix: '/own/', root, headers: { 'X-Own': 'ä=1; b', 'Cache-Control': '' }, maxRanges: 0 },
];
const server = await startLocations(t, locations, [], { node: AN_HOUR_LATER });
const kept = await converse(t, server.port);
/** Puts every response together. */
const plainServer = await startLocations(t, locations, ['--cache-size', '0'], { node: AN_HOUR_LATER });
const plain = await converse(t, plainServer.port);

/** Without what belongs to the connection, the moment and the single request. */
function comparable({ status, reason, fields, body }: RawResponse): object {
  const mask = (text: string): string =>
    text.replace(/(?<=boundary=|\r\n--)[0-9a-f]{24}/g, 'BOUNDARY').replace(/Request \S+/, 'Request ID');
  const own = fields.filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
  return {
    status,
    reason,
    fields: own.map(([name, value]) => [name, mask(value)]),
    // Nothing has to be masked in a whole file.
    body:
      body.length > 10_000 ? createHash('sha1').update(body).digest('hex') : mask(body.toString('latin1')),
  };
}

/** Requests for one target, and whether their responses are ready once the file is cached. */
async function requestsFor(
  target: string,
): Promise<readonly (readonly [ready: boolean, question: Question])[]> {
  const { headers } = await plain.ask(target);
  const coded = (await plain.ask(target, ['Accept-Encoding: br'])).headers['etag'];
  return [
    [true, [target]],
    [true, [target, [], 'HEAD']],
    [true, [target, ['Range: lines=1-2']]],
    [true, [target, ['Accept-Encoding: gzip, br']]],
    [true, [target, ['Accept-Encoding: br', `If-None-Match: ${coded}`]]],
    [true, [target, [`If-None-Match: ${headers['etag']}`]]],
    [true, [target, [`If-None-Match: ${headers['etag']}`], 'HEAD']],
    [true, [target, [`If-Modified-Since: ${DATE}`]]],
    [true, [target, [`If-Match: ${headers['etag']}`]]],
    [false, [target, ['If-Match: "other"']]],
    [false, [target, ['Range: bytes=0-1']]],
    [true, [target, ['Range: bytes=0-1'], 'HEAD']],
    [false, [target, ['Range: bytes=0-0,2-3']]],
    [false, [target, ['Range: bytes=999999-']]],
    [false, [target, ['Content-Length: 0'], 'POST']],
  ];
}

t.test('they are what the ordinary way makes, field by field and byte by byte', async (t) => {
  let compared = 0;
  for (const prefix of ['/media/', '/static/', '/own/']) {
    for (const name of names) {
      for (const [ready, question] of await requestsFor(prefix + name)) {
        const what = question.flat().join(' ');
        // The first request has the file cached.
        await kept.ask(...question);
        const [fromMemory, ordinary] = [await kept.ask(...question), await plain.ask(...question)];
        const [ours, other] = [comparable(fromMemory), comparable(ordinary)];
        if (JSON.stringify(ours) !== JSON.stringify(other)) t.same(ours, other, what);
        if (wasReady(ordinary)) t.fail(`${what} was ready without a cache`);
        const isWhole = fromMemory.status === 200 || fromMemory.status === 304;
        if (isWhole && ready && !wasReady(fromMemory)) t.fail(`${what} was not ready`);
        compared += 1;
      }
    }
  }
  t.equal(compared, 3 * names.length * 15);
});

t.test('pipelined in any mixture each request gets its own response, in order', async () => {
  const questions: Question[] = [['/media/missing'], ['/nowhere']];
  for (const target of [...names.map((name) => `/media/${name}`), '/static/a.txt', `/static/${names[5]}`])
    questions.push(...(await requestsFor(target)).map(([, question]) => question));
  const expected = new Map<Question, string>();
  for (const question of questions)
    expected.set(question, JSON.stringify(comparable(await plain.ask(...question))));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...questions), { minLength: 1, maxLength: 25 }),
      async (mixture) => {
        const responses = await kept.askAll(mixture);
        for (const [index, question] of mixture.entries()) {
          const response = responses[index];
          if (response === undefined || JSON.stringify(comparable(response)) !== expected.get(question))
            throw new Error(`number ${index}, ${question.flat().join(' ')}, is another`);
        }
      },
    ),
    { numRuns: 40 },
  );
});

for (const [what, own] of [
  ['from memory', server],
  ['from the disk', plainServer],
] as const) {
  t.test(`a client that reads late gets every byte of many large ones, ${what}`, async (t) => {
    const { port } = own;
    const late = await converse(t, port);
    const other = await converse(t, port);
    await tellTime(own);
    const asked = Date.now();
    late.socket.pause();
    const answers = late.askAll(Array.from({ length: 100 }, (): Question => ['/media/largest.bin']));
    // Their dates are written, and other files are read, while earlier ones wait in the socket.
    await Promise.all([untilNextSecond(), other.ask('/media/largest.bin')]);
    for (const target of ['/media/largest.bin', '/media/other.bin']) await other.ask(target);
    late.socket.resume();
    for (const { status, headers, body } of await answers) {
      if (status !== 200 || !body.equals(files['largest.bin'] ?? body.subarray(1))) t.fail('another content');
      if (!isBetween(headers['date'], asked)) t.fail(`the date is ${headers['date']}`);
    }
  });
}

/** Whether it is a date from then until now. */
const isBetween = (date: string | undefined, then: number): boolean =>
  date?.length === 29 && Date.parse(date) >= then - (then % 1000) && Date.parse(date) <= Date.now();

async function untilNextSecond(): Promise<void> {
  const second = Math.floor(Date.now() / 1000);
  await until(() => Math.floor(Date.now() / 1000) > second, 'a second passes');
}

t.test('the date is that of the moment, also when a second has passed', async (t) => {
  await kept.ask('/media/a.txt');
  await tellTime(server);
  const { headers } = await kept.ask('/media/a.txt');
  const known = [`If-None-Match: ${headers['etag']}`];
  const dates: string[] = [];
  for (let second = 0; second < 2; second++) {
    await untilNextSecond();
    const before = Math.floor(Date.now() / 1000);
    const responses = [
      await kept.ask('/media/a.txt'),
      await kept.ask('/media/a.txt', known),
      await kept.ask('/media/a.txt', [], 'HEAD'),
    ];
    const after = Math.floor(Date.now() / 1000);
    for (const { headers } of responses) {
      const told = Date.parse(headers['date'] ?? '') / 1000;
      t.ok(told >= before && told <= after, `${headers['date']} between ${before} and ${after}`);
    }
    t.ok(responses.every(wasReady));
    dates.push(responses[0]?.headers['date'] ?? '');
  }
  t.equal(new Set(dates).size, 2);
});

t.test('they are not for a connection that ends: that is told, and done', async (t) => {
  const expected = comparable(await plain.ask('/media/a.txt'));
  const closing = await rawRequest(server.port, get('/media/a.txt'));
  t.same(comparable(closing), expected);
  t.equal(closing.headers['connection'], 'close');
  const old = parseResponse(await rawExchange(server.port, 'GET /media/a.txt HTTP/1.0\r\n\r\n'));
  t.same(comparable(old), expected);
  t.equal(old.headers['connection'], 'close');
  // HTTP/1.0 that asks to stay must be told that it may.
  const asked = 'GET /media/a.txt HTTP/1.0\r\nConnection: keep-alive\r\n\r\n';
  const stayed = await rawExchange(server.port, `${asked}GET /media/a.txt HTTP/1.0\r\n\r\n`);
  t.equal(stayed.toString('latin1').match(/some text/g)?.length, 2);
  t.match(stayed.toString('latin1'), /^HTTP\/1\.1 200 OK\r\n(?:[^\r]*\r\n)*Connection: keep-alive\r\n/);
});

t.test('the access log tells of them as of any other', async (t) => {
  const etag = (await kept.ask('/media/a.txt')).headers['etag'];
  const cases: readonly (readonly [question: Question, status: number, bytes: number])[] = [
    [['/media/a.txt?log=get'], 200, 9],
    [['/media/a.txt?log=head', [], 'HEAD'], 200, 0],
    [['/media/a.txt?log=known', [`If-None-Match: ${etag}`]], 304, 0],
  ];
  for (const [question, status, bytes] of cases) {
    t.ok(wasReady(await kept.ask(...question)), question[0]);
    const line = await server.logged((entry) => entry['target'] === question[0]);
    t.match(line, { msg: 'request', status, bytes, method: question[2] ?? 'GET', location: '/media/' });
    t.notOk('aborted' in line, question[0]);
  }
});
