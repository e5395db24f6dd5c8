// Whose requests these are: the keys that they are signed with. Given to the process, they stay the same; found elsewhere (shared
// files, web identity, the role of an instance or a container), they end, and are asked for anew before. In memory only, and in
// no message.
import { quote } from '../config/errors.js';
import type { MayWait } from '../http/may-wait.js';
import { S3Error } from './errors.js';

/** The keys of someone whom the store knows. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Comes with keys that end. */
  readonly sessionToken?: string;
  /** When they end, in milliseconds since the epoch; absent when they do not. */
  readonly expiresAt?: number;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** Those that are good now: the same object as long as they are the same. Rejects with an S3Error when there are none. */
  get(): MayWait<Credentials>;
  /** The store says that these are good no more. */
  refused(credentials: Credentials): void;
}

/** What is set in the process's environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

const KEY_ID = 'AWS_ACCESS_KEY_ID';
const SECRET = 'AWS_SECRET_ACCESS_KEY';
const TOKEN = 'AWS_SESSION_TOKEN';

/**
 * Credentials that are given to the process; undefined when there are none.
 * @throws {TypeError} when one of two is missing, with what to set
 */
export function environmentCredentials(environment: Environment): Credentials | undefined {
  const [accessKeyId, secretAccessKey, sessionToken] = [KEY_ID, SECRET, TOKEN].map(
    (name) => environment[name]?.trim() || undefined,
  );
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined;
  if (accessKeyId === undefined) throw new TypeError(`${SECRET} is set, and ${KEY_ID} is not; set both`);
  if (secretAccessKey === undefined) throw new TypeError(`${KEY_ID} is set, and ${SECRET} is not; set both`);
  return { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** Credentials that never change. */
export function fixedCredentials(credentials: Credentials): CredentialSource {
  return { get: () => credentials, refused: () => {} };
}

/**
 * The credentials of this process: those in its environment, or else whichever AWS's own package finds.
 * @param onNotice is told one sentence for the log when they cannot be renewed
 * @param region of AWS, whose services give roles out where the environment names none
 * @throws {TypeError} as `environmentCredentials`
 */
export function credentialSource(
  environment: Environment,
  onNotice: (notice: string) => void = () => {},
  region?: string,
): CredentialSource {
  const given = environmentCredentials(environment);
  if (given !== undefined) return fixedCredentials(given);
  const chain = providerChain(undefined, regionAsked(environment, region));
  return new RenewedCredentials(chain, onNotice, Date.now, sourcesIn(environment));
}

/**
 * The region that AWS's package is to be told; undefined where it knows by itself. Of the environment it knows one name alone,
 * and without it asks in us-east-1, which knows no roles of China or of governments.
 */
export function regionAsked(environment: Environment, region: string | undefined): string | undefined {
  if (environment['AWS_REGION']?.trim()) return undefined;
  return environment['AWS_DEFAULT_REGION']?.trim() || region;
}

/** What says where AWS's package is to look. It tells of none of them when it has found nothing. */
const SOURCES = [
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
];

function sourcesIn(environment: Environment): readonly string[] {
  return SOURCES.filter((name) => (environment[name] ?? '') !== '').map(
    (name) => `${name} (${quote(environment[name])})`,
  );
}

/** Credentials as AWS's package gives them. */
export interface ProvidedCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  readonly expiration?: Date | undefined;
}

/** Finds credentials; it may keep those it has found, unless it is told to look again. */
export type Provider = (options?: { forceRefresh?: boolean }) => Promise<ProvidedCredentials>;

/** The package that knows where else credentials may be: large, and needed by few, who install it. */
const PACKAGE: string = '@aws-sdk/credential-providers';

/** What is used of it. */
interface Providers {
  fromNodeProviderChain(init: { clientConfig?: { region: string } }): Provider;
}

/**
 * A provider that loads AWS's package when it is asked for the first time.
 * @param region whose services are asked; without one the package finds that out
 */
export function providerChain(
  load: () => Promise<unknown> = () => import(PACKAGE),
  region?: string,
): Provider {
  let provider: Provider | undefined;
  return async (options) => {
    const init = region === undefined ? {} : { clientConfig: { region } };
    provider ??= (await loaded(load)).fromNodeProviderChain(init);
    return provider(options);
  };
}

async function loaded(load: () => Promise<unknown>): Promise<Providers> {
  try {
    return (await load()) as Providers;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ERR_MODULE_NOT_FOUND') {
      throw new S3Error('bad-credentials', `${PACKAGE} cannot be loaded: ${firstLine(message)}`);
    }
    throw new S3Error(
      'bad-credentials',
      `there are no credentials: set ${KEY_ID} and ${SECRET}, or --s3-anonymous where everybody may read the bucket; those of shared files, of web identities and of instance roles need a package that is not installed beside media-serve (npm install ${PACKAGE}, with -g where media-serve was installed so, and with --prefix / in its image)`,
    );
  }
}

