// Signatures (AWS Signature Version 4), in a field of a request or in its target. The signer is AWS's own; it is loaded with the
// first signature, since most who start this server have no bucket.
import { createHash, createHmac, type Hash, type Hmac } from 'node:crypto';
import type { SignatureV4 } from '@smithy/signature-v4';
import type { Credentials } from './credentials.js';
import { encodeQueryPart } from './key-path.js';

/** What is signed for: a region and a host. */
export interface SigningScope {
  readonly region: string;
  /** The Host field. */
  readonly authority: string;
}

/** SHA-256 of a body that is empty. UNSIGNED-PAYLOAD would do as well, but not with every store, nor without TLS. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** What stands for the body in a signed target, whoever sends it. */
const ANY_BODY = 'UNSIGNED-PAYLOAD';

/**
 * Signs a request without a body.
 * @param path as it is sent
 * @param fields by name in lower case; they are signed too, as AWS's own clients do
 * @param at milliseconds since the epoch, as the store counts them
 * @returns lines: these fields, and those that make it a signed one
 */
export async function signedFields(
  { region, authority }: SigningScope,
  credentials: Credentials,
  method: 'GET' | 'HEAD',
  path: string,
  fields: Readonly<Record<string, string>>,
  at: number,
): Promise<string> {
  const signer = await signerOf(region, credentials);
  const { headers } = await signer.sign(
    {
      method,
      protocol: 'https:',
      hostname: authority,
      path,
      query: {},
      headers: { ...fields, host: authority, 'x-amz-content-sha256': EMPTY_SHA256 },
    },
    { signingDate: new Date(at) },
  );
  let lines = '';
  for (const [name, value] of Object.entries(headers)) if (name !== 'host') lines += `${name}: ${value}\r\n`;
  return lines;
}

/**
 * Signs a target for whoever gets it. It is the same for the same moment and credentials.
 * @param method the only one that it is good for
 * @param query names and values as text
 * @param at milliseconds since the epoch, as the store counts them
 * @param expires seconds for which it is good, a week at most
 * @returns path and query
 */
export async function presignedTarget(
  { region, authority }: SigningScope,
  credentials: Credentials,
  method: 'GET' | 'HEAD',
  path: string,
  query: Readonly<Record<string, string>>,
  at: number,
  expires: number,
): Promise<string> {
  const signer = await signerOf(region, credentials);
  const signed = await signer.presign(
    {
      method,
      protocol: 'https:',
      hostname: authority,
      path,
      query: { ...query },
      headers: { host: authority, 'x-amz-content-sha256': ANY_BODY },
    },
    // What is only said for the signer is no part of the target.
    {
      signingDate: new Date(at),
      expiresIn: expires,
      unhoistableHeaders: NOT_HOISTED,
      unsignableHeaders: NOT_HOISTED,
    },
  );
  const parts = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encoded(name)}=${encoded(String(value))}`,
  );
  return `${path}?${parts.join('&')}`;
}

const NOT_HOISTED = new Set(['x-amz-content-sha256']);

function encoded(text: string): string {
  return encodeQueryPart(Buffer.from(text).toString('latin1'));
}

type Secret = string | ArrayBuffer | ArrayBufferView;

/** SHA-256 as the signer wants it, keyed or not. */
class Sha256 {
  readonly #hash: Hash | Hmac;

  constructor(secret?: Secret) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }

  /** Nothing is hashed twice with one of these. */
  reset(): void {}
}

function bytesOf(data: Secret): string | Uint8Array {
  if (typeof data === 'string') return data;
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

let loaded: Promise<typeof SignatureV4> | undefined;
/** By whose they are: what a signer finds out of credentials is good as long as they are. */
const signers = new WeakMap<Credentials, { readonly region: string; readonly signer: SignatureV4 }>();

async function signerOf(region: string, credentials: Credentials): Promise<SignatureV4> {
  const known = signers.get(credentials);
  if (known?.region === region) return known.signer;
  loaded ??= import('@smithy/signature-v4').then((module) => module.SignatureV4);
  const Signer = await loaded;
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new Signer({
    service: 's3',
    region,
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken !== undefined && { sessionToken }) },
    sha256: Sha256,
    // S3 alone takes the path as it is, encoded once.
    uriEscapePath: false,
    applyChecksum: false,
  });
  signers.set(credentials, { region, signer });
  return signer;
}
