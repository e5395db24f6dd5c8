// What of a file a request gets: preconditions first, then ranges (RFC 9110 §13.2.2, §14.2).
import { evaluatePreconditions, ifRangeHolds, type Selecting } from '../http/conditional.js';
import { PreconditionFailedError, RangeNotSatisfiableError } from '../http/errors.js';
import { type ByteRange, parseRange } from '../http/ranges.js';
import type { Representation } from './representation.js';

/** `whole`: 200; `not-modified`: 304; ranges: 206. */
export type Selection = 'whole' | 'not-modified' | readonly ByteRange[];

/**
 * @param maxRanges ranges in one request; 0 when ranges are not served
 * @throws {PreconditionFailedError} when If-Match or If-Unmodified-Since does not hold
 * @throws {RangeNotSatisfiableError} when no byte of the range exists
 */
export function select(
  { method, headers }: Selecting,
  { version, validators }: Representation,
  maxRanges: number,
): Selection {
  // Node joins repeated fields of these names, or keeps the first: none of them is ever a list.
  const fields = headers as Readonly<Record<string, string | undefined>>;
  const verdict = evaluatePreconditions(fields, validators);
  if (verdict === 'failed') throw new PreconditionFailedError();
  if (verdict === 'not-modified') return 'not-modified';
  // §14.2: of other methods than GET it is ignored, of HEAD too, and with it If-Range.
  const range = method === 'GET' ? fields['range'] : undefined;
  if (range === undefined || maxRanges === 0 || !ifRangeHolds(fields['if-range'], validators)) return 'whole';
  const wanted = parseRange(range, version.size, maxRanges);
  if (wanted === 'unsatisfiable') throw new RangeNotSatisfiableError(version.size);
  return wanted;
}
