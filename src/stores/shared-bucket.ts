// One bucket, as all locations over it have it: one client, and with it one bound of connections; and what is wrong with it is
// told once, however many locations meet it.
import type { Logger } from 'pino';
import { reportDefect } from '../http/defect.js';
import { type BytePath, toText } from '../http/target.js';
import { ToldOnce } from '../http/told-once.js';
import type { S3Client } from '../s3/client.js';
import type { S3Error } from '../s3/errors.js';
import { ObjectStore, type ObjectStoreOptions } from './object-store.js';

/** What a bucket works with. */
export interface SharedBucketOptions {
  readonly client: Pick<S3Client, 'get' | 'presign' | 'now' | 'keepTime' | 'probe' | 'close'>;
  /** The bucket's. */
  readonly name: string;
  readonly log: Logger;
}

/** What is said of objects in a bucket. */
export interface ObjectsSettings extends Pick<ObjectStoreOptions, 'excluded' | 'maxRanges'> {
  /** What all their keys begin with: empty, or with a slash at its end. */
  readonly prefix: BytePath;
}

/** Of how many codes with which a store refuses objects below one prefix the operator is told: it may make up any number. */
const DENIALS_TOLD = 32;

/** A bucket. Owns its client, which all stores of its objects share. */
export class SharedBucket {
  readonly #options: SharedBucketOptions;
  /** For each prefix the refusals that have been told: who may read below one of them need not be allowed to below another. */
  readonly #denials = new Map<BytePath, ToldOnce>();

  constructor(options: SharedBucketOptions) {
    this.#options = options;
  }

  /** The objects below a prefix. */
  storeOf({ prefix, ...settings }: ObjectsSettings): ObjectStore {
    const { client, name, log } = this.#options;
    const denials = this.#denials.get(prefix) ?? new ToldOnce(DENIALS_TOLD);
    this.#denials.set(prefix, denials);
    return new ObjectStore({
      ...settings,
      client,
      location: { bucket: name, prefix },
      // Once for each cause: what is not there, anybody may ask for.
      onDenied: (error) => {
        if (denials.remember(causeOf(error))) log.warn(fieldsOf(error), error.sentence);
      },
    });
  }

  /**
   * Whether bucket, credentials, region and clock are right, and what is below each prefix may be read: says in the log what is
   * wrong, each mistake once. Never rejects.
   */
  async check(): Promise<void> {
    const { name, log } = this.#options;
    const answers = await Promise.all([...this.#denials.keys()].map((prefix) => this.#probe(prefix)));
    const mistakes = new Map<string, { readonly error: S3Error; readonly roots: string[] }>();
    for (const { prefix, error } of answers) {
      if (error === undefined || error.kind === 'closed') continue;
      const cause = causeOf(error);
      if (error.kind === 'denied') this.#denials.get(prefix)?.remember(cause);
      const mistake = mistakes.get(cause) ?? { error, roots: [] };
      mistakes.set(cause, mistake);
      mistake.roots.push(`s3://${name}/${toText(prefix)}`);
    }
    for (const { error, roots } of mistakes.values())
      log.error({ ...fieldsOf(error), roots }, error.sentence);
  }

  /** Cuts what is under way, of all its stores. */
  end(): void {
    this.#options.client.close();
  }

  async #probe(
    prefix: BytePath,
  ): Promise<{ readonly prefix: BytePath; readonly error?: S3Error | undefined }> {
    try {
      return { prefix, error: await this.#options.client.probe(prefix) };
    } catch (defect) {
      // Nobody waits for it, so that it would be everybody's.
      reportDefect(defect);
      return { prefix };
    }
  }
}

function causeOf({ kind, code }: S3Error): string {
  return `${kind} ${code ?? ''}`;
}

function fieldsOf({ code, requestId }: S3Error): object {
  return { code, request: requestId };
}
