// Buckets as operators write them: 's3://bucket/prefix', with the address of the store that holds them and the region they are
// in; and where on that store a bucket is: as part of the path, or of the host name.
import { isIP, isIPv6 } from 'node:net';
import { quote } from './errors.js';

/** What was written as `s3://bucket/prefix`. */
export interface BucketUrl {
  readonly bucket: string;
  /** What all keys begin with: empty, or with a slash at its end. One character for each byte. */
  readonly prefix: string;
}

/** The address of a store, as it was written. */
export interface Endpoint {
  /** True for https. */
  readonly secure: boolean;
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What all its paths begin with: empty, or with a slash in front and none at its end. */
  readonly path: string;
}

/** Where the name of a bucket stands in a request: in its path, or in front of the host. */
export type AddressingStyle = 'path' | 'virtual';

/** Where a bucket is said to be. */
export interface BucketOptions {
  readonly url: BucketUrl;
  /** Without one it is AWS. */
  readonly endpoint?: Endpoint | undefined;
  readonly region?: string | undefined;
  readonly style?: AddressingStyle | undefined;
}

/** Where a bucket is. */
export interface BucketAddress {
  readonly bucket: string;
  /** What requests are signed for. */
  readonly region: string;
  readonly style: AddressingStyle;
  readonly secure: boolean;
  /** To connect to; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** The Host field: the port is left out where it is the scheme's own. */
  readonly authority: string;
  /** What stands in front of the slash and the key: empty, `/bucket`, `/storage/v1/s3/bucket`. */
  readonly basePath: string;
}

/** Where objects are in a bucket. */
export interface BucketLocation extends BucketAddress {
  /** What all keys begin with: empty, or with a slash at its end. One character for each byte. */
  readonly prefix: string;
}

/** Names that stores other than AWS allow are among them. */
const BUCKET = /^(?!.*\.\.)[a-z0-9][\w.-]{1,253}[a-z0-9]$/i;
/** A bucket that can be one label of a host name, so that the store's certificate (`*.s3.…`) is good for it. */
const LABEL = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/;
/** In bytes: what S3 allows for a key, less one character for a name. */
const LONGEST_PREFIX = 1023;

/**
 * Reads `s3://bucket/prefix`. The prefix is taken as it stands: nothing in it is percent-decoded, as with AWS's own tools.
 * @throws {TypeError} with a message that says what to write instead
 */