/** Renewed when they end this soon, in milliseconds: requests that are signed in the meantime are still good. */
const EARLY = 5 * 60_000;
/** Used no more when they end this soon, in milliseconds: a request is on its way for a while. */
const LAST_MOMENT = 10_000;
/** After a failure, or after they were refused, they are not asked for again for so long, in milliseconds. */
const PAUSE = 5000;
/** Longest that is waited for them, in milliseconds. */
const LIMIT = 60_000;

/** Credentials that end. They are renewed while the old ones are still good, by one lookup at a time. */
export class RenewedCredentials implements CredentialSource {
  readonly #provider: Provider;
  readonly #onNotice: (notice: string) => void;
  readonly #now: () => number;
  readonly #sources: readonly string[];
  #current: Credentials | undefined;
  #underWay: Promise<Credentials> | undefined;
  #error: S3Error | undefined;
  /** When they were last looked for. */
  #askedAt = Number.NEGATIVE_INFINITY;
  #mustForce = false;

  /**
   * @param now milliseconds since the epoch
   * @param sources what the provider goes by, for messages
   */
  constructor(
    provider: Provider,
    onNotice: (notice: string) => void,
    now: () => number = Date.now,
    sources: readonly string[] = [],
  ) {
    this.#provider = provider;
    this.#onNotice = onNotice;
    this.#now = now;
    this.#sources = sources;
  }

  get(): MayWait<Credentials> {
    const current = this.#current;
    const left = (current?.expiresAt ?? Number.POSITIVE_INFINITY) - this.#now();
    // What was found a moment ago is the best there is, even when it ends: AWS gives such out when it cannot renew them.
    if (current === undefined || (left <= LAST_MOMENT && !this.#isPausing)) return this.#renewed();
    if (left <= EARLY && !this.#isPausing) {
      this.#renewed().catch((error: Error) => {
        const minutes = Math.max(0, Math.floor(left / 60_000));
        this.#onNotice(`credentials that end in ${minutes} minutes cannot be renewed: ${error.message}`);
      });
    }
    return current;
  }

  refused(credentials: Credentials): void {
    // Another request's may have been refused before, and renewed since; and who gives the same again is not asked without end.
    if (credentials !== this.#current || this.#isPausing) return;
    this.#current = undefined;
    this.#mustForce = true;
  }

  get #isPausing(): boolean {
    const since = this.#now() - this.#askedAt;
    return since >= 0 && since < PAUSE;
  }

  #renewed(): Promise<Credentials> {
    if (this.#underWay !== undefined) return this.#underWay;
    if (this.#error !== undefined && this.#isPausing) return Promise.reject(this.#error);
    this.#askedAt = this.#now();
    this.#underWay = this.#ask().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  async #ask(): Promise<Credentials> {
    const options = this.#mustForce ? { forceRefresh: true } : undefined;
    try {
      const provided = await inTime(this.#provider(options));
      const { accessKeyId, secretAccessKey, sessionToken, expiration } = provided;
      this.#current = {
        accessKeyId,
        secretAccessKey,
        ...(sessionToken !== undefined && { sessionToken }),
        ...(expiration !== undefined && { expiresAt: expiration.getTime() }),
      };
      this.#error = undefined;
      this.#mustForce = false;
      return this.#current;
    } catch (error) {
      this.#error = explain(error, this.#sources);
      throw this.#error;
    }
  }
}

function inTime<T>(wanted: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = (): void => reject(new S3Error('bad-credentials', 'the credentials were not found in time'));
    const timer = setTimeout(late, LIMIT).unref();
    wanted.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function explain(error: unknown, sources: readonly string[]): S3Error {
  if (error instanceof S3Error) return error;
  const message = error instanceof Error ? firstLine(error.message) : 'they cannot be found';
  // The command of a credential_process may have a secret in it.
  const reason = message.startsWith('Command failed')
    ? 'the credential_process of the profile failed'
    : message;
  const advice =
    sources.length === 0
      ? `set ${KEY_ID} and ${SECRET}, AWS_PROFILE, or a role of this instance or container`
      : `check ${sources.join(' and ')}`;
  return new S3Error('bad-credentials', `there are no credentials: ${reason}; ${advice}`);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.slice(0, 200) ?? '';
}
