// From what the operator says of a bucket, and this process's credentials, to the store of its objects.
import type { Logger } from 'pino';
import type { BucketLocation } from '../config/bucket.js';
import { S3Client } from '../s3/client.js';
import { credentialSource } from '../s3/credentials.js';
import { ObjectStore } from './object-store.js';

/** What is said of a bucket. */
export interface BucketSettings {
  readonly bucket: BucketLocation;
  /** True when requests are not signed: the bucket is everybody's. */
  readonly s3Anonymous: boolean;
  /** Ranges in one request; 0 when none are served. */
  readonly maxRanges: number;
  /** What names begin with that must not be served, each with a slash at its end. */
  readonly excluded: readonly string[];
}

/** @throws {TypeError} when the environment has half of the credentials */
export function openBucket(
  { bucket, s3Anonymous, maxRanges, excluded }: BucketSettings,
  environment: NodeJS.ProcessEnv,
  log: Logger,
): ObjectStore {
  const onNotice = (notice: string): void => log.warn({ bucket: bucket.bucket }, notice);
  const credentials = s3Anonymous ? undefined : credentialSource(environment, onNotice);
  const client = new S3Client({ location: bucket, credentials, onNotice });
  return new ObjectStore({ client, location: bucket, excluded, maxRanges, log });
}
