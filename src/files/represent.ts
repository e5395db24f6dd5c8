// From an open file and a request to an answer: preconditions, then ranges, then headers (RFC 9110 §13, §14).
import { evaluatePreconditions, ifRangeHolds } from '../http/conditional.js';
import { PreconditionFailedError, RangeNotSatisfiableError } from '../http/errors.js';
import { parseRange, rangeLength } from '../http/ranges.js';
import { fileValidators } from '../http/validators.js';
import type { OpenedFile } from '../stores/store.js';
import type { Answer } from './answer.js';

/** What a location says of a file, whatever its content. */
export interface FileDescription {
  readonly contentType: string;
  readonly cacheControl: string;
}

/** The request's part in the answer. */
export interface FileRequest {
  readonly method?: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Ranges in one request; more are answered with the whole file, as nginx does at `max_ranges`. */
const MAX_RANGES = 1;

/**
 * Decides status, headers and bytes.
 * @throws {PreconditionFailedError} when If-Match or If-Unmodified-Since does not hold
 * @throws {RangeNotSatisfiableError} when no byte of the range exists
 */
export function represent(request: FileRequest, file: OpenedFile, description: FileDescription): Answer {
  const fields = request.headers as Readonly<Record<string, string | undefined>>;
  const validators = fileValidators(file.modified, file.size, Date.now());
  const verdict = evaluatePreconditions(fields, validators);
  if (verdict === 'failed') throw new PreconditionFailedError();
  const always = [
    'Last-Modified',
    validators.lastModifiedText,
    'ETag',
    validators.etag,
    'Cache-Control',
    description.cacheControl,
    'X-Content-Type-Options',
    'nosniff',
  ];
  if (verdict === 'not-modified') return { status: 304, headers: always, parts: [], file };

  always.push('Accept-Ranges', 'bytes', 'Content-Type', description.contentType);
  const whole = { first: 0, last: file.size - 1 };
  const range = fields['range'];
  const wanted =
    range !== undefined && ifRangeHolds(fields['if-range'], validators)
      ? parseRange(range, file.size, MAX_RANGES)
      : 'whole';
  if (wanted === 'unsatisfiable') throw new RangeNotSatisfiableError(file.size);
  const [slice = whole] = wanted === 'whole' ? [] : wanted;
  always.push('Content-Length', String(rangeLength(slice)));
  if (wanted !== 'whole') always.push('Content-Range', `bytes ${slice.first}-${slice.last}/${file.size}`);
  return {
    status: wanted === 'whole' ? 200 : 206,
    headers: always,
    parts: request.method === 'HEAD' ? [] : [slice],
    file,
  };
}
