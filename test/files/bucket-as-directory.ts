/**
 * A bucket answers as a directory with the same files does: a table of names, methods, conditions and ranges, asked of both
 * through one media-serve. The stand-in is asked in object-storage.test.ts, and real servers in test/stores/real-stores.ts.
 */
import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { startRecorder } from '../support/app.js';
import { KNOWS_NAMES_HERE } from '../support/names-here.js';
import { get, rawRequest } from '../support/raw.js';
import { startServer } from '../support/server.js';
import { until } from '../support/until.js';

/** A bucket to be asked. */
export interface AskedBucket {
  readonly bucket: string;
  /** The arguments that say where it is. */
  readonly place: readonly string[];
  /** The environment with whom it knows. */
  readonly env: Record<string, string>;
  /** Stores an object, and tells when that was, in milliseconds since the epoch. */
  put(key: string, content: string): number | Promise<number>;
}

const LONG = Array.from({ length: 30_000 }, (_, index) => String(index).padStart(8)).join('');

const FILES: Readonly<Record<string, string>> = {
  'a.txt': 'hello, world',
  'empty.txt': '',
  'long.bin': LONG,
  'pictures/ü b+c%.png': 'a picture',
  'page.html': '<p>a page</p>',
  'script.js': 'alert(1)',
  noextension: 'x',
};

/** Names that are awkward in a path, a query or a signature. */
const NAMES = [
  '100%.txt',
  '%20.txt',
  "it's(1)!*.txt",
  'question?x=1&y#z.txt',
  'semi;colon,=@:$.txt',
  '"quotes"<>|^`{}.txt',
  'back\\slash.txt',
  'ends with a dot.',
  'two  spaces .txt',
  '~tilde_-.txt',
  'deep/er/Grüße/日本 🦊.jpg',
  // The same letter, composed and decomposed: two names.
  'é.txt',
  'e\u0301.txt',
];

/** What may stand behind a name, or in its place. */
const TARGETS = [
  'pictures/%C3%BC%20b+c%25.png',
  'page.html',
  'script.js',
  'noextension',
  'missing',
  'missing/deeper',
  'A.TXT',
  '.hidden',
  'a.txt/',
  'a.txt/b',
  'pictures',
  'pictures/',
  '',
  'a%00b',
  'a.txt?query=1&X-Amz-Signature=0',
  '..%2fsecret.txt',
  'pictures/..%2f..%2fsecret.txt',
  'pictures%2f%C3%BC%20b+c%25.png',
  '%ff',
  'a%C3.txt',
  // More than a file's name may have, and more than a key.
  'x'.repeat(300),
  'x'.repeat(1100),
];

/** `TAG`, `DATE` and `BEFORE` stand for the object's tag, its Last-Modified, and the second before that. */
const CONDITIONS: readonly (readonly string[])[] = [
  [],
  ['If-None-Match: TAG'],
  ['If-None-Match: W/TAG'],
  ['If-None-Match: "other", TAG'],
  ['If-None-Match: *'],
  ['If-None-Match: "other"'],
  ['If-Modified-Since: DATE'],
  ['If-Modified-Since: BEFORE'],
  ['If-None-Match: "other"', 'If-Modified-Since: DATE'],
  ['If-Match: TAG'],
  ['If-Match: "other"'],
  ['If-Unmodified-Since: BEFORE'],
  ['Range: bytes=0-4'],
  ['Range: bytes=3-'],
  ['Range: bytes=-4'],
  ['Range: bytes=-0'],
  ['Range: bytes=0-0,4-5,-2'],
  ['Range: bytes=1-0'],
  ['Range: bytes=999999-'],
  ['Range: bytes=999999-, 1-2'],
  ['Range: bytes=0-999999'],
  ['Range: bytes=0-4', 'If-Range: TAG'],
  ['Range: bytes=3-4', 'If-Range: "other"'],
  ['Range: bytes=3-4', 'If-Range: DATE'],
  ['Range: bytes=3-4', 'If-Range: BEFORE'],
  ['Range: bytes=3-4', 'If-None-Match: TAG'],
  ['Range: bytes=3-4', 'If-Match: "other"'],
  ['Range: bytes=3-4', 'If-Modified-Since: DATE'],
  ['Accept-Encoding: br, gzip'],
];

