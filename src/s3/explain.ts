// An error's meaning: from what the store answered, or from why it did not, to one sentence that says what is wrong and what to
// set (AWS: "List of error codes"; other stores use the same).
import { type BucketAddress, originOf } from '../config/bucket.js';
import { quote } from '../config/errors.js';
import { type BytePath, toText } from '../http/target.js';
import type { ErrorDocument } from './error-document.js';
import { S3Error, type S3ErrorDetails, type S3Failure } from './errors.js';
import { WRONG_CLOCK } from './store-clock.js';

/** What was asked for, and how. */
export interface Asked {
  readonly location: BucketAddress;
  readonly key: BytePath;
  /** True when there were credentials. */
  readonly isSigned: boolean;
}

/** An answer that is an error. */
export interface Refusal {
  readonly status: number;
  /** What stood in its body; a HEAD has none, and says no more than its status. */
  readonly document: ErrorDocument;
  readonly requestId: string | undefined;
  /** Where the bucket is (x-amz-bucket-region). */
  readonly region: string | undefined;
  /** How much later it is for the store, in milliseconds; undefined when it does not say what time it is. */
  readonly ahead: number | undefined;
  /** By how much the time that the request was signed by differs from this machine's, in milliseconds. */
  readonly signedAhead: number;
}

const KINDS: Readonly<Record<string, S3Failure>> = {
  NoSuchKey: 'not-found',
  NoSuchVersion: 'not-found',
  KeyTooLongError: 'not-found',
  InvalidURI: 'not-found',
  // Ceph's and MinIO's, of a name that they can keep no object under.
  InvalidObjectName: 'not-found',
  XMinioInvalidObjectName: 'not-found',
  NoSuchBucket: 'wrong-bucket',
  InvalidBucketName: 'wrong-bucket',
  AccessDenied: 'denied',
  AllAccessDisabled: 'denied',
  AccountProblem: 'denied',
  InvalidObjectState: 'denied',
  InvalidAccessKeyId: 'bad-credentials',
  SignatureDoesNotMatch: 'bad-credentials',
  ExpiredToken: 'bad-credentials',
  InvalidToken: 'bad-credentials',
  TokenRefreshRequired: 'bad-credentials',
  InvalidSecurity: 'bad-credentials',
  NotSignedUp: 'bad-credentials',
  // Versity's gateway, of an access key that it does not know.
  XAdminUserNotFound: 'bad-credentials',
  RequestTimeTooSkewed: 'clock',
  RequestExpired: 'clock',
  PermanentRedirect: 'wrong-region',
  TemporaryRedirect: 'wrong-region',
  Redirect: 'wrong-region',
  IllegalLocationConstraintException: 'wrong-region',
  SlowDown: 'busy',
  SlowDownRead: 'busy',
  ServiceUnavailable: 'busy',
  Busy: 'busy',
  RequestLimitExceeded: 'busy',
  TooManyRequests: 'busy',
};

/** The error of an answer that is one. */
export function explainRefusal(asked: Asked, refusal: Refusal): S3Error {
  const { status, document } = refusal;
  const details: S3ErrorDetails = {
    status,
    code: document.code,
    requestId: refusal.requestId ?? document.requestId,
    region: rightRegion(asked.location, refusal),
    storeTime: refusal.ahead === undefined ? undefined : Date.now() + refusal.ahead,
  };
  const kind = kindOf(asked, refusal, details.region);
  return new S3Error(kind, sentence(kind, asked, refusal, details), details);
}

/** The region that the store says the bucket is in, when that is another. */
function rightRegion(location: BucketAddress, { region, document }: Refusal): string | undefined {
  const said = region ?? document.region;
  return said === location.region ? undefined : said;
}

