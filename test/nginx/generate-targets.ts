/** Request targets: real paths in every spelling, and pieces of targets put together at random. */
import fc from 'fast-check';
import { PATHS } from './tree.js';

/** The usual value, and one time in `weight + 1` another. */
export function often<A, B>(weight: number, usual: A, other: fc.Arbitrary<B>): fc.Arbitrary<A | B> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}

/** One of these words, which stand with spaces between them. */
export function oneOf(words: string): fc.Arbitrary<string> {
  return fc.constantFrom(...words.split(' '));
}

export interface Target {
  /** The path that it means, unless something in the spelling turns it into another. */
  readonly path: string;
  /** As it stands in the request. */
  readonly target: string;
}

/** What stands for itself in a path (RFC 3986 §3.3). */
const PLAIN = /[\w.~!$&'()*+,;=:@-]/;
/** What a careless client leaves as it is, too. */
const BARE = /[^ ?#%]/;

const DETOURS = oneOf('/ ./ x/../ %2e/ x/%2E%2e/ x%2f../ ../ ..;/ //./ .%2e/ sub/');

const SUFFIXES = oneOf(
  '? ?a=b ?a=%zz ?/../.. # #f ?a#b %23 / /. /.. %00 %zz % %2 . %20 \\ ;x %5c %0a %0d%0aX:%20y %7f ~ .gz .br',
);

const ORIGINS = oneOf('http://example.org HTTP://a.example:81 https://b.example');

const spelled: fc.Arbitrary<Target> = fc
  .record({
    path: fc.constantFrom(...PATHS),
    /** By position: 0 escapes only what must be, 1 everything in lower case, 2 in upper case. */
    escapes: often(2, [0], fc.array(fc.nat(2), { minLength: 1, maxLength: 12 })),
    plain: often(8, PLAIN, fc.constant(BARE)),
    /** What stands behind which slash. */
    detours: fc.array(fc.tuple(fc.nat(3), DETOURS), { maxLength: 2, size: '-1' }),
    suffix: often(6, '', SUFFIXES),
    origin: often(12, '', ORIGINS),
  })
  .map(({ path, escapes, plain, detours, suffix, origin }) => {
    let slash = -1;
    const written = Array.from(path, (character, index) => {
      const form = escapes[index % escapes.length];
      if (character === '/') {
        slash += 1;
        const behind = detours.filter(([at]) => at === slash).map(([, detour]) => detour);
        return `${form === 1 && index > 0 ? '%2F' : '/'}${behind.join('')}`;
      }
      if (form === 0 && plain.test(character)) return character;
      const hex = character.charCodeAt(0).toString(16).padStart(2, '0');
      return `%${form === 2 ? hex.toUpperCase() : hex}`;
    });
    return { path, target: `${origin}${written.join('')}${suffix}` };
  });

const STARTS = oneOf('* // http:/// http://example.org/ http://u@h/ ftp://h/ \\ media/ http://[::1]/ HTTP:');

const PIECES = fc.oneof(
  oneOf('media static mediax ten.txt sub inner.txt outside .git .well-known app a / / / / // . .. /../ /./'),
  oneOf('%2e %2E%2e %2f %5c \\ ; ..; ... %00 %zz % %u002e %c0%ae %252e %c3%bc \xc3\xbc \xff %ff %EF%BC%8F'),
  oneOf('? # %0a %20 + & ~ " < | { ^ ` [ : \t \x01 \x7f'),
  fc.constant(' '),
);

const wild: fc.Arbitrary<Target> = fc
  .record({
    start: often(10, '/', STARTS),
    pieces: fc.array(PIECES, { maxLength: 10 }),
    length: often(12, 0, fc.constantFrom(255, 256, 1000, 3000, 4096, 7000)),
  })
  .map(({ start, pieces, length }) => ({
    path: '',
    target: `${start}${pieces.join('')}${'a'.repeat(length)}`,
  }));

export const targets: fc.Arbitrary<Target> = fc.oneof(
  { weight: 9, arbitrary: spelled },
  { weight: 1, arbitrary: wild },
);
