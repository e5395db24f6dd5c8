// Ranges over the wire (RFC 9110 §14): one, several as multipart/byteranges, what they may cost, If-Range, HEAD.
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { converse } from '../support/conversation.js';
import { startLocations } from '../support/locations.js';
import type { RawResponse } from '../support/raw.js';

const MODIFIED = 1_704_067_200;
const DATE = 'Mon, 01 Jan 2024 00:00:00 GMT';
const SIZE = 10_000;
/** Every two bytes tell where they are. */
const CONTENT = positions(SIZE);
const LARGE = positions(1024 * 1024);
/** What a part may cost beside its bytes: delimiter and fields. */
const PART_OVERHEAD = 200;

interface Part {
  readonly fields: readonly string[];
  readonly bytes: Buffer;
}

function positions(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at += 4) bytes.writeUInt32BE(at, at);
  return bytes;
}

const root = t.testdir({ 'empty.bin': '' });
for (const [name, content] of [['a.bin', CONTENT] as const, ['large.bin', LARGE] as const]) {
  writeFileSync(join(root, name), content);
  utimesSync(join(root, name), MODIFIED, MODIFIED);
}
const place = { kind: 'media', root };
const server = await startLocations(t, [
  { ...place, prefix: '/media/' },
  { ...place, prefix: '/two/', maxRanges: 2 },
  { ...place, prefix: '/one/', maxRanges: 1 },
  { ...place, prefix: '/none/', maxRanges: 0 },
  { ...place, prefix: '/typed/', headers: { 'Content-Type': 'text/x-own' } },
]);
const conversation = await converse(t, server.port);

/** Reads a multipart body strictly, as RFC 2046 §5.1.1 writes it. */
function partsOf({ headers, body }: RawResponse): Part[] {
  const [, boundary] = /^multipart\/byteranges; boundary=(\w+)$/.exec(headers['content-type'] ?? '') ?? [];
  if (boundary === undefined) throw new Error(`no boundary in ${headers['content-type']}`);
  const pieces = `\r\n${body.toString('latin1')}`.replace(/^\r\n\r\n/, '\r\n').split(`\r\n--${boundary}`);
  if (pieces.shift() !== '' || pieces.pop() !== '--\r\n') throw new Error('the delimiters are wrong');
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    if (!piece.startsWith('\r\n') || end < 0) throw new Error('a part has no head');
    return { fields: piece.slice(2, end).split('\r\n'), bytes: Buffer.from(piece.slice(end + 4), 'latin1') };
  });
}

t.test('several ranges come as parts, in the order asked for, each with its type and place', async (t) => {
  const response = await conversation.ask('/media/a.bin', ['Range: bytes=9000-9009, 0-0,-5 ,500-']);
  // 500- has most of the file's bytes, and -5 lies in it.
  t.equal(response.status, 206);
  t.notOk('content-range' in response.headers, 'the parts tell');
  t.equal(Number(response.headers['content-length']), response.body.length);
  t.same(
    partsOf(await conversation.ask('/media/a.bin', ['Range: bytes=9000-9009, 0-0,-5'])).map(
      ({ fields }) => fields,
    ),
    ['9000-9009', '0-0', '9995-9999'].map((place) => [
      'Content-Type: application/octet-stream',
      `Content-Range: bytes ${place}/${SIZE}`,
    ]),
  );
});

t.test('ranges are answered with exactly their bytes', async (t) => {
  const cases: readonly (readonly [range: string, ...slices: (readonly [from: number, to: number])[]])[] = [
    ['bytes=0-0', [0, 1]],
    ['bytes=9999-', [9999, 10_000]],
    ['bytes=-1', [9999, 10_000]],
    ['bytes=-20000', [0, 10_000]],
    ['bytes=9990-20000', [9990, 10_000]],
    ['BYTES=5-6', [5, 7]],
    ['ByTeS=5-6', [5, 7]],
    ['bytes=0-1,4-5', [0, 2], [4, 6]],
    ['bytes=4-5,0-1', [4, 6], [0, 2]],
    ['bytes=0-1,-2', [0, 2], [9998, 10_000]],
    // What does not exist is left out.
    ['bytes=0-1,10000-', [0, 2]],
    ['bytes=20000-,5-6,30000-', [5, 7]],
    // Overlapping ones are merged.
    ['bytes=0-9,5-14', [0, 15]],
    ['bytes=5-14,0-9', [0, 15]],
    ['bytes=0-9,20-29,5-24', [0, 30]],
    ['bytes=100-109,0-9,105-114', [100, 115], [0, 10]],
    ['bytes=0-0,0-0,0-0', [0, 1]],
  ];
  for (const [range, ...slices] of cases) {
    const response = await conversation.ask('/media/a.bin', [`Range: ${range}`]);
    t.equal(response.status, 206, range);
    const bodies = slices.length === 1 ? [response.body] : partsOf(response).map(({ bytes }) => bytes);
    t.same(
      bodies,
      slices.map(([from, to]) => CONTENT.subarray(from, to)),
      range,
    );
    const [only] = slices;
    if (slices.length === 1 && only !== undefined)
      t.equal(response.headers['content-range'], `bytes ${only[0]}-${only[1] - 1}/${SIZE}`, range);
  }
});

