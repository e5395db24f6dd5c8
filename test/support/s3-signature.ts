/**
 * AWS Signature Version 4 as S3 checks it, written from AWS's specification ("Create a signed AWS API request",
 * "Authenticating Requests: Using Query Parameters"), and not with what this project signs with.
 */
import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Whom the store knows. */
export interface KnownCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Why a request is refused. */
export interface Refused {
  readonly status: number;
  readonly code: string;
  /** What else stands in the document. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** What a signature is checked against. */
export interface Expected {
  readonly credentials: KnownCredentials;
  readonly region: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const QUARTER_OF_AN_HOUR = 15 * 60_000;
const UNRESERVED = /[A-Za-z0-9._~-]/;

/** UriEncode of the specification; bytes are characters. */
export function uriEncode(bytes: string, keepSlash: boolean): string {
  return [...bytes]
    .map((byte) => {
      if (UNRESERVED.test(byte) || (keepSlash && byte === '/')) return byte;
      return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
    })
    .join('');
}

/** Bytes as characters. */
export function uriDecode(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Names and values of a query, decoded. */
export function queryOf(target: string): readonly (readonly [name: string, value: string])[] {
  const [, query = ''] = target.split('?');
  return query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', value = ''] = part.split('=');
      return [uriDecode(name), uriDecode(value)];
    });
}

const hash = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** `2013-05-24T00:00:00Z` as `20130524T000000Z`, read. */
function timeOf(amzDate: string): number {
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(amzDate) ?? [];
  return Date.parse(`${y}-${mo}-${d}T${h}:${mi}:${s}Z`);
}

interface Claim {
  readonly accessKeyId: string;
  readonly scope: readonly string[];
  readonly signedHeaders: string;
  readonly signature: string;
  readonly amzDate: string;
  readonly payload: string;
  readonly token: string | undefined;
  /** Seconds; of a signed target. */
  readonly expires: number | undefined;
}

/** Why a request is refused for its signature; undefined when it is the right one, 'unsigned' when there is none. */
export function checkSignature(
  request: IncomingMessage,
  expected: Expected,
): Refused | 'unsigned' | undefined {
  const claim = claimOf(request);
  if (claim === undefined) return 'unsigned';
  if ('code' in claim) return claim;
  const { credentials, region, now } = expected;
  if (claim.accessKeyId !== credentials.accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' };
  const [date = '', itsRegion = '', service, end] = claim.scope;
  const isInQuery = claim.expires !== undefined;
  if (itsRegion !== region) {
    const code = isInQuery ? 'AuthorizationQueryParametersError' : 'AuthorizationHeaderMalformed';
    return { status: 400, code, extra: { Region: region } };
  }
  if (service !== 's3' || end !== 'aws4_request' || !claim.amzDate.startsWith(date)) {
    return { status: 400, code: 'AuthorizationHeaderMalformed' };
  }
  const signedAt = timeOf(claim.amzDate);
  if (claim.expires === undefined) {
    if (!(Math.abs(now - signedAt) <= QUARTER_OF_AN_HOUR))
      return { status: 403, code: 'RequestTimeTooSkewed' };
  } else if (!(now <= signedAt + claim.expires * 1000 && signedAt <= now + QUARTER_OF_AN_HOUR)) {
    return { status: 403, code: 'AccessDenied' };
  }
  if (claim.token !== credentials.sessionToken) {
    return { status: 400, code: claim.token === undefined ? 'InvalidAccessKeyId' : 'InvalidToken' };
  }
  const signed = claim.signedHeaders.split(';');
  const mustBeSigned = Object.keys(request.headers).filter(
    (name) => name === 'host' || name.startsWith('x-amz-'),
  );
  if (mustBeSigned.some((name) => !signed.includes(name))) return { status: 403, code: 'AccessDenied' };
  const canonical = canonicalRequest(request, claim);
  const toSign = `AWS4-HMAC-SHA256\n${claim.amzDate}\n${claim.scope.join('/')}\n${hash(canonical)}`;
  const key = ['s3', 'aws4_request'].reduce<Buffer>(
    hmac,
    hmac(hmac(`AWS4${credentials.secretAccessKey}`, date), itsRegion),
  );
  if (hmac(key, toSign).toString('hex') === claim.signature) return undefined;
  return { status: 403, code: 'SignatureDoesNotMatch', extra: { StringToSign: toSign } };
}

function claimOf(request: IncomingMessage): Claim | Refused | undefined {
  const query = new Map(queryOf(request.url ?? ''));
  const { authorization } = request.headers;
  const header = (name: string): string | undefined => request.headers[name]?.toString();
  if (authorization !== undefined) {
    const match =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        authorization,
      );
    if (match === null) return { status: 400, code: 'AuthorizationHeaderMalformed' };
    const [, accessKeyId = '', scope = '', signedHeaders = '', signature = ''] = match;
    const payload = header('x-amz-content-sha256');
    if (payload === undefined) return { status: 400, code: 'InvalidRequest' };
    const token = header('x-amz-security-token');
    const amzDate = header('x-amz-date') ?? '';
    return {
      accessKeyId,
      scope: scope.split('/'),
      signedHeaders,
      signature,
      amzDate,
      payload,
      token,
      expires: undefined,
    };
  }
  if (!query.has('X-Amz-Signature')) return undefined;
  const [accessKeyId = '', ...scope] = (query.get('X-Amz-Credential') ?? '').split('/');
  const expires = Number(query.get('X-Amz-Expires'));
  if (query.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256' || !(expires >= 1 && expires <= 604_800)) {
    return { status: 400, code: 'AuthorizationQueryParametersError' };
  }
  return {
    accessKeyId,
    scope,
    signedHeaders: query.get('X-Amz-SignedHeaders') ?? '',
    signature: query.get('X-Amz-Signature') ?? '',
    amzDate: query.get('X-Amz-Date') ?? '',
    payload: 'UNSIGNED-PAYLOAD',
    token: query.get('X-Amz-Security-Token'),
    expires,
  };
}

/** S3 decodes the path and encodes it by itself: any other way to write it has another signature. */
function canonicalRequest(request: IncomingMessage, { signedHeaders, payload }: Claim): string {
  const [path = ''] = (request.url ?? '').split('?');
  const query = queryOf(request.url ?? '')
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => `${uriEncode(name, false)}=${uriEncode(value, false)}`)
    .sort();
  const fields = signedHeaders
    .split(';')
    .map((name) => `${name}:${(request.headers[name]?.toString() ?? '').trim().replace(/ +/g, ' ')}\n`);
  return [
    request.method,
    uriEncode(uriDecode(path), true),
    query.join('&'),
    fields.join(''),
    signedHeaders,
    payload,
  ].join('\n');
}
