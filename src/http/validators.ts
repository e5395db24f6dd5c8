// Validators (RFC 9110 §8.8) in nginx's form, so that caches filled by an nginx stay valid after a migration.
import { formatHttpDate } from './date.js';

/** What is known of a representation's version. */
export interface Validators {
  /** Entity tag with its quotes, `W/` in front when weak; undefined when nothing tells versions apart. */
  readonly etag: string | undefined;
  /**
   * Modification time in whole seconds since the epoch; dates of requests are compared with it. Undefined when it is not
   * known.
   */
  readonly lastModified: number | undefined;
  /** The same as an HTTP date; of a time in the future, the present instead (RFC 9110 §8.8.2.1). */
  readonly lastModifiedText: string | undefined;
}

/** The validators of a representation whose modification time is known. */
export interface DatedValidators extends Validators {
  readonly etag: string;
  readonly lastModified: number;
  readonly lastModifiedText: string;
}

/** A file changed within this many milliseconds may change again and keep size and second. */
const SETTLED_AFTER = 2000;

/** The Web began in that year: nothing on it was changed before. */
const FIRST_CHANGE = Date.UTC(1990, 0);

/** Clocks of two machines may differ, but not by that, in milliseconds. */
const LARGEST_SKEW = 86_400_000;

/**
 * Later times that tools give to all files of all builds, in seconds since the epoch. Most others lie before the Web: 0
 * (tar, ko, OSTree), 1 (Nix, Guix, Jib), 1980-01-01 and the second behind it (ZIP's first, buildpacks), February of that
 * year (Gradle), 1984-06-22 (Yarn), 1985-10-26 (npm).
 */
const FIXED_TIMES: ReadonlySet<number> = new Set([
  Date.UTC(2000, 0) / 1000, // Bazel's rules_pkg, portable_mtime
  Date.UTC(2001, 0) / 1000, // Please
  Date.UTC(2010, 0) / 1000, // Bazel's singlejar
  Date.UTC(2020, 3, 16, 12) / 1000, // Earthly
]);

/**
 * Whether a file may have been changed at this time, so that its next version has another one. What builds set so that
 * they can be reproduced, or what is so far in the future that a clock cannot have said it, stays the same.
 * @param time in milliseconds since the epoch
 * @param now in milliseconds since the epoch
 */
export function isTimeOfChange(time: number, now: number): boolean {
  return time >= FIRST_CHANGE && time - now <= LARGEST_SKEW && !FIXED_TIMES.has(time / 1000);
}

/**
 * Makes a file's validators: `"mtime-size"` in hex, as nginx does. The tag is weak while the file's next version
 * could carry the same pair, and so is the date then no strong validator (RFC 9110 §8.8.2.2). Of a file from the
 * future nothing is known to have settled until its time has come.
 * @param modified time of modification, in milliseconds since the epoch
 * @param size in bytes
 * @param now in milliseconds since the epoch
 * @param suffix of the tag, for one of several codings of a file
 */
export function fileValidators(modified: number, size: number, now: number, suffix = ''): DatedValidators {
  const lastModified = Math.floor(modified / 1000);
  return {
    etag: entityTag(`${lastModified.toString(16)}-${size.toString(16)}${suffix}`, modified, now),
    lastModified,
    lastModifiedText: formatHttpDate(Math.min(lastModified, Math.floor(now / 1000))),
  };
}

/**
 * Makes the validators of a file whose time of modification tells nothing (see `isTimeOfChange`).
 * @param version what tells this version from others; undefined when nothing does
 * @param changed time of the last status change, in milliseconds since the epoch
 * @param now in milliseconds since the epoch
 * @param suffix of the tag, for one of several codings of a file
 */
export function undatedValidators(
  version: string | undefined,
  changed: number,
  now: number,
  suffix = '',
): Validators {
  const etag = version === undefined ? undefined : entityTag(version + suffix, changed, now);
  return { etag, lastModified: undefined, lastModifiedText: undefined };
}

/**
 * The validators of what is stored elsewhere, as they are given there.
 * @param etag with its quotes
 * @param modified in milliseconds since the epoch
 * @param now in milliseconds since the epoch
 */
export function givenValidators(
  etag: string | undefined,
  modified: number | undefined,
  now: number,
): Validators {
  const lastModified = modified === undefined ? undefined : Math.floor(modified / 1000);
  const shown = lastModified === undefined ? undefined : Math.min(lastModified, Math.floor(now / 1000));
  return { etag, lastModified, lastModifiedText: shown === undefined ? undefined : formatHttpDate(shown) };
}

function entityTag(opaque: string, changed: number, now: number): string {
  return now - changed < SETTLED_AFTER ? `W/"${opaque}"` : `"${opaque}"`;
}
