// Preconditions (RFC 9110 §13), evaluated in the order of §13.2.2.
import { parseHttpDate } from './date.js';
import type { Validators } from './validators.js';

/** The fields that make a request conditional, as received; an absent field is undefined. */
export interface Preconditions {
  readonly 'if-match'?: string | undefined;
  readonly 'if-unmodified-since'?: string | undefined;
  readonly 'if-none-match'?: string | undefined;
  readonly 'if-modified-since'?: string | undefined;
  readonly 'if-range'?: string | undefined;
}

/** What of a request says which part of a representation it is to get; fields as Node keeps them. */
export interface Selecting {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What the preconditions of a GET or HEAD come to. */
export type Verdict = 'proceed' | 'not-modified' | 'failed';

/**
 * Evaluates all preconditions but If-Range, for a representation that exists. Dates are ignored where its modification time
 * is not known (§13.1.3, §13.1.4), and without a tag of its own it has none of those that are listed.
 */
export function evaluatePreconditions(fields: Preconditions, current: Validators): Verdict {
  const ifMatch = fields['if-match'];
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, current.etag, isSameStrongly)) return 'failed';
  } else if (fields['if-unmodified-since'] !== undefined) {
    const date = parseHttpDate(fields['if-unmodified-since']);
    if (date !== undefined && current.lastModified !== undefined && current.lastModified > date)
      return 'failed';
  }
  const ifNoneMatch = fields['if-none-match'];
  if (ifNoneMatch !== undefined) {
    return matches(ifNoneMatch, current.etag, isSameWeakly) ? 'not-modified' : 'proceed';
  }
  if (fields['if-modified-since'] !== undefined) {
    const date = parseHttpDate(fields['if-modified-since']);
    if (date !== undefined && current.lastModified !== undefined && current.lastModified <= date)
      return 'not-modified';
  }
  return 'proceed';
}

/**
 * Whether the Range field counts (§13.1.5): without If-Range always, with it only when it names exactly the current
 * version, by a strong entity tag or by the exact modification date of a file that has settled (§8.8.2.2).
 */
export function ifRangeHolds(ifRange: string | undefined, current: Validators): boolean {
  if (ifRange === undefined) return true;
  const { etag, lastModified } = current;
  if (ifRange.includes('"')) return etag !== undefined && isSameStrongly(ifRange.trim(), etag);
  return (
    etag !== undefined &&
    !isWeak(etag) &&
    lastModified !== undefined &&
    parseHttpDate(ifRange) === lastModified
  );
}

type Comparison = (a: string, b: string) => boolean;

const isWeak = (etag: string): boolean => etag.startsWith('W/');
const opaque = (etag: string): string => (isWeak(etag) ? etag.slice(2) : etag);
/** §8.8.3.2: equal, and neither is weak. */
const isSameStrongly: Comparison = (a, b) => a === b && !isWeak(a);
/** §8.8.3.2: equal apart from weakness. */
const isSameWeakly: Comparison = (a, b) => opaque(a) === opaque(b);

const ENTITY_TAG = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

function matches(field: string, current: string | undefined, compare: Comparison): boolean {
  if (field.trim() === '*') return true;
  if (current === undefined) return false;
  // One plain tag is by far the most common field.
  if (field === current) return compare(field, current);
  for (const [etag] of field.matchAll(ENTITY_TAG)) {
    if (compare(etag, current)) return true;
  }
  return false;
}