export function parseBucketUrl(text: string): BucketUrl {
  if (/^https?:/i.test(text))
    throw new TypeError(`${quote(text)} is a web address; ${bucketOfWebAddress(text)}`);
  const [, bucket = '', path] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(text) ?? [];
  if (bucket === '') {
    throw new TypeError(`${quote(text)} names no bucket; write s3://bucket, or s3://bucket/prefix`);
  }
  if (bucket.startsWith('arn:')) {
    throw new TypeError(
      `${quote(text)} is an access point, which is not supported; write the name of its bucket, as in s3://bucket/prefix`,
    );
  }
  if (/[?#@:]/.test(bucket)) {
    throw new TypeError(
      `${quote(text)} has more than a bucket and a prefix; endpoint, region and credentials are given apart from it`,
    );
  }
  if (!BUCKET.test(bucket)) {
    throw new TypeError(
      `${quote(bucket)} is no name of a bucket; it has 3 letters, digits, dots or hyphens at least, as in s3://my-bucket/media`,
    );
  }
  return { bucket, prefix: prefixOf(text, path ?? '') };
}

function prefixOf(text: string, path: string): string {
  const bare = path.replace(/\/$/, '');
  if (bare === '') return '';
  if (bare.split('/').some((segment) => segment === '' || segment === '.' || segment === '..')) {
    throw new TypeError(
      `${quote(text)} has an empty segment or one of dots in its prefix, and no request leads there; write s3://bucket/a/b`,
    );
  }
  const prefix = `${Buffer.from(bare).toString('latin1')}/`;
  if (prefix.length > LONGEST_PREFIX) {
    throw new TypeError(
      `${quote(text)} has a prefix of more than ${LONGEST_PREFIX} bytes, and keys have no more; shorten it`,
    );
  }
  return prefix;
}

/** The bucket that was probably meant. */
function bucketOfWebAddress(text: string): string {
  const [, virtual, path, key = ''] =
    /^https?:\/\/(?:([^/]+)\.s3[.-][^/]*|s3[.-][^/]*\/([^/]+))(?:\/([^?#]*))?$/i.exec(text) ?? [];
  const bucket = virtual ?? path;
  return bucket === undefined
    ? 'write s3://bucket/prefix, and the address of a store that is not AWS apart from it, as --s3-endpoint'
    : `write s3://${bucket}${key === '' ? '' : `/${key}`}`;
}

const ENDPOINT = /^(https?):\/\/(\[[0-9a-f:.]+\]|[^:[\]/@?#\s]+)(?::(\d{1,5}))?((?:\/[\w.~-]+)*)\/?$/i;

/**
 * Reads the address of a store: `https://minio.example:9000`, `http://[::1]:7070`, `https://host/storage/v1/s3`.
 * @throws {TypeError} with a message that says what to write instead; it repeats no password
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.includes('@')) {
    throw new TypeError(
      'it has a name or a password in it; write only the address, such as https://s3.example.com, and give credentials apart from it',
    );
  }
  if (/[?#]/.test(text)) {
    throw new TypeError(
      'it has a query or a fragment in it; write only the address, such as https://s3.example.com, and give credentials apart from it',
    );
  }
  if (/^[^/:@?#\s]+(?::\d+)?\/?$|^\[[0-9a-f:.]+\]/i.test(text)) {
    throw new TypeError(
      `${quote(text)} has no scheme; write https://${text}, or http://${text} where it speaks no TLS`,
    );
  }
  const [, scheme = '', host = '', digits, path = ''] = ENDPOINT.exec(text) ?? [];
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (host === '' || (host.startsWith('[') && !isIPv6(bare))) {
    throw new TypeError(
      `${quote(text)} is not the address of a store; write https://s3.example.com, or http://127.0.0.1:9000`,
    );
  }
  const secure = scheme.toLowerCase() === 'https';
  const port = digits === undefined ? usualPort(secure) : Number(digits);
  if (port < 1 || port > 65535) {
    throw new TypeError(`${quote(text)} has no valid port; ports go from 1 to 65535`);
  }
  return { secure, host: bare, port, path };
}

function usualPort(secure: boolean): number {
  return secure ? 443 : 80;
}

const REGION = /^[a-z0-9][\w-]*$/i;
/** Host names that say which region they serve: of AWS, and of those who name theirs alike. Anybody's own would mean anything. */
const REGION_IN_HOST =
  /^s3(?:-fips)?(?:\.dualstack)?[.-](?!dualstack)([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|wasabisys\.com|backblazeb2\.com|scw\.cloud|io\.cloud\.ovh\.net)$/;
const AWS_HOST = /(?:^|\.)amazonaws\.com(?:\.cn)?$/;
/** What stores that know no regions take. */
const ANY_REGION = 'us-east-1';

/**
 * Finds out where a bucket is. The style is virtual on AWS, unless the bucket's name has dots, which no certificate of AWS is
 * good for, and path with an endpoint of one's own, which most stores other than AWS want.
 * @throws {TypeError} with a message that says what to give
 */
export function locateBucket({ url, endpoint, region: given, style: wanted }: BucketOptions): BucketLocation {
  const { bucket, prefix } = url;
  const region = given ?? regionOf(endpoint?.host);
  if (region === undefined) {
    throw new TypeError(
      `s3://${bucket} has no region; write the one that the bucket is in, such as --s3-region eu-central-1 (in the environment AWS_REGION, in a location of the config file "s3Region"), or the address of a store that is not AWS as --s3-endpoint (AWS_ENDPOINT_URL_S3, "s3Endpoint")`,
    );
  }
  checkRegion(region);
  const store = endpoint ?? awsEndpoint(region);
  const isAws = isOfAws(store);
  if (isAws && store.host.startsWith(`${bucket}.`)) {
    throw new TypeError(
      `the endpoint ${quote(store.host)} has the bucket's name in front, which is put there anyway; write https://${store.host.slice(bucket.length + 1)}`,
    );
  }
  const style = wanted ?? (isAws && LABEL.test(bucket) ? 'virtual' : 'path');
  if (style === 'virtual') checkVirtual(bucket, store.host);
  const host = style === 'virtual' ? `${bucket}.${store.host}` : store.host;
  const name = isIPv6(host) ? `[${host}]` : host;
  return {
    bucket,
    prefix,
    region,
    style,
    secure: store.secure,
    host,
    port: store.port,
    authority: store.port === usualPort(store.secure) ? name : `${name}:${store.port}`,
    basePath: style === 'virtual' ? store.path : `${store.path}/${bucket}`,
  };
}

/** @throws {TypeError} when the text cannot be the name of a region */
export function checkRegion(text: string): void {
  if (!REGION.test(text)) {
    throw new TypeError(`${quote(text)} is no region; write one such as eu-central-1`);
  }
}

function checkVirtual(bucket: string, host: string): void {
  if (isIP(host) !== 0) {
    throw new TypeError(
      `the bucket cannot stand in front of ${host}, which is an address and no name; write --s3-addressing path, or an endpoint that has a name`,
    );
  }
  if (!LABEL.test(bucket.replaceAll('.', '-'))) {
    throw new TypeError(`${quote(bucket)} cannot be part of a host name; write --s3-addressing path`);
  }
}

function awsEndpoint(region: string): Endpoint {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
  return { secure: true, host: `s3.${region}.${domain}`, port: 443, path: '' };
}

/** The region that an endpoint is of, where there is no need to say it. */
function regionOf(host: string | undefined): string | undefined {
  if (host === undefined || host === 's3.amazonaws.com') return undefined;
  if (host.endsWith('.r2.cloudflarestorage.com')) return 'auto';
  return REGION_IN_HOST.exec(host)?.[1] ?? ANY_REGION;
}

/** The store as the beginning of a URL; of a bucket that stands in front of the host, with that. */
export function originOf({ secure, authority }: Pick<BucketAddress, 'secure' | 'authority'>): string {
  return `${secure ? 'https' : 'http'}://${authority}`;
}

/** True for a bucket of AWS itself. */
export function isOfAws({ host }: Pick<BucketAddress, 'host'>): boolean {
  return AWS_HOST.test(host);
}

/**
 * Whether two are the same bucket, however they are addressed. On AWS a bucket's name is no one else's; elsewhere the store has to
 * be the same, with or without TLS.
 */
export function isSameBucket(a: BucketAddress, b: BucketAddress): boolean {
  if (a.bucket !== b.bucket) return false;
  if (isOfAws(a) && isOfAws(b)) return true;
  const [one, other] = [storeOf(a), storeOf(b)];
  // The same host has other ports for other stores, and for TLS.
  return one.host === other.host && one.path === other.path && (a.port === b.port || a.secure !== b.secure);
}

/** The store that a bucket is on, without the bucket. */
function storeOf({ bucket, style, host, basePath }: BucketAddress): Pick<Endpoint, 'host' | 'path'> {
  return style === 'virtual'
    ? { host: host.slice(bucket.length + 1), path: basePath }
    : { host, path: basePath.slice(0, -bucket.length - 1) };
}
