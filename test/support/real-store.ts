/** What the tests need of a server that speaks S3 and is no stand-in of ours: a bucket, and ways to fill it. */
import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { lookupHere } from './names-here.js';
import { type KnownCredentials, uriEncode } from './s3-signature.js';

/** A real server with an empty bucket. */
export interface RealStore {
  /** As an endpoint is written. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: KnownCredentials;
  /** Path of the certificate of whoever vouches for it, where it speaks TLS. */
  readonly authority?: string | undefined;
  /** Where media-serve is to put the name of the bucket; it finds that out where nothing is said. */
  readonly addressing?: 'path' | 'virtual' | undefined;
  /** Lines that it has written about requests. */
  output(): string;
}

/** A server that is asked to do something, and by whom. */
export type Target = Pick<RealStore, 'endpoint' | 'region' | 'credentials' | 'authority' | 'addressing'>;

/** The name of each bucket. */
export const BUCKET = 'uploads-of-tests';

/** Whom a server knows, and who vouches for it: the environment of programs that ask it. */
export function environmentOf({
  credentials,
  authority,
}: Pick<RealStore, 'credentials' | 'authority'>): Record<string, string> {
  return {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ...(authority !== undefined && { NODE_EXTRA_CA_CERTS: authority }),
  };
}

/** The arguments of media-serve that say where the server is. */
export function placeOf({ endpoint, region, addressing }: Target): string[] {
  const style = addressing === undefined ? [] : ['--s3-addressing', addressing];
  return ['--s3-endpoint', endpoint, '--s3-region', region, ...style];
}

/** Makes the bucket. */
export async function makeBucket(target: Target): Promise<void> {
  await send(target, 'PUT', `/${BUCKET}`);
}

/**
 * Stores an object.
 * @param key text
 * @param fields Content-Type and the like
 * @returns when it was stored, as the server says, in milliseconds since the epoch
 */
export async function put(
  store: RealStore,
  key: string,
  body: string | Buffer,
  fields: Readonly<Record<string, string>> = {},
): Promise<number> {
  await send(store, 'PUT', pathOf(store, key), Buffer.from(body), fields);
  return Date.parse((await head(store, key)).headers['last-modified'] ?? '');
}

/** Asks whether an object is there; rejects when it is not. */
export function head(store: RealStore, key: string): Promise<IncomingMessage> {
  return send(store, 'HEAD', pathOf(store, key));
}

function pathOf({ bucket }: RealStore, key: string): string {
  return `/${bucket}/${uriEncode(Buffer.from(key).toString('latin1'), true)}`;
}

/** Sends a signed request (AWS Signature Version 4) on a connection of its own. Rejects when it is refused. */
async function send(
  { endpoint, region, credentials, authority }: Target,
  method: string,
  path: string,
  body = Buffer.alloc(0),
  fields: Readonly<Record<string, string>> = {},
): Promise<IncomingMessage> {
  const { hostname, port, host } = new URL(endpoint);
  const payload = createHash('sha256').update(body).digest('hex');
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const own = Object.entries(fields).map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  const signed = [...own, ['host', host], ['x-amz-content-sha256', payload], ['x-amz-date', time]].sort();
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value}\n`);
  const canonical = [method, path, '', lines.join(''), names, payload].join('\n');
  const scope = [time.slice(0, 8), region, 's3', 'aws4_request'];
  const digest = createHash('sha256').update(canonical).digest('hex');
  const key = scope.reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const signature = createHmac('sha256', key)
    .update(['AWS4-HMAC-SHA256', time, scope.join('/'), digest].join('\n'))
    .digest('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scope.join('/')}, SignedHeaders=${names}, Signature=${signature}`;
  const headers = { ...Object.fromEntries(signed), authorization, 'content-length': body.length };
  const options = { host: hostname, port, method, path, headers, agent: false, lookup: lookupHere };
  const request =
    authority === undefined
      ? httpRequest(options).end(body)
      : // Whom media-serve believes is what is tested.
        httpsRequest({ ...options, rejectUnauthorized: false }).end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const answer = await text(response);
  if (response.statusCode !== 200)
    throw new Error(`${method} ${path} was answered with ${response.statusCode}: ${answer}`);
  return response;
}