t.test(
  'a range in another unit is ignored, and one of which no byte exists is a 416 with the size',
  async (t) => {
    for (const range of ['lines=1-2', 'seconds=0-1', 'bytes', '0-1']) {
      const { status, body } = await conversation.ask('/media/a.bin', [`Range: ${range}`]);
      t.equal(status, 200, range);
      t.ok(body.equals(CONTENT), range);
    }
    for (const range of ['bytes=10000-', 'bytes=-0', 'bytes=20000-,30000-40000']) {
      const { status, headers } = await conversation.ask('/media/a.bin', [`Range: ${range}`]);
      t.equal(status, 416, range);
      t.equal(headers['content-range'], `bytes */${SIZE}`, range);
    }
    t.equal((await conversation.ask('/media/empty.bin', ['Range: bytes=0-'])).status, 200, 'all of nothing');
  },
);

t.test('a hundred ranges cost no more than the file', async (t) => {
  const ranges = (count: number, range: (index: number) => string): string =>
    `Range: bytes=${Array.from({ length: count }, (_, index) => range(index)).join(',')}`;
  const whole = [
    ranges(100, (index) => `${index * 10}-${index * 10}`),
    ranges(65, (index) => `${index * 10}-${index * 10}`),
    ranges(100, () => '0-'),
    ranges(2, () => '0-'),
    ranges(64, (index) => `${index}-`),
  ];
  for (const field of whole) {
    const { status, body } = await conversation.ask('/media/a.bin', [field]);
    t.equal(status, 200, field.slice(0, 40));
    t.ok(body.equals(CONTENT), field.slice(0, 40));
  }
  const most = await conversation.ask('/media/a.bin', [ranges(64, (index) => `${index * 10}-${index * 10}`)]);
  t.equal(partsOf(most).length, 64, 'up to the limit each is a part');
});

