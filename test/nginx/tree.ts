/**
 * The files that both servers serve: every kind of name, size and file that the two might treat differently.
 * Paths are byte strings, a character a byte, since not every name is UTF-8. All times are old and differ from
 * each other, so that no two files share a validator.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { posix } from 'node:path';

/** What stands at a path; `loop` is a link to itself, `special` neither a file nor a directory. */
export type Found = { readonly kind: 'missing' | 'directory' | 'outside' | 'loop' | 'special' } | File;

export interface File {
  readonly kind: 'file';
  readonly body: Buffer;
  /** Time of modification, in whole seconds. */
  readonly seconds: number;
  /** In the form that nginx gives it. */
  readonly etag: string;
}

/** Extension to type: what nginx is configured with, in place of its own shorter list. */
export const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css',
  gz: 'application/gzip',
  html: 'text/html',
  jpg: 'image/jpeg',
  js: 'text/javascript',
  json: 'application/json',
  mp4: 'video/mp4',
  pdf: 'application/pdf',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  xhtml: 'application/xhtml+xml',
  xml: 'application/xml',
};

/** Those of them that are sent with a charset, beside `text/html`, which nginx always counts in. */
export const TEXT_TYPES: readonly string[] = Object.values(TYPES).filter(
  (type) => type !== 'text/html' && /^text\/|json$|xml$/.test(type),
);

const PAGE = '<!doctype html><title>A page</title><script>document.title = "ran"</script>\n';
const PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>\n';
const STYLE = 'body { margin: 0 }\n'.repeat(100);
const TEXT = Array.from({ length: 150 }, (_, line) => `Line ${line} of a text, long enough.\n`).join('');

const FILES: readonly (readonly [path: string, body: string | Buffer])[] = [
  ['media/empty.txt', ''],
  ['media/one.txt', '1'],
  ['media/ten.txt', '0123456789'],
  ['media/text.txt', TEXT],
  ['media/big.jpg', noise(300_000)],
  ['media/with space.txt', 'space'],
  [utf8('media/grüße.txt'), 'umlaut'],
  [utf8('media/日本語.txt'), 'three characters'],
  [utf8('media/😀.txt'), 'beyond the basic plane'],
  ['media/caf\xe9.txt', 'Latin-1, from before the migration'],
  ['media/100%.txt', 'percent'],
  ['media/percent%41.txt', 'decoded once'],
  ['media/percentA.txt', 'decoded twice'],
  ['media/a+b.txt', 'plus'],
  ['media/what?.txt', 'question'],
  ['media/hash#.txt', 'hash'],
  ['media/semi;colon.txt', 'semicolon'],
  ['media/amp&=\'"<>.txt', 'markup'],
  ['media/back\\slash.txt', 'backslash'],
  ['media/..name', 'two dots'],
  ['media/..;', 'two dots and a semicolon'],
  ['media/...', 'three dots'],
  ['media/trailing.txt.', 'a dot'],
  ['media/trailing.txt..', 'two dots'],
  ['media/noextension', 'no extension'],
  ['media/html', 'no extension, but the name of one'],
  ['media/v1.html/readme', 'a dot in the folder'],
  ['media/UPPER.TXT', 'upper case'],
  ['media/page.html', PAGE],
  ['media/page.xhtml', PAGE],
  ['media/picture.svg', PICTURE],
  ['media/data.xml', '<?xml version="1.0"?><data/>\n'],
  ['media/data.json', '{"a":[1,2,3]}\n'],
  ['media/script.js', 'document.title = "ran";\n'],
  ['media/style.css', STYLE],
  ['media/style.css.gz', noise(200)],
  ['media/film.mp4', noise(5000)],
  ['media/paper.pdf', '%PDF-1.4\n%%EOF\n'],
  ['media/epoch.txt', 'as old as the clock'],
  ['media/fraction.txt', 'modified between two seconds'],
  ['media/buildpack.txt', 'as old as all files of all builds'],
  ['media/last.txt', 'modified in the last moment of a second'],
  ['media/future.txt', 'not settled yet'],
  ['media/denied.txt', 'for root only'],
  ['media/sub/inner.txt', 'inner'],
  ['media/sub/deep/leaf.txt', 'leaf'],
  ['media/indexed/index.html', PAGE],
  ['media/.hidden', 'hidden'],
  ['media/.git/config', 'hidden'],
  ['media/sub/.env', 'hidden'],
  ['media/.well-known/security.txt', 'Contact: mailto:security@example.org\n'],
  ['static/app.css', STYLE],
  ['static/app.css.gz', noise(300)],
  ['static/app.css.br', noise(250)],
  ['static/app.css.zst', noise(270)],
  ['static/app.3f2a9c1b8d7e.js', TEXT],
  ['static/app.3f2a9c1b8d7e.js.gz', noise(400)],
  ['static/plain.js', 'plain();\n'],
  ['static/page.html', PAGE],
  ['static/page.html.gz', noise(60)],
  ['static/picture.svg', PICTURE],
  ['static/only.txt.gz', noise(80)],
  ['static/brotli.txt', TEXT],
  ['static/brotli.txt.br', noise(90)],
  ['static/leak.css', STYLE],
  ['static/folder.css', STYLE],
  ['static/tiny.css', 'a{}\n'],
  ['static/tiny.css.gz', noise(24)],
  ['static/photo.jpg', noise(500)],
  ['static/photo.jpg.gz', noise(490)],
  ['static/folder.css.gz/inner.txt', 'inside a folder that is named as a sibling'],
  // The sibling first, so that it is the older one of the two.
  ['static/stale.js.gz', noise(100)],
  ['static/stale.js', 'fresh();\n'],
  ['outside/secret.txt', 'secret'],
];

