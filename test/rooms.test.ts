// The rooms of src/ depend one way: cli → server → files, upstream, admin → stores, http → nothing. The configuration
// may be imported by all and imports nothing but itself; files/ and upstream/ never import each other.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';

/** The rooms that each room may import from, besides its own. The top has what stands directly in src/. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  top: ['server', 'files', 'upstream', 'admin', 'stores', 'http', 'config'],
  server: ['files', 'upstream', 'admin', 'stores', 'http', 'config'],
  files: ['stores', 'http', 'config'],
  upstream: ['stores', 'http', 'config'],
  admin: ['stores', 'http', 'config'],
  stores: ['http', 'config'],
  http: ['config'],
  config: [],
};

/** The room of a file, given relative to src/. */
const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : 'top');

/** `importer → imported` for each import against the direction. `files` are contents by path relative to src/. */
function violations(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, text]) =>
    ts
      .preProcessFile(text, true, true)
      .importedFiles.filter(({ fileName }) => fileName.startsWith('.'))
      .map(({ fileName }) => posix.join(posix.dirname(path), fileName))
      .filter((imported) => {
        const [from, to] = [roomOf(path), roomOf(imported)];
        return from !== to && MAY_IMPORT[from]?.includes(to) !== true;
      })
      .map((imported) => `${path} → ${imported}`),
  );
}

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));
const sources = new Map(
  readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => [path.replaceAll('\\', '/'), readFileSync(`${SOURCE}${path}`, 'utf8')]),
);

t.test('no file imports against the direction', async (t) => {
  t.ok(sources.size > 30, `${sources.size} files`);
  t.same(violations(sources), []);
});

t.test('every room is one of those on the plan', async (t) => {
  for (const path of sources.keys()) t.hasOwnProp(MAY_IMPORT, roomOf(path), path);
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
  ]);
  t.same(violations(wrong), [
    'http/target.ts → stores/disk.js',
    'files/serve.ts → upstream/proxy.js',
    'upstream/proxy.ts → files/send.js',
    'stores/disk.ts → files/send.js',
    'config/load.ts → http/errors.js',
    'server/app.ts → cli.js',
    'admin/health.ts → server/front.js',
    'files/deep/er.ts → upstream/proxy.js',
    'elsewhere/new.ts → http/fields.js',
  ]);
  const right = new Map([
    ['cli.ts', "import { listen } from './server/listen.js'; import 'node:fs'; import pino from 'pino';"],
    ['server/app.ts', "import '../files/serve.js'; import '../upstream/proxy.js'; import './front.js';"],
    [
      'files/serve.ts',
      "import '../stores/disk.js'; import '../http/errors.js'; import '../config/location.js';",
    ],
    ['http/exchange.ts', "import './target.js'; // import '../stores/disk.js'"],
  ]);
  t.same(violations(right), []);
});
