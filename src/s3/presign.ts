// Signed URLs: whoever has one may get an object from the store itself, for a while.
import { type BucketAddress, originOf } from '../config/bucket.js';
import type { BytePath } from '../http/target.js';
import type { ObjectFields } from './answer.js';
import type { CredentialSource } from './credentials.js';
import { keyPath } from './key-path.js';
import { presignedTarget } from './signing.js';

/** What a signed URL is to say. */
export interface PresignOptions {
  /** What it may be asked with: a signature is good for one method. GET where nothing is said. */
  readonly method?: 'GET' | 'HEAD' | undefined;
  /** From when on, in milliseconds since the epoch: the same moment gives the same URL. */
  readonly at: number;
  /** For how long, in seconds; a week at most. */
  readonly expires: number;
  /** Fields that the store is to answer with in place of the object's. */
  readonly response?: ObjectFields | undefined;
}

/** A URL with which anybody may get an object, for a while. */
export interface Presigned {
  readonly url: string;
  /** In milliseconds since the epoch: earlier than was asked for when the credentials end before. */
  readonly expiresAt: number;
}

/** Longest time that a URL is good for, in seconds: what S3 allows. */
const LONGEST = 7 * 24 * 3600;

/**
 * Makes one; nothing is asked of the store. Rejects with an S3Error when there are no credentials to sign it with.
 * @throws {RangeError} for a time that S3 does not allow
 */
export async function presign(
  location: BucketAddress,
  source: CredentialSource | undefined,
  key: BytePath,
  { method = 'GET', at, expires, response = {} }: PresignOptions,
): Promise<Presigned> {
  if (!(expires >= 1 && expires <= LONGEST)) {
    throw new RangeError(`a signed URL is good for 1 to ${LONGEST} seconds, not for ${expires}`);
  }
  const { authority, region } = location;
  const origin = originOf(location);
  const path = keyPath(location, key);
  const expiresAt = at + expires * 1000;
  const query = responseQuery(response);
  // A bucket that is everybody's needs no signature, and takes no other fields without one.
  if (source === undefined) return { url: `${origin}${path}`, expiresAt };
  const credentials = await source.get();
  const target = await presignedTarget({ region, authority }, credentials, method, path, query, at, expires);
  return { url: `${origin}${target}`, expiresAt: Math.min(expiresAt, credentials.expiresAt ?? expiresAt) };
}

function responseQuery(response: ObjectFields): Record<string, string> {
  const query: Record<string, string> = {};
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined) query[`response-${name}`] = value;
  };
  add('cache-control', response.cacheControl);
  add('content-disposition', response.contentDisposition);
  add('content-encoding', response.contentEncoding);
  add('content-language', response.contentLanguage);
  add('content-type', response.contentType);
  return query;
}
