// Precompressed siblings: `app.css.br` in place of `app.css` (nginx: gzip_static, brotli_static).
import type { FileLocation } from '../config/location.js';
import { type Coding, parseAcceptEncoding } from '../http/accept-encoding.js';
import type { FileVersion, Store } from '../stores/store.js';

type Suffix = NonNullable<FileLocation['precompressed']>[number];

/** Content codings by the suffix of their files; the order is the one that ties are settled in. */
const CODINGS: readonly (readonly [suffix: Suffix, coding: Coding])[] = [
  ['br', 'br'],
  ['zst', 'zstd'],
  ['gz', 'gzip'],
];

/** The file to send in place of another; it looks right, and opening it will show. */
export interface Sibling {
  /** Path below the prefix. */
  readonly name: string;
  readonly coding: string;
  /** Of the file it stands for. */
  readonly original: FileVersion;
  /** What to send when this one cannot be opened; undefined for the file itself. */
  next(): Sibling | undefined;
}

/** What of a file a request is to get. */
export interface Choice {
  /** Undefined for the file itself. */
  readonly sibling: Sibling | undefined;
  /** True when the client does not take the file itself. */
  readonly isIdentityRefused: boolean;
}

/** Chooses for a request; undefined where there is nothing to choose. */
export type ChooseSibling = (name: string, acceptEncoding: string | undefined) => Choice | undefined;

/** Chooses among the suffixes of a location; undefined when it has none. */
export function createSiblingChooser(
  location: FileLocation,
  store: Store,
  contentTypeOf: (name: string) => string,
): ChooseSibling | undefined {
  const suffixes = location.precompressed ?? (location.kind === 'static' ? ['br', 'zst', 'gz'] : []);
  const codings = CODINGS.filter(([suffix]) => suffixes.includes(suffix));
  if (codings.length === 0) return undefined;
  return (name, acceptEncoding) => {
    if (acceptEncoding === undefined || !isCompressible(contentTypeOf(name))) return undefined;
    const original = store.stat(name);
    if (original === undefined) return undefined;
    const wishes = parseAcceptEncoding(acceptEncoding);
    const identity = wishes.weightOf('identity');
    const wanted = codings
      .map(([suffix, coding]) => ({ name: `${name}.${suffix}`, coding, weight: wishes.weightOf(coding) }))
      .filter(({ weight }) => weight > 0 && weight >= identity)
      .sort((a, b) => b.weight - a.weight);
    // Looked for one at a time: nearly always the first is there and can be opened.
    const findFrom = (start: number): Sibling | undefined => {
      const at = wanted.findIndex(
        ({ name }, index) => index >= start && isUsable(store.stat(name), original),
      );
      const found = wanted[at];
      return found === undefined ? undefined : { ...found, original, next: () => findFrom(at + 1) };
    };
    return { sibling: findFrom(0), isIdentityRefused: identity === 0 };
  };
}

/** Files that are copied together (cp -r, a volume, an image) get times of their own, in any order; and FAT's are 2 s apart. */
const COPIED_WITHIN = 2000;

/**
 * A sibling that is older than its original by more than that, in milliseconds, was made from another version. One that is not smaller saves nothing; leaving it
 * out also keeps entity tags apart, which are made of time and size.
 */
function isUsable(sibling: FileVersion | undefined, original: FileVersion): boolean {
  return (
    sibling !== undefined &&
    sibling.mtimeMs >= original.mtimeMs - COPIED_WITHIN &&
    sibling.size < original.size
  );
}

/** Whether files of this type are worth negotiating: what is compressed already is never sent compressed again. */
export function isCompressible(contentType: string): boolean {
  return !/^(?:image\/(?!svg|bmp|x-icon)|video\/|audio\/|font\/woff)/.test(contentType);
}