t.test(
  'whatever ranges are asked for, their bytes are right, none comes twice, and none is too many',
  async () => {
    const position = fc.nat({ max: SIZE + 100 });
    const spec = fc.oneof(
      fc.tuple(position, position).map(([from, length]) => `${from}-${from + (length % 500)}`),
      position.map((from) => `${from}-`),
      position.map((length) => `-${length % 700}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(spec, { minLength: 1, maxLength: 12 }), async (specs) => {
        const response = await conversation.ask('/media/a.bin', [`Range: bytes=${specs.join(',')}`]);
        if (response.status === 416) return;
        if (response.status === 200) {
          if (!response.body.equals(CONTENT)) throw new Error('not the file');
          return;
        }
        const isMultipart = response.headers['content-type']?.startsWith('multipart/') === true;
        const parts = isMultipart
          ? partsOf(response)
          : [{ fields: [`Content-Range: ${response.headers['content-range']}`], bytes: response.body }];
        const seen = new Set<number>();
        for (const { fields, bytes } of parts) {
          const [, from, to] = /^Content-Range: bytes (\d+)-(\d+)\/10000$/.exec(fields.at(-1) ?? '') ?? [];
          if (!bytes.equals(CONTENT.subarray(Number(from), Number(to) + 1))) throw new Error('wrong bytes');
          for (let at = Number(from); at <= Number(to); at++) {
            if (seen.has(at)) throw new Error(`byte ${at} comes twice`);
            seen.add(at);
          }
        }
        if (response.body.length > SIZE + parts.length * PART_OVERHEAD) throw new Error('it costs too much');
      }),
      { numRuns: 150 },
    );
  },
);

t.test('parts of a large file, sent piece by piece, are right too', async (t) => {
  const response = await conversation.ask('/media/large.bin', ['Range: bytes=700000-1000000,1-300001,-3']);
  t.equal(response.status, 206);
  t.equal(Number(response.headers['content-length']), response.body.length);
  const [first, second, third] = partsOf(response).map(({ bytes }) => bytes);
  t.ok(first?.equals(LARGE.subarray(700_000, 1_000_001)));
  t.ok(second?.equals(LARGE.subarray(1, 300_002)));
  t.ok(third?.equals(LARGE.subarray(-3)));
});

t.test('HEAD answers as a GET of the whole file would, without the content: it has no ranges', async (t) => {
  const cases: readonly (readonly string[])[] = [
    [],
    ['Range: bytes=0-9'],
    ['Range: bytes=0-9,20-29'],
    ['Range: bytes=0-9,5-14'],
    ['Range: bytes=20000-'],
    ['Range: lines=1-2'],
    ['Range: bytes=0-,0-'],
    ['Range: bytes=0-9', `If-Range: ${DATE}`],
    ['Range: bytes=0-9', 'If-Range: "other"'],
    [`If-Modified-Since: ${DATE}`],
    ['If-Match: "other"'],
  ];
  for (const target of ['/media/a.bin', '/media/large.bin', '/media/empty.bin', '/media/missing']) {
    for (const fields of cases) {
      const [viaGet, viaHead] = await conversation.askAll([
        [target, fields.filter((field) => !/^(?:If-)?Range:/.test(field))],
        [target, fields, 'HEAD'],
      ]);
      t.equal(viaHead?.status, viaGet?.status, `${target} ${fields.join(' + ')}`);
      t.same(comparable(viaHead), comparable(viaGet), `${target} ${fields.join(' + ')}`);
    }
  }
});

const DIFFERS = new Set(['date', 'connection', 'keep-alive']);

/** Without what may differ between any two responses. */
function comparable(response: RawResponse | undefined): string[] | undefined {
  return response?.fields
    .filter(([name]) => !DIFFERS.has(name))
    .map(([name, value]) => `${name}: ${value.replace(/(?<=boundary=)\w+/, '…')}`);
}

t.test('If-Range lets the range count for the exact version only', async (t) => {
  const { headers } = await conversation.ask('/media/a.bin');
  const etag = headers['etag'];
  const cases: readonly (readonly [status: number, ifRange: string])[] = [
    [206, `${etag}`],
    [206, DATE],
    [206, 'Monday, 01-Jan-24 00:00:00 GMT'],
    [200, `W/${etag}`],
    [200, '"other"'],
    [200, `"other", ${etag}`],
    [200, '*'],
    // A date is compared for being the same, not for being later.
    [200, 'Mon, 01 Jan 2024 00:00:01 GMT'],
    [200, 'Sun, 31 Dec 2023 23:59:59 GMT'],
    [200, 'not a date'],
  ];
  for (const range of ['bytes=0-9', 'bytes=0-9,20-29', 'bytes=20000-']) {
    for (const [status, ifRange] of cases) {
      const response = await conversation.ask('/media/a.bin', [`Range: ${range}`, `If-Range: ${ifRange}`]);
      // A range that counts and does not exist is a 416; one that does not count is ignored, whatever it says.
      const expected = status === 206 && range === 'bytes=20000-' ? 416 : status;
      t.equal(response.status, expected, `${range} If-Range: ${ifRange}`);
      if (expected === 200) t.ok(response.body.equals(CONTENT));
    }
  }
  t.equal(
    (await conversation.ask('/media/a.bin', [`If-Range: ${etag}`])).status,
    200,
    'nothing without a range',
  );
});

t.test('maxRanges limits the number of ranges; 0 turns ranges off', async (t) => {
  const cases: readonly (readonly [prefix: string, range: string, status: number])[] = [
    ['two', 'bytes=0-0,2-2', 206],
    ['two', 'bytes=0-0,2-2,4-4', 200],
    ['one', 'bytes=0-0', 206],
    ['one', 'bytes=0-0,2-2', 200],
    ['none', 'bytes=0-0', 200],
    ['none', 'bytes=20000-', 200],
  ];
  for (const [prefix, range, status] of cases) {
    const response = await conversation.ask(`/${prefix}/a.bin`, [`Range: ${range}`]);
    t.equal(response.status, status, `${prefix}: ${range}`);
    t.equal(response.headers['accept-ranges'], prefix === 'none' ? undefined : 'bytes', prefix);
  }
});

t.test(
  'a Content-Type of the operator is the type of each part, and never stands beside the multipart one',
  async (t) => {
    const response = await conversation.ask('/typed/a.bin', ['Range: bytes=0-1,4-5']);
    const types = response.fields.filter(([name]) => name === 'content-type');
    t.equal(types.length, 1);
    t.match(types[0]?.[1], /^multipart\/byteranges; boundary=/);
    for (const { fields } of partsOf(response)) t.equal(fields[0], 'Content-Type: text/x-own');
  },
);