const LINKS: readonly (readonly [path: string, target: string])[] = [
  ['media/link.txt', 'ten.txt'],
  ['media/linked', 'sub'],
  ['media/outside.txt', '../outside/secret.txt'],
  ['media/outside', '../outside'],
  ['media/dangling.txt', 'nowhere.txt'],
  ['media/loop.txt', 'loop.txt'],
  ['static/leak.css.gz', '../outside/secret.txt'],
];

const FIFO = 'media/fifo';

const DIRECTORIES = [
  'media',
  'media/sub',
  'media/indexed',
  'media/linked',
  'media/.git',
  'static',
  'static/folder.css.gz',
];

/** Every path that is worth asking for, with its prefix: `/media/ten.txt`. */
export const PATHS: readonly string[] = [
  ...FILES.map(([path]) => path).filter((path) => !path.startsWith('outside')),
  ...LINKS.map(([path]) => path),
  ...DIRECTORIES,
  FIFO,
  'media/linked/inner.txt',
  'media/outside/secret.txt',
  'media/missing.txt',
  'static/only.txt',
].map((path) => `/${path}`);

/** A clock that is ahead: as a file that is being written, it may change again within the second that its time tells. */
export const FUTURE = Math.floor(Date.now() / 1000) + 12 * 3600;

const TIMES: Readonly<Record<string, number>> = {
  'media/epoch.txt': 0,
  'media/fraction.txt': 1_490_000_000.75,
  'media/buildpack.txt': 315_532_801,
  'media/future.txt': FUTURE,
};

export class Tree {
  readonly #folder: string;
  readonly #found = new Map<string, Found>();

  /** Writes everything into `folder`, which exists and is empty. */
  constructor(folder: string) {
    this.#folder = folder;
    FILES.forEach(([path, body], index) => {
      this.plant(path, body, TIMES[path] ?? 1_500_000_000 + index * 100_000);
    });
    // Closer to the next second than a number of milliseconds can be.
    execFileSync('touch', ['-d', '@1490000000.9999999', `${folder}/media/last.txt`]);
    LINKS.forEach(([path, target], index) => {
      symlinkSync(target, this.#onDisk(path));
      // Neither server may take a link's own time for the file's.
      lutimesSync(`${folder}/${path}`, 1_480_000_000, 1_480_000_000 + index);
    });
    chmodSync(`${folder}/media/denied.txt`, 0);
    execFileSync('mkfifo', [`${folder}/${FIFO}`]);
  }

  get media(): string {
    return `${this.#folder}/media`;
  }

  get static(): string {
    return `${this.#folder}/static`;
  }

  /** Writes one file, modified at `seconds`. */
  plant(path: string, body: string | Buffer, seconds: number): void {
    mkdirSync(this.#onDisk(posix.dirname(path)), { recursive: true });
    writeFileSync(this.#onDisk(path), body);
    utimesSync(this.#onDisk(path), seconds, seconds);
    this.#found.delete(`/${path}`);
  }

  /** What stands at a decoded path such as `/media/ten.txt`. */
  find(path: string): Found {
    let found = this.#found.get(path);
    if (found === undefined) {
      found = this.#look(path);
      this.#found.set(path, found);
    }
    return found;
  }

  /** The file at a decoded path, or undefined when there is none or it is none. */
  file(path: string): File | undefined {
    const found = this.find(path);
    return found.kind === 'file' ? found : undefined;
  }

  #look(path: string): Found {
    try {
      const stats = statSync(this.#onDisk(path), { bigint: true });
      const real = realpathSync.native(this.#onDisk(path), 'latin1');
      const root = realpathSync.native(this.#onDisk(path.split('/')[1] ?? ''), 'latin1');
      if (real !== root && !real.startsWith(`${root}/`)) return { kind: 'outside' };
      if (stats.isDirectory()) return { kind: 'directory' };
      if (!stats.isFile() || path.endsWith('/')) return { kind: 'special' };
      const seconds = Number(stats.mtimeNs / 1_000_000_000n);
      const etag = `"${seconds.toString(16)}-${stats.size.toString(16)}"`;
      return { kind: 'file', body: readFileSync(this.#onDisk(path)), seconds, etag };
    } catch (error) {
      return { kind: (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'loop' : 'missing' };
    }
  }

  #onDisk(path: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.#folder}/`), Buffer.from(path, 'latin1')]);
  }
}

/** The bytes of a text, as the paths above are written. */
export function utf8(text: string): string {
  return Buffer.from(text).toString('latin1');
}

/** Bytes that look random and are the same at every run. */
function noise(length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let index = 0; index * 64 < length; index += 1) {
    blocks.push(createHash('sha512').update(`${length} ${index}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}