function kindOf(asked: Asked, refusal: Refusal, region: string | undefined): S3Failure {
  const { status, document, signedAhead, ahead = signedAhead } = refusal;
  const kind = KINDS[document.code ?? ''];
  if (kind !== undefined) return kind;
  // Of a bucket elsewhere AWS says this, too, with the region in its document, and to a HEAD no more than 400.
  if ((status === 400 || status === 301 || status === 307) && region !== undefined) return 'wrong-region';
  if (status === 301 || status === 307 || status === 308) return 'wrong-region';
  if (status === 404) return 'not-found';
  if (status === 401 || status === 403) {
    // What is signed by the store's own time is not refused for it, whatever this machine's clock says.
    const isLate = Math.abs(ahead - signedAhead) > WRONG_CLOCK;
    return asked.isSigned && document.code === undefined && isLate ? 'clock' : 'denied';
  }
  return status === 429 || status === 503 ? 'busy' : 'failed';
}

function sentence(kind: S3Failure, asked: Asked, refusal: Refusal, { region }: S3ErrorDetails): string {
  const { location, isSigned } = asked;
  const { code, message } = refusal.document;
  const answer = code === undefined ? `${refusal.status}` : `${refusal.status} ${code}`;
  const bucket = `the bucket ${quote(location.bucket)}`;
  switch (kind) {
    case 'not-found':
      return `${objectName(asked)} is not there (${answer})`;
    case 'wrong-bucket':
      return `${storeName(location)} has no bucket ${quote(location.bucket)} (${answer}); check the name behind s3://, --s3-endpoint and --s3-region`;
    case 'wrong-region':
      return region === undefined
        ? `${bucket} is not where it was asked for (${answer}); set --s3-region to the region it is in (it is asked for in ${location.region}), or --s3-endpoint`
        : `${bucket} is in the region ${region}, and was asked for in ${location.region} (${answer}); set --s3-region=${region}`;
    case 'clock':
      return `${storeName(location)} takes no request with this machine's time (${answer}), ${clockDifference(refusal.ahead)}; set the clock, for example by NTP`;
    case 'bad-credentials':
      return `${storeName(location)} ${badCredentials(code ?? '')} (${answer})`;
    case 'denied':
      if (code === 'InvalidObjectState') {
        return `${objectName(asked)} is archived (${answer}); restore it, or move it to a storage class that can be read at once`;
      }
      return isSigned
        ? `${objectName(asked)} may not be read with these credentials (${answer}); allow them s3:GetObject on ${location.bucket}/*, and s3:ListBucket on ${location.bucket}, without which a key that is missing is refused, too`
        : `${objectName(asked)} may not be read without credentials (${answer}); set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let everybody read the bucket`;
    case 'busy':
      return `${storeName(location)} asks to slow down (${answer})`;
    default:
      return `${storeName(location)} answers ${answer}${message === undefined ? '' : `: ${quote(message)}`}`;
  }
}

function badCredentials(code: string): string {
  switch (code) {
    case 'InvalidAccessKeyId':
    case 'XAdminUserNotFound':
      return 'does not know the access key; check AWS_ACCESS_KEY_ID, and that it is one of this store';
    case 'SignatureDoesNotMatch':
      return 'finds another signature; check that AWS_SECRET_ACCESS_KEY belongs to AWS_ACCESS_KEY_ID, that --s3-region is right, and that no proxy changes the Host or the path';
    case 'ExpiredToken':
    case 'TokenRefreshRequired':
      return 'says that the credentials have expired; renew AWS_SESSION_TOKEN and the keys it came with';
    default:
      return 'does not accept the credentials; check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN';
  }
}

function clockDifference(ahead: number | undefined): string {
  if (ahead === undefined) return 'which is too far from its own';
  const minutes = Math.round(Math.abs(ahead) / 60_000);
  return `which is ${minutes} minutes ${ahead > 0 ? 'behind' : 'ahead of'} its own`;
}

