// Range requests (RFC 9110 §14). The grammar is read as nginx's range filter reads it, so that both agree on
// malformed fields; overlapping ranges are merged (§15.3.7.2 allows it), which nginx does not do.

/** A range of bytes, both ends inclusive, inside the representation. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What a Range field asks for: everything, nothing that exists (416), or these ranges, in the order asked for. */
export type RangeRequest = 'whole' | 'unsatisfiable' | readonly ByteRange[];

/** Number of bytes in a range. */
export function rangeLength({ first, last }: ByteRange): number {
  return last - first + 1;
}

/** No two runs of spaces can meet: then each way to share them out would be tried, and that is quadratic. */
const RANGE_SPEC = /^ *(?:(\d+) *-(?: *(\d+))?|-(\d+)) *$/;

/**
 * Reads a Range field for a representation of `size` bytes.
 * More than `maxRanges` ranges, or more bytes in all than the representation has, are answered with the whole of it,
 * so that no field costs more than the file.
 */
export function parseRange(field: string, size: number, maxRanges: number): RangeRequest {
  // Another unit is to be ignored (§14.2).
  if (!/^bytes=./i.test(field)) return 'whole';
  const ranges: ByteRange[] = [];
  let total = 0;
  for (const spec of field.slice('bytes='.length).split(',')) {
    const range = resolveRange(spec, size);
    if (range === 'malformed') return 'unsatisfiable';
    if (rangeLength(range) > 0) {
      ranges.push(range);
      total += rangeLength(range);
      if (ranges.length > maxRanges) return 'whole';
    } else if (range.first === 0) {
      // Only an empty representation has no first byte: all of it is what can be had.
      return 'whole';
    }
  }
  if (ranges.length === 0) return 'unsatisfiable';
  return total > size ? 'whole' : mergeOverlapping(ranges);
}

/** The range a spec means in `size` bytes; its length is zero or less when nothing of it exists. */
function resolveRange(spec: string, size: number): ByteRange | 'malformed' {
  const match = RANGE_SPEC.exec(spec);
  if (match === null) return 'malformed';
  const [, from, to, suffix] = match;
  if (suffix !== undefined) return { first: Math.max(0, size - number(suffix)), last: size - 1 };
  return { first: number(from), last: to === undefined ? size - 1 : Math.min(number(to), size - 1) };
}

/** Positions beyond what a file can have stay beyond it. */
function number(digits: string | undefined): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** Joins ranges that share bytes into the place of the first of them. */
function mergeOverlapping(ranges: readonly ByteRange[]): readonly ByteRange[] {
  if (ranges.length < 2) return ranges;
  const merged: { first: number; last: number; place: number }[] = [];
  const sorted = ranges.map(({ first, last }, place) => ({ first, last, place }));
  for (const range of sorted.sort((a, b) => a.first - b.first)) {
    const before = merged.at(-1);
    if (before === undefined || range.first > before.last) {
      merged.push(range);
    } else {
      before.last = Math.max(before.last, range.last);
      before.place = Math.min(before.place, range.place);
    }
  }
  return merged.sort((a, b) => a.place - b.place).map(({ first, last }) => ({ first, last }));
}
