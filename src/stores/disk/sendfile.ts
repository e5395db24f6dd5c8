// X-Sendfile: a path on disk, which must lie below the root of an internal location. Here it is only found out which
// file of which location is meant; that it really lies there is checked when the store opens it.
import { isUtf8 } from 'node:buffer';
import { realpathSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { type BytePath, percentEncoder, type Target, toBytePath } from '../../http/target.js';
import { publishedPath } from './kubelet-links.js';
import { withSeparator } from './names.js';

/** A location whose files the app hands out. */
export interface InternalRoot {
  readonly prefix: string;
  /** Absolute path. */
  readonly root: string;
}

const OUTSIDE =
  'X-Sendfile names a file below no internal location; add --internal PREFIX=DIR with the directory it is in';

/**
 * The target in an internal location that a value names, or what is wrong with it.
 * @param internal the longest roots first
 */
export function locateSendfile(value: string, internal: readonly InternalRoot[]): Target | string {
  const paths = plainReadings(value);
  if (paths.length === 0) return 'X-Sendfile is no absolute path without ".."';
  const candidates = paths.flatMap((path) => {
    const target = locate(path, internal);
    return target === undefined ? [] : [{ path, target }];
  });
  const [first] = candidates;
  if (first === undefined) return OUTSIDE;
  if (candidates.length === 1) return first.target;
  return (candidates.find(({ path }) => isFile(path)) ?? first).target;
}

/**
 * The same, where it can be told without a look at the disk: undefined where it cannot.
 * @param internal the longest roots first
 */
export function locateByName(value: string, internal: readonly InternalRoot[]): Target | string | undefined {
  const [path, ...others] = plainReadings(value);
  if (path === undefined) return 'X-Sendfile is no absolute path without ".."';
  if (others.length > 0) return undefined;
  const plain = posix.normalize(path);
  for (const location of internal) {
    const name = below(plain, toBytePath(location.root));
    if (name !== undefined) return targetOf(location, name);
  }
  return undefined;
}

function plainReadings(value: string): string[] {
  return readings(value).filter(isPlainAbsolute);
}

/**
 * What the value can mean, likeliest first. Libraries send the name as it is. Django sends what latin-1 has as
 * latin-1 and anything else as an encoded word (RFC 2047); those who wrote for Apache percent-encode it.
 */
function readings(value: string): string[] {
  const found = [value];
  if (/[^\0-\x7f]/.test(value) && !isUtf8(Buffer.from(value, 'latin1'))) found.push(toBytePath(value));
  if (value.startsWith('=?')) found.push(decodeWords(value));
  if (value.includes('%')) {
    const decoded = decodeEscapes(value, '%');
    if (decoded !== value) found.push(decoded);
  }
  return found;
}

/** Decodes encoded words in UTF-8 to bytes (RFC 2047 §2); anything else is left out. */
function decodeWords(value: string): string {
  const words = value.matchAll(/=\?utf-8\?([bq])\?([^?]*)\?=/gi);
  return [...words]
    .map(([, encoding = '', text = '']) =>
      encoding.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString('latin1')
        : decodeEscapes(text.replaceAll('_', ' '), '='),
    )
    .join('');
}

/** Decodes the bytes that are written as a mark and two hex digits; a mark without them stays. */
function decodeEscapes(text: string, mark: '%' | '='): string {
  const bytes = Buffer.from(text, 'latin1');
  let length = 0;
  for (let index = 0; index < bytes.length; index++) {
    const isEscape = text[index] === mark && HEX_PAIR.test(text.slice(index + 1, index + 3));
    bytes[length++] = isEscape ? Number.parseInt(text.slice(index + 1, index + 3), 16) : (bytes[index] ?? 0);
    if (isEscape) index += 2;
  }
  return bytes.toString('latin1', 0, length);
}

const HEX_PAIR = /^[0-9a-f]{2}$/i;

function isPlainAbsolute(path: string): boolean {
  return path.startsWith('/') && !path.includes('\0') && !path.split('/').includes('..');
}

function locate(path: BytePath, internal: readonly InternalRoot[]): Target | undefined {
  const plain = posix.normalize(path);
  for (const location of internal) {
    const name = below(plain, toBytePath(location.root)) ?? below(plain, realPath(toBytePath(location.root)));
    if (name !== undefined) return targetOf(location, name);
  }
  // The app may know the directory by another name, which leads to the same place; what the kubelet makes visible there has
  // the name that it is visible by.
  const real = realPath(plain);
  for (const location of internal) {
    const root = realPath(toBytePath(location.root));
    const name = below(real, root);
    if (name !== undefined) return targetOf(location, publishedPath(withSeparator(root), name));
  }
  return undefined;
}

function below(path: BytePath, directory: BytePath): BytePath | undefined {
  const start = directory.endsWith('/') ? directory : `${directory}/`;
  return directory !== '' && path.startsWith(start) && path.length > start.length
    ? path.slice(start.length)
    : undefined;
}

/** Empty when there is no such path. */
function realPath(path: BytePath): BytePath {
  try {
    return realpathSync.native(Buffer.from(path, 'latin1'), 'latin1');
  } catch {
    return '';
  }
}

/** False for a name that cannot be one, too: too long, a circle of links, in a directory that is closed to this process. */
function isFile(path: BytePath): boolean {
  try {
    return statSync(Buffer.from(path, 'latin1')).isFile();
  } catch {
    return false;
  }
}

function targetOf(location: InternalRoot, name: BytePath): Target {
  const path = toBytePath(location.prefix) + name;
  return { raw: encodePath(path), path, authority: undefined };
}

const encodePath = percentEncoder(/[\w.~/-]/);
