/** Values of header fields: well-formed around the file that is asked for, and with everything that can be wrong. */
import fc from 'fast-check';
import { dateOf } from './date.js';
import { often, oneOf } from './generate-targets.js';

/** What a value may refer to. */
export interface Subject {
  /** In bytes. */
  readonly size: number;
  /** Itself first, then its precompressed siblings. */
  readonly versions: readonly [Version, ...Version[]];
}

export interface Version {
  readonly etag: string;
  /** Time of modification. */
  readonly seconds: number;
}

/** Mostly the file itself. */
const version = fc.constantFrom(0, 0, 0, 0, 1, 2, 3, 4, 5).map(
  (index) =>
    ({ versions }: Subject) =>
      versions[index % versions.length] ?? versions[0],
);

/** A value, once the file that is asked for is known. */
export type FieldValue = fc.Arbitrary<(file: Subject) => string>;

function fixed(texts: fc.Arbitrary<string>): FieldValue {
  return texts.map((text) => () => text);
}

/** A position in a file, most of them near its ends. */
const position: FieldValue = fc.oneof(
  fixed(fc.nat(12).map(String)),
  fc.integer({ min: -6, max: 2 }).map(
    (from) =>
      ({ size }: Subject) =>
        String(Math.max(0, size + from)),
  ),
  fc.nat(100).map(
    (percent) =>
      ({ size }: Subject) =>
        String(Math.floor((size * percent) / 100)),
  ),
  fixed(oneOf('007 4294967296 9007199254740993 9223372036854775807 99999999999999999999')),
);

const span: FieldValue = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(position, position).map(([first, last]) => (file: Subject) => {
      const ends = [first(file), last(file)];
      return ends.sort((a, b) => Number(a) - Number(b)).join('-');
    }),
  },
  { weight: 10, arbitrary: position.map((first) => (file: Subject) => `${first(file)}-`) },
  { weight: 10, arbitrary: position.map((length) => (file: Subject) => `-${length(file)}`) },
  { weight: 1, arbitrary: fixed(oneOf('- 5-3 a 1 --1 +1-2 0x1-2 1-2-3 \t0-1 0-1; * 1.5-2 0-0-')) },
  { weight: 1, arbitrary: fixed(fc.constantFrom('', ' ', ' 0 - 1 ', '- 1', '1 2-3', '0 -')) },
);

export const ranges: FieldValue = fc
  .tuple(
    often(8, 'bytes=', fc.constantFrom('Bytes=', 'BYTES=', 'items=', 'bytes', 'bytes =', 'bytes==', '')),
    fc.array(span, { minLength: 1, maxLength: 4 }),
    often(9, ',', fc.constantFrom(', ', ' , ', ',,', ';', '\t,')),
  )
  .map(
    ([unit, spans, comma]) =>
      (file) =>
        unit + spans.map((spanOf) => spanOf(file)).join(comma),
  );

const etag: FieldValue = fc.oneof(
  { weight: 4, arbitrary: version.map((of) => (file: Subject) => of(file).etag) },
  { weight: 1, arbitrary: version.map((of) => (file: Subject) => `W/${of(file).etag}`) },
  { weight: 1, arbitrary: version.map((of) => (file: Subject) => of(file).etag.slice(1, -1)) },
  { weight: 1, arbitrary: fixed(oneOf('"x" W/"x" "" "596b3c40-a" x "a,b" w/"x" *')) },
);

export const etags: FieldValue = fc.oneof(
  { weight: 6, arbitrary: etag },
  { weight: 1, arbitrary: fixed(fc.constantFrom('*', ' * ', '', '"a b"')) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.array(etag, { minLength: 1, maxLength: 3 }), fc.constantFrom(', ', ',', ' , ', ',,', ',\t'))
      .map(
        ([list, comma]) =>
          (file: Subject) =>
            list.map((tagOf) => tagOf(file)).join(comma),
      ),
  },
);

const NO_DATES = ['nonsense', '', '0', '1500000000', 'Sun, 06 Nov 1994', 'Sun, 32 Nov 1994 08:49:37 GMT'];

export const date: FieldValue = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        version,
        fc.constantFrom(0, 0, 0, -1, 1, -86_400, 86_400),
        fc.constantFrom('fixed' as const, 'rfc850' as const, 'asctime' as const),
      )
      .map(
        ([of, offset, form]) =>
          (file: Subject) =>
            dateOf(of(file).seconds + offset, form),
      ),
  },
  { weight: 1, arbitrary: fixed(fc.constantFrom(...NO_DATES)) },
);

export const validator: FieldValue = fc.oneof(etag, date);

const coding = fc.tuple(
  oneOf('gzip gzip gzip br zstd identity * deflate GZIP x-gzip gzi'),
  often(
    2,
    '',
    fc.constantFrom(';q=0', ';q=0.0', ';q=0.001', ';q=0.5', ';q=1', '; q=0.7', ' ;q=0.2', ';Q=0', ';q=2'),
  ),
);

export const codings: FieldValue = fc
  .tuple(
    // A coding that is named twice means nothing in particular.
    fc.uniqueArray(coding, {
      minLength: 1,
      maxLength: 4,
      selector: ([name]) => name.toLowerCase().replace('x-', ''),
    }),
    fc.constantFrom(', ', ',', ' , '),
  )
  .map(
    ([list, comma]) =>
      () =>
        list.map(([name, weight]) => name + weight).join(comma),
  );
