// Precompressed siblings: `app.css.br` in place of `app.css` (nginx: gzip_static, brotli_static). Which of them a client takes
// is decided here; which of those are there, by the store.
import type { FileLocation } from '../config/location.js';
import { type Coding, parseAcceptEncoding } from '../http/accept-encoding.js';

type Suffix = NonNullable<FileLocation['precompressed']>[number];

/** Content codings by the suffix of their files; the order is the one that ties are settled in. */
const CODINGS: readonly (readonly [suffix: `.${Suffix}`, coding: Coding])[] = [
  ['.br', 'br'],
  ['.zst', 'zstd'],
  ['.gz', 'gzip'],
];

/** The coding of a sibling; undefined for the empty suffix, which is the file itself. */
export function codingOf(suffix: string): Coding | undefined {
  return CODINGS.find(([known]) => known === suffix)?.[1];
}

/** What of a file a client takes. */
export interface Wishes {
  /** Suffixes of the siblings that it rather has, the best first. */
  readonly siblings: readonly string[];
  /** True when it does not take the file itself. */
  readonly isIdentityRefused: boolean;
}

const AS_IT_IS: Wishes = { siblings: [], isIdentityRefused: false };

/** Reads what a request says of a file. */
export type ReadWishes = (name: string, acceptEncoding: string | undefined) => Wishes;

/** Whether a location has siblings at all, and how its requests choose among them. */
export function createWishReader(
  location: FileLocation,
  contentTypeOf: (name: string) => string,
): { readonly hasSiblings: boolean; readonly read: ReadWishes } {
  const suffixes = location.precompressed ?? usualSuffixes(location);
  const codings = CODINGS.filter(([suffix]) => suffixes.some((wanted) => suffix === `.${wanted}`));
  if (codings.length === 0) return { hasSiblings: false, read: () => AS_IT_IS };
  return {
    hasSiblings: true,
    read: (name, acceptEncoding) => {
      if (acceptEncoding === undefined || !isCompressible(contentTypeOf(name))) return AS_IT_IS;
      const wishes = parseAcceptEncoding(acceptEncoding);
      const identity = wishes.weightOf('identity');
      const siblings = codings
        .map(([suffix, coding]) => ({ suffix, weight: wishes.weightOf(coding) }))
        .filter(({ weight }) => weight > 0 && weight >= identity)
        .sort((a, b) => b.weight - a.weight)
        .map(({ suffix }) => suffix);
      return { siblings, isIdentityRefused: identity === 0 };
    },
  };
}

/** Looking for them in a bucket costs requests, which are paid for: it is done where it is asked for. */
function usualSuffixes({ kind, bucket }: FileLocation): readonly Suffix[] {
  return kind === 'static' && bucket === undefined ? ['br', 'zst', 'gz'] : [];
}

/** Whether files of this type are worth negotiating: what is compressed already is never sent compressed again. */
export function isCompressible(contentType: string): boolean {
  return !/^(?:image\/(?!svg|bmp|x-icon)|video\/|audio\/|font\/woff)/.test(contentType);
}
