// Validators (RFC 9110 §8.8) in nginx's form, so that caches filled by an nginx stay valid after a migration.
import { formatHttpDate } from './date.js';

/** What is known of a representation's version. */
export interface Validators {
  /** Entity tag with its quotes, `W/` in front when weak. */
  readonly etag: string;
  /** Modification time in whole seconds since the epoch; dates of requests are compared with it. */
  readonly lastModified: number;
  /** The same as an HTTP date; of a time in the future, the present instead (RFC 9110 §8.8.2.1). */
  readonly lastModifiedText: string;
}

/** A file changed within this many milliseconds may change again and keep size and second. */
const SETTLED_AFTER = 2000;

/**
 * Makes a file's validators: `"mtime-size"` in hex, as nginx does. The tag is weak while the file's next version
 * could carry the same pair, and so is the date then no strong validator (RFC 9110 §8.8.2.2). Of a file from the
 * future nothing is known to have settled until its time has come.
 * @param modified time of modification, in milliseconds since the epoch
 * @param size in bytes
 * @param now in milliseconds since the epoch
 * @param suffix of the tag, for one of several codings of a file
 */
export function fileValidators(modified: number, size: number, now: number, suffix = ''): Validators {
  const lastModified = Math.floor(modified / 1000);
  const tag = `"${lastModified.toString(16)}-${size.toString(16)}${suffix}"`;
  return {
    etag: now - modified < SETTLED_AFTER ? `W/${tag}` : tag,
    lastModified,
    lastModifiedText: formatHttpDate(Math.min(lastModified, Math.floor(now / 1000))),
  };
}
