// Whose requests these are: the keys that they are signed with. In memory only, and in no message.

/** The keys of someone whom the store knows. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Comes with keys that end. */
  readonly sessionToken?: string;
  /** When they end, in milliseconds since the epoch; undefined when they do not. */
  readonly expiresAt?: number;
}

/** Where credentials come from. */
export interface CredentialSource {
  /** Those that are good now. Rejects with an S3Error when there are none. */
  get(): Promise<Credentials>;
  /** The store says that these are good no more. */
  refused(credentials: Credentials): void;
}

/**
 * Credentials that are given to the process (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN); undefined when
 * there are none.
 */
export function environmentCredentials(
  environment: Readonly<Record<string, string | undefined>>,
): Credentials | undefined {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID']?.trim();
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY']?.trim();
  const sessionToken = environment['AWS_SESSION_TOKEN']?.trim();
  if (!accessKeyId || !secretAccessKey) return undefined;
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

/** Credentials that never change. */
export function fixedCredentials(credentials: Credentials): CredentialSource {
  return { get: async () => credentials, refused: () => {} };
}