const HINTS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'refuses the connection; is it running, and are host and port of --s3-endpoint right?',
  ENOTFOUND: 'has a host name that is unknown; check --s3-endpoint and --s3-region',
  EAI_AGAIN: 'has a host name that cannot be looked up now; do the name servers answer?',
  EHOSTUNREACH: 'cannot be reached',
  ENETUNREACH: 'cannot be reached; is there a network?',
  ECONNRESET: 'closed the connection before it had answered',
  EPIPE: 'closed the connection before it had answered',
  MEDIA_SERVE_CONNECTION_CLOSED: 'closed the connection before it had answered',
  ERR_TLS_CERT_ALTNAME_INVALID:
    "has a certificate for other names; check --s3-endpoint, and with a bucket's name in front of the host write --s3-addressing path",
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  EPROTO: 'does not speak TLS as it should; write http:// in --s3-endpoint where it speaks none',
};

/** A connection that was closed when there should have been an answer. */
export const CLOSED = new Set(['MEDIA_SERVE_CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);
/** A certificate that nobody vouches for, by the codes of OpenSSL's verification. */
const UNTRUSTED = /^(?:UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|CERT_)/;
const UNREADABLE = new Set(['MEDIA_SERVE_MALFORMED_MESSAGE', 'MEDIA_SERVE_HEAD_TOO_LARGE']);
const TOO_LATE: Readonly<Record<string, string>> = {
  MEDIA_SERVE_CONNECT_TIMEOUT: 'takes no connection',
  ETIMEDOUT: 'takes no connection',
  MEDIA_SERVE_READ_TIMEOUT: 'has fallen silent',
};

/** The error of a connection that failed before there was an answer. */
export function explainFailure(location: BucketAddress, error: Error): S3Error {
  if (error instanceof S3Error) return error;
  const code = codeOf(error);
  const store = storeName(location);
  const late = TOO_LATE[code];
  if (late !== undefined) return new S3Error('timeout', `${store} ${late}`, { code });
  if (code === 'EMFILE' || code === 'ENFILE') {
    return new S3Error(
      'busy',
      `${store}: no more connections can be opened (${code}); raise the limit on open files (ulimit -n)`,
      {
        code,
      },
    );
  }
  if (UNREADABLE.has(code)) {
    return new S3Error('failed', `${store} gives an answer that cannot be read: ${error.message}`, { code });
  }
  const hint = HINTS[code] ?? (code.startsWith('ERR_SSL') ? HINTS['EPROTO'] : undefined);
  if (hint === undefined && UNTRUSTED.test(code)) {
    return new S3Error(
      'unreachable',
      `${store} has a certificate that is not trusted (${code}); name the file of its authority in NODE_EXTRA_CA_CERTS`,
      { code },
    );
  }
  return new S3Error(
    'unreachable',
    `${store} ${hint ?? `cannot be asked: ${error.message}`}${hint === undefined ? '' : ` (${code})`}`,
    {
      code,
    },
  );
}

/**
 * The error of the first request there is. A store that speaks TLS, and is spoken to without, closes the connection, or answers
 * 400 with a page.
 */
export function explainFirst(location: BucketAddress, error: S3Error): S3Error {
  const isMute = error.code === undefined ? error.status === 400 : CLOSED.has(error.code);
  if (location.secure || !isMute) return error;
  return new S3Error(
    error.kind,
    `${error.message}; if it speaks TLS, write https:// in --s3-endpoint`,
    error,
  );
}

/** True when another try may find it otherwise: nothing but time is between. */
export function isPassing(error: S3Error): boolean {
  if (error.status !== undefined)
    return [429, 500, 502, 503, 504].includes(error.status) || error.kind === 'busy';
  if (error.kind === 'timeout') return true;
  const code = error.code ?? '';
  return (
    error.kind === 'unreachable' && !UNTRUSTED.test(code) && !code.startsWith('ERR_') && code !== 'EPROTO'
  );
}

/** The error's code, however it was made. */
export function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}

/** The store in messages. */
export function storeName(location: BucketAddress): string {
  return `the store at ${originOf(location)}`;
}

/** The object in messages. */
export function objectName({ location, key }: Asked): string {
  return quote(`s3://${location.bucket}/${toText(key)}`);
}
