// The rooms of src/ depend one way: cli → server → files, upstream, admin → stores, http1 → http → nothing. The
// configuration may be imported by all and imports nothing but itself; migrate/, which reads what others call one, knows it alone; files/ and upstream/ never import each other;
// HTTP/1.1's bytes are known to server/, upstream/ and s3/ alone, and the protocol of buckets, s3/, to stores/. Files never import each other in a circle, within a room
// neither; an import of types counts as any other.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

/** The rooms that each room may import from, besides its own. The top has what stands directly in src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  top: ['server', 'files', 'upstream', 'admin', 'stores', 'http', 'config', 'migrate'],
  server: ['files', 'upstream', 'admin', 'stores', 'http1', 'http', 'config'],
  files: ['stores', 'http', 'config'],
  upstream: ['stores', 'http1', 'http', 'config'],
  admin: ['stores', 'http', 'config'],
  stores: ['s3', 'http', 'config'],
  s3: ['http1', 'http', 'config'],
  http1: ['http', 'config'],
  http: ['config'],
  migrate: ['config'],
  config: [],
};

/** The room of a file, given relative to src/. */
const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : 'top');

/** The files that each file imports, all by path relative to src/. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** @param files contents by path relative to src/ */
function importsOf(files: ReadonlyMap<string, string>): Imports {
  return new Map(
    [...files].map(([path, text]) => [
      path,
      ts
        .preProcessFile(text, true, true)
        .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
        .map(({ fileName }) => posix.join(posix.dirname(path), fileName).replace(/\.js$/, '.ts')),
    ]),
  );
}

/** `importer → imported` for each import against the direction. */
function violations(imports: Imports): string[] {
  return [...imports].flatMap(([path, imported]) =>
    imported
      .filter((other) => {
        const [from, to] = [roomOf(path), roomOf(other)];
        return from !== to && MAY_IMPORT[from]?.includes(to) !== true;
      })
      .map((other) => `${path} → ${other}`),
  );
}

/**
 * Circles of files: of each file the shortest that it is in, unless a file that is first by name has it too. Of files
 * that reach each other the first of all has one of these; so there is no circle where there is none of them.
 */
function circles(imports: Imports): string[] {
  return [...imports.keys()].sort().flatMap((path) => {
    const circle = shortestWay(imports, path, path);
    return circle?.every((other) => path <= other) ? [[path, ...circle].join(' → ')] : [];
  });
}

/** The files along imports from one file to another, without the one and with the other. */
function shortestWay(imports: Imports, from: string, to: string): readonly string[] | undefined {
  const seen = new Set<string>();
  // Those that are added are come to later: ways are tried in the order of their length.
  const ways: (readonly string[])[] = [[]];
  for (const way of ways) {
    for (const next of imports.get(way.at(-1) ?? from) ?? []) {
      if (next === to) return [...way, next];
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));
const sources = importsOf(
  new Map(
    readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => [path.replaceAll('\\', '/'), readFileSync(`${SOURCE}${path}`, 'utf8')]),
  ),
);

t.test('no file imports against the direction', async (t) => {
  t.ok(sources.size > 30, `${sources.size} files`);
  t.same(violations(sources), []);
});

t.test('no files import each other in a circle', async (t) => {
  t.same(circles(sources), []);
});

t.test('every room is one of those on the plan', async (t) => {
  for (const path of sources.keys()) t.hasOwnProp(MAY_IMPORT, roomOf(path), path);
});

t.test('every import leads to one of the files that are looked at', async (t) => {
  const elsewhere = [...sources.values()].flat().filter((path) => !sources.has(path));
  t.same(elsewhere, []);
});

