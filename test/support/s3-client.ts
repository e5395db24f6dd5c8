/** Clients of a stand-in, and what they get. */

import type { Test } from 'tap';
import { locateBucket, parseEndpoint } from '../../src/config/bucket.js';
import type { MayWait } from '../../src/http/may-wait.js';
import type { S3Body } from '../../src/s3/body.js';
import { S3Client, type S3ClientOptions } from '../../src/s3/client.js';
import { fixedCredentials } from '../../src/s3/credentials.js';
import { S3Error } from '../../src/s3/errors.js';
import type { S3Limits } from '../../src/s3/limits.js';
import { TEST_CERTIFICATE } from './certificate.js';
import { type S3StandIn, TEST_CREDENTIALS } from './s3-stand-in.js';

/** What a client may differ in. */
export interface ClientOptions extends Partial<Omit<S3ClientOptions, 'limits'>> {
  readonly limits?: Partial<S3Limits>;
}

/** A client of a stand-in's bucket that tries again at once; it is closed when the test ends. */
export function clientOf(t: Test, store: S3StandIn, { limits, ...options }: ClientOptions = {}): S3Client {
  const client = new S3Client({
    location: locateBucket({
      url: { bucket: store.bucket, prefix: '' },
      endpoint: parseEndpoint(store.endpoint),
      region: store.region,
    }),
    credentials: fixedCredentials(TEST_CREDENTIALS),
    ca: TEST_CERTIFICATE,
    // Nothing here takes as long as these, unless the test says so.
    limits: {
      connectTimeout: 60_000,
      firstByteTimeout: 60_000,
      silenceTimeout: 60_000,
      totalTimeout: 120_000,
      backoff: 1,
      ...limits,
    },
    ...options,
  });
  t.teardown(() => client.close());
  return client;
}

/** All bytes of a body. */
export async function bytesOf(body: S3Body): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let piece = await body.read(); piece !== undefined; piece = await body.read()) {
    parts.push(Buffer.from(piece.bytes));
    piece.release();
  }
  return Buffer.concat(parts);
}

/** The S3Error that something comes to. */
export async function errorOf(wanted: MayWait<unknown>): Promise<S3Error> {
  try {
    await wanted;
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  throw new Error('it came to no error');
}
