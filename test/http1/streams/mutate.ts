/** Changes a few bytes of a stream: flips, inserts, deletes and duplicates. */
import type { Random } from './random.js';

/** What the grammar of HTTP/1.1 is made of, and what it forbids. */
const TELLING = Buffer.from(
  '\r\n\0\t :;,="\\/?#%+-0159afgAFxX()<>@[]{}~\x01\x0b\x0c\x1f\x7f\x80\x85\xa0\xff',
  'latin1',
);
const SEQUENCES = [
  '\r\n',
  '\r\n\r\n',
  '0\r\n\r\n',
  '\r\n ',
  'Content-Length: 3\r\n',
  '\n\n',
  ';a=b',
  '0x',
  ': ',
];

/** Most bytes that are deleted or duplicated at once. */
const RANGE = 24;

/** @param made is told what was done */
export function mutate(random: Random, original: Buffer, made: string[]): Buffer<ArrayBuffer> {
  let bytes = Buffer.from(original);
  const times = random.percent(60) ? 1 : random.between(2, 4);
  for (let time = 0; time < times; time += 1) bytes = mutateOnce(random, bytes, made);
  return bytes;
}

function mutateOnce(random: Random, bytes: Buffer, made: string[]): Buffer<ArrayBuffer> {
  // Most of a long stream is a body, where nothing matters.
  const at = random.below(Math.min(bytes.length, random.percent(80) ? 600 : bytes.length));
  const end = Math.min(bytes.length, at + random.between(1, RANGE));
  const splice = (what: string, from: number, to: number, put: Buffer): Buffer<ArrayBuffer> => {
    made.push(`${what} at ${from}`);
    return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]);
  };
  const byte = (value: number): Buffer => Buffer.from([value]);
  switch (random.below(7)) {
    case 0:
      return splice('a bit flipped', at, at + 1, byte((bytes[at] ?? 0) ^ (1 << random.below(8))));
    case 1:
      return splice('a byte replaced', at, at + 1, byte(TELLING[random.below(TELLING.length)] ?? 0));
    case 2:
      return splice('a byte inserted', at, at, byte(TELLING[random.below(TELLING.length)] ?? 0));
    case 3:
      return splice('a byte deleted', at, at + 1, Buffer.alloc(0));
    case 4:
      return splice('bytes deleted', at, end, Buffer.alloc(0));
    case 5:
      return splice('bytes duplicated', at, at, bytes.subarray(at, end));
    default: {
      const put = random.pick(SEQUENCES);
      return splice(`${JSON.stringify(put)} inserted`, at, at, Buffer.from(put, 'latin1'));
    }
  }
}