type Case = readonly [method: string, target: string, fields: readonly string[]];

function cases(): Case[] {
  const all: Case[] = [];
  for (const fields of CONDITIONS) {
    for (const method of ['GET', 'HEAD']) all.push([method, 'a.txt', fields]);
    all.push(['GET', 'empty.txt', fields], ['GET', 'long.bin', fields], ['HEAD', 'long.bin', fields]);
  }
  const named = NAMES.map((name) => name.split('/').map(encodeURIComponent).join('/'));
  for (const method of ['GET', 'HEAD']) {
    for (const target of [...named, ...TARGETS]) all.push([method, target, []]);
  }
  for (const target of named) all.push(['GET', target, ['Range: bytes=1-3']]);
  for (const method of ['POST', 'PUT', 'DELETE']) all.push([method, 'a.txt', ['Content-Length: 0']]);
  return all;
}

/** A file changed within so many milliseconds may change again unseen: its tag is another then, which no store does. */
const RECENT = 2000;

/** Asks both. */
export async function checkAnswers(t: Test, { bucket, place, env, put }: AskedBucket): Promise<void> {
  const directory = t.testdir({});
  let newest = 0;
  const files = { ...FILES, ...Object.fromEntries(NAMES.map((name) => [name, `this is ${name}`])) };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
    const stored = (await put(`media/${name}`, content)) / 1000;
    utimesSync(join(directory, name), stored, stored);
    newest = Math.max(newest, stored * 1000);
  }
  await put('secret.txt', 'beside what is served');
  await until(() => Date.now() > newest + 2 * RECENT, 'nothing was changed a moment ago');
  const { address } = await startRecorder(t);
  const root = ['--root', `s3://${bucket}/media`, ...place, '--mount', `/disk/=${directory}`];
  const { port } = await startServer(t, [...root, '--upstream', address], { env, node: KNOWS_NAMES_HERE });

  /** What an answer says, but for the tags, which have other forms. */
  const summary = async (
    prefix: string,
    [method, target, fields]: Case,
  ): Promise<Record<string, unknown>> => {
    const { headers: known } = await rawRequest(port, get(`${prefix}${target}`, [], 'HEAD'));
    const { etag: tag = '""', 'last-modified': date = '' } = known;
    const lines = fields.map((field) =>
      field.replace('TAG', tag).replace('DATE', date).replace('BEFORE', dateBefore(date)),
    );
    const answer = await rawRequest(port, get(`${prefix}${target}`, lines, method));
    const { date: _, etag, 'content-type': type = '', ...rest } = answer.headers;
    const boundary = /boundary=(\w+)/.exec(type)?.[1] ?? 'none';
    return {
      status: answer.status,
      hasTag: etag !== undefined,
      type: type.replace(boundary, ''),
      ...rest,
      body: answer.body
        .toString('latin1')
        .replaceAll(boundary, '')
        .replace(/Request [0-9a-f-]{36}/, ''),
    };
  };
  for (const one of cases()) {
    const [method, target, fields] = one;
    const what = `${method} ${target.slice(0, 40)} ${fields.join(', ')}`;
    const [bucket, disk] = [await summary('/media/', one), await summary('/disk/', one)];
    // Few stores say these in a 304, and what a client was told before goes on to hold without them (RFC 9111 §4.3.4).
    if (bucket['status'] === 304) {
      for (const name of ['last-modified', 'cache-control', 'content-security-policy'])
        if (!(name in bucket)) delete disk[name];
    }
    t.same(bucket, disk, what);
  }
}

/** The date one second earlier, as HTTP writes it. */
function dateBefore(date: string): string {
  return new Date(Date.parse(date) - 1000).toUTCString();
}
