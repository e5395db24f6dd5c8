// Several locations in one bucket: none may be a way to what another one keeps. The same as roots.ts has for directories, and
// simpler: keys have no links and no second names, so that what is written tells it all, and nobody has to be asked.
import { isSameBucket } from '../config/bucket.js';
import { BadValueError } from '../config/errors.js';
import { type Config, isInBucket, isProtected, type LocationInBucket } from '../config/location.js';
import type { BytePath } from '../http/target.js';
import { describeUploads } from './roots.js';

type Locations = Pick<Config, 'locations'>;

/** @throws {BadValueError} when uploads in a bucket would be sent as static files */
export function checkBuckets(config: Locations): void {
  for (const [location, uploads] of staticBesideUploads(config)) {
    const below = nameWithin(uploads, location);
    // What needs a permission is kept from all other locations, unless they name its very place.
    if (below === '' || (below !== undefined && !isProtected(uploads))) {
      throw new BadValueError(location.from, describeUploads(location, uploads, 'place', below === ''));
    }
  }
}

/** Static files that lie below uploads in the same bucket: what an app lets its users put there is sent as the app's own. */
export function bucketsAmongUploads(
  config: Locations,
): readonly (readonly [location: LocationInBucket, uploads: LocationInBucket])[] {
  return staticBesideUploads(config).filter(([location, uploads]) => nameWithin(location, uploads));
}

/**
 * What of a bucket belongs to protected locations, so that this one must serve nothing that begins with it: names below its own
 * prefix, each with a slash at its end. A place that the location itself names, or one around it, is not among them: who names
 * it wants it served.
 */
export function namesKeptFrom(location: LocationInBucket, { locations }: Locations): readonly BytePath[] {
  if (location.kind === 'internal') return [];
  return locations.filter(isInBucket).flatMap((other) => {
    const below = isProtected(other) ? nameWithin(other, location) : undefined;
    return below === undefined || below === '' ? [] : [below];
  });
}

/**
 * Locations that serve what a protected one keeps, if their buckets are one under two addresses (a name and a number, a CNAME),
 * which nothing tells. Where it is known that they are, `namesKeptFrom` has it.
 */
export function bucketsInDoubt({
  locations,
}: Locations): readonly (readonly [location: LocationInBucket, kept: LocationInBucket])[] {
  const inBuckets = locations.filter(isInBucket);
  const kept = inBuckets.filter(isProtected);
  return inBuckets
    .filter(({ kind }) => kind !== 'internal')
    .flatMap((location) =>
      kept.filter((other) => mayBeOne(location, other)).map((other) => [location, other] as const),
    );
}

/** Whether two places may have names in common, though their buckets have not the same address. */
function mayBeOne({ bucket: a }: LocationInBucket, { bucket: b }: LocationInBucket): boolean {
  if (a.bucket !== b.bucket || isSameBucket(a, b)) return false;
  return a.prefix.startsWith(b.prefix) || b.prefix.startsWith(a.prefix);
}

function staticBesideUploads({
  locations,
}: Locations): (readonly [location: LocationInBucket, uploads: LocationInBucket])[] {
  const inBuckets = locations.filter(isInBucket);
  const uploads = inBuckets.filter(({ kind }) => kind === 'media');
  return inBuckets
    .filter(({ kind }) => kind === 'static')
    .flatMap((location) => uploads.map((other) => [location, other] as const));
}

/** What the one is called within the other: empty when both are the same, undefined when it is elsewhere. */
function nameWithin(inner: LocationInBucket, outer: LocationInBucket): BytePath | undefined {
  const isWithin =
    isSameBucket(inner.bucket, outer.bucket) && inner.bucket.prefix.startsWith(outer.bucket.prefix);
  return isWithin ? inner.bucket.prefix.slice(outer.bucket.prefix.length) : undefined;
}
