// From what the operator says of buckets, and this process's credentials, to the stores of their objects.
import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { type BucketAddress, type BucketLocation, isOfAws } from '../config/bucket.js';
import { S3Client } from '../s3/client.js';
import { credentialSource } from '../s3/credentials.js';
import type { ObjectStore } from './object-store.js';
import { SharedBucket } from './shared-bucket.js';

/** What is said of objects in a bucket. */
export interface BucketSettings {
  readonly bucket: BucketLocation;
  /** True when requests are not signed: the bucket is everybody's. */
  readonly s3Anonymous: boolean;
  /** Ranges in one request; 0 when none are served. */
  readonly maxRanges: number;
  /** What names begin with that must not be served, each with a slash at its end. */
  readonly excluded: readonly string[];
}

/** How a bucket is asked: where that is the same, one client will do. */
interface Access {
  readonly address: BucketAddress;
  readonly isAnonymous: boolean;
}

/**
 * The buckets of all locations. Those that are asked the same way, at the same address, with the same credentials (of which a
 * process has one pair), are one. Owns them: they end with all of their stores, and those with the server.
 */
export class Buckets {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #log: Logger;
  readonly #opened: { readonly access: Access; readonly bucket: SharedBucket }[] = [];

  constructor(environment: NodeJS.ProcessEnv, log: Logger) {
    this.#environment = environment;
    this.#log = log;
  }

  /** @throws {TypeError} when the environment has half of the credentials */
  storeOf({ bucket, s3Anonymous, excluded, maxRanges }: BucketSettings): ObjectStore {
    const { prefix, ...address } = bucket;
    return this.#open({ address, isAnonymous: s3Anonymous }).storeOf({ prefix, excluded, maxRanges });
  }

  /** Says in the log what is wrong with them. Never rejects. */
  async check(): Promise<void> {
    await Promise.all(this.#opened.map(({ bucket }) => bucket.check()));
  }

  /** Cuts what is under way. */
  end(): void {
    for (const { bucket } of this.#opened) bucket.end();
  }

  #open(access: Access): SharedBucket {
    const known = this.#opened.find((other) => isDeepStrictEqual(other.access, access));
    if (known !== undefined) return known.bucket;
    const { address: location, isAnonymous } = access;
    const name = location.bucket;
    const log = this.#log;
    const onNotice = (notice: string): void => log.warn({ bucket: name }, notice);
    // Those of another store mean nothing to AWS.
    const region = isOfAws(location) ? location.region : undefined;
    const credentials = isAnonymous ? undefined : credentialSource(this.#environment, onNotice, region);
    const bucket = new SharedBucket({ client: new S3Client({ location, credentials, onNotice }), name, log });
    this.#opened.push({ access, bucket });
    return bucket;
  }
}