t.test('an import against the direction is found, in whichever form', async (t) => {
  const wrong = new Map([
    ['http/target.ts', "import { DiskStore } from '../stores/disk.js';"],
    ['files/serve.ts', "import type { Proxy } from '../upstream/proxy.js';"],
    ['upstream/proxy.ts', "export { sendAnswer } from '../files/send.js';"],
    ['stores/disk.ts', "const later = await import('../files/send.js');"],
    ['config/load.ts', "import '../http/errors.js';"],
    ['server/app.ts', "import { start } from '../cli.js';"],
    ['admin/health.ts', "import { front } from '../server/front.js';"],
    ['files/deep/er.ts', "import { Proxy } from '../../upstream/proxy.js';"],
    ['elsewhere/new.ts', "import { fieldValue } from '../http/fields.js';"],
    ['files/send.ts', "import type { Head } from '../http1/head.js';"],
    ['stores/lookups.ts', "import { turn } from '../http1/turn.js';"],
    ['admin/metrics.ts', "import { connections } from '../http1/connection.js';"],
    ['start.ts', "import { connections } from './http1/connection.js';"],
    ['http/exchange.ts', "import type { Connection } from '../http1/connection.js';"],
    ['http1/head.ts', "import { upstreams } from '../upstream/proxy.js'; import '../stores/disk.js';"],
    ['s3/client.ts', "import '../stores/object-store.js'; import '../upstream/resolver.js';"],
    ['files/version.ts', "import '../s3/client.js';"],
  ]);
  t.same(violations(importsOf(wrong)), [
    'http/target.ts → stores/disk.ts',
    'files/serve.ts → upstream/proxy.ts',
    'upstream/proxy.ts → files/send.ts',
    'stores/disk.ts → files/send.ts',
    'config/load.ts → http/errors.ts',
    'server/app.ts → cli.ts',
    'admin/health.ts → server/front.ts',
    'files/deep/er.ts → upstream/proxy.ts',
    'elsewhere/new.ts → http/fields.ts',
    'files/send.ts → http1/head.ts',
    'stores/lookups.ts → http1/turn.ts',
    'admin/metrics.ts → http1/connection.ts',
    'start.ts → http1/connection.ts',
    'http/exchange.ts → http1/connection.ts',
    'http1/head.ts → upstream/proxy.ts',
    'http1/head.ts → stores/disk.ts',
    's3/client.ts → stores/object-store.ts',
    's3/client.ts → upstream/resolver.ts',
    'files/version.ts → s3/client.ts',
  ]);
  const right = new Map([
    ['cli.ts', "import { listen } from './server/listen.js'; import 'node:fs'; import pino from 'pino';"],
    ['server/app.ts', "import '../files/serve.js'; import '../upstream/proxy.js'; import './front.js';"],
    ['server/front.ts', "import '../http1/connection.js';"],
    ['upstream/proxy.ts', "import '../http1/head.js'; import '../stores/disk.js';"],
    ['http1/head.ts', "import '../http/exchange.js'; import '../config/location.js'; import './fields.js';"],
    ['stores/object-store.ts', "import '../s3/client.js';"],
    ['s3/client.ts', "import '../http1/client-connections.js'; import '../config/bucket.js';"],
    [
      'files/serve.ts',
      "import '../stores/disk.js'; import '../http/errors.js'; import '../config/location.js';",
    ],
    ['http/exchange.ts', "import './target.js'; // import '../stores/disk.js'"],
  ]);
  t.same(violations(importsOf(right)), []);
});

t.test('a circle of files is found, in whichever form', async (t) => {
  const cases: readonly (readonly [what: string, files: Record<string, string>, expected: string[]])[] = [
    [
      'two files of a room',
      { 'http/a.ts': "import { b } from './b.js';", 'http/b.ts': "import { a } from './a.js';" },
      ['http/a.ts → http/b.ts → http/a.ts'],
    ],
    [
      'types only',
      { 'http/a.ts': "import type { B } from './b.js';", 'http/b.ts': "export type { A } from './a.js';" },
      ['http/a.ts → http/b.ts → http/a.ts'],
    ],
    [
      'a type among others, and one that is named where it is used',
      { 'http/a.ts': "import { type B, c } from './b.js';", 'http/b.ts': "let a: import('./a.js').A;" },
      ['http/a.ts → http/b.ts → http/a.ts'],
    ],
    [
      'later, and for its effect',
      { 'http/a.ts': "await import('./b.js');", 'http/b.ts': "import './a.js';" },
      ['http/a.ts → http/b.ts → http/a.ts'],
    ],
    [
      'of three, across rooms and folders',
      {
        'config/load.ts': "import '../http/deep/er.js';",
        'http/deep/er.ts': "import '../../cli.js';",
        'cli.ts': "import './config/load.js';",
      },
      ['cli.ts → config/load.ts → http/deep/er.ts → cli.ts'],
    ],
    ['of one', { 'http/a.ts': "import './a.js';" }, ['http/a.ts → http/a.ts']],
    [
      'two that share a file, which a third only leads to',
      {
        'http/a.ts': "import './c.js';",
        'http/b.ts': "import './c.js';",
        'http/c.ts': "import './b.js'; import './d.js';",
        'http/d.ts': "import './b.js';",
      },
      ['http/b.ts → http/c.ts → http/b.ts'],
    ],
    [
      'two that share none',
      {
        'http/a.ts': "import './b.js';",
        'http/b.ts': "import './a.js'; import './c.js';",
        'http/c.ts': "import './d.js';",
        'http/d.ts': "import './c.js';",
      },
      ['http/a.ts → http/b.ts → http/a.ts', 'http/c.ts → http/d.ts → http/c.ts'],
    ],
    [
      'none where two ways lead to one file',
      {
        'http/a.ts': "import './b.js'; import './c.js'; import './b.js';",
        'http/b.ts': "import './d.js'; // import './a.js'",
        'http/c.ts': "import './d.js'; import 'node:fs'; import 'a.js';",
        'http/d.ts': 'export const d = 1;',
      },
      [],
    ],
  ];
  for (const [what, files, expected] of cases)
    t.same(circles(importsOf(new Map(Object.entries(files)))), expected, what);
});
