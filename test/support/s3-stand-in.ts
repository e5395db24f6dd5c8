/**
 * A small S3, for tests: it checks signatures by itself, serves objects with conditions and ranges as S3 does, refuses as S3
 * does, and misbehaves when it is told to.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Test } from 'tap';
import { evaluatePreconditions } from '../../src/http/conditional.js';
import { formatHttpDate } from '../../src/http/date.js';
import { TEST_CERTIFICATE, TEST_KEY } from './certificate.js';
import { checkSignature, type KnownCredentials, queryOf, type Refused, uriDecode } from './s3-signature.js';

/** An object. */
export interface StoredObject {
  readonly body: Buffer;
  /** With its quotes. */
  readonly etag: string;
  /** Milliseconds since the epoch; whole seconds. */
  readonly lastModified: number;
  /** Content-Type and the like. */
  readonly fields: Readonly<Record<string, string>>;
}

/** A request as it came. */
export interface Recorded {
  readonly method: string;
  /** As it was sent. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
  /** Of the connections, counted from 1, the one that it came on. */
  readonly connection: number;
  /** What it was answered with; 0 while it is not. */
  status: number;
}

/** What is done with a request in place of, or in the way of, its answer. */
export type Misbehaviour =
  /** Answers never. */
  | { readonly kind: 'stall' }
  /** Sends this many bytes of the body and stalls. */
  | { readonly kind: 'stall-in-body'; readonly after: number }
  /** Sends this many bytes of the body and breaks the connection. */
  | { readonly kind: 'cut-in-body'; readonly after: number }
  /** Closes the connection without an answer. */
  | { readonly kind: 'close' }
  /** Refuses; `text` in place of a document. */
  | { readonly kind: 'refuse'; readonly status: number; readonly code: string; readonly text?: string }
  /** Answers with these bytes, whatever was asked, and closes the connection where it ends. */
  | { readonly kind: 'raw'; readonly bytes: string; readonly ends?: boolean }
  /** Knows nothing of conditions, as if the request had none. */
  | { readonly kind: 'ignore-conditions' };

/** How a stand-in is started. */
export interface S3StandInOptions {
  readonly secure?: boolean;
  readonly bucket?: string;
  readonly region?: string;
  /** Undefined: everybody may read. */
  readonly credentials?: KnownCredentials | undefined;
}

export interface S3StandIn {
  /** As an endpoint is written. */
  readonly endpoint: string;
  readonly port: number;
  readonly bucket: string;
  /** Where the bucket is; to be changed. */
  region: string;
  /** Whom it knows; to be changed. */
  credentials: KnownCredentials | undefined;
  /** True when a missing key is 404, and not 403, as without s3:ListBucket. */
  mayList: boolean;
  /** How much later it is here, in milliseconds. */
  ahead: number;
  /** How much later than here its answers say that it is, in milliseconds, as something before it has them say. */
  dateAhead: number;
  readonly objects: ReadonlyMap<string, StoredObject>;
  readonly requests: readonly Recorded[];
  /** Connections so far, and those that are open. */
  readonly connections: number;
  readonly open: number;
  /** Stores an object; its key is text. Returns it. */
  put(
    key: string,
    body: string | Buffer,
    fields?: Readonly<Record<string, string>>,
    etag?: string,
  ): StoredObject;
  remove(key: string): void;
  /** What the next requests meet, one after another. */
  next(...misbehaviours: readonly Misbehaviour[]): void;
  /** Called with each request, before it is looked at. */
  onRequest: ((request: Recorded) => void) | undefined;
  /** Closes the connections that carry no request. */
  closeIdle(): void;
  /** Stops listening and breaks every connection. */
  stop(): Promise<void>;
  /** Listens again, where it did. */
  restart(): Promise<void>;
}

/** Keys of nobody. */
export const TEST_CREDENTIALS: KnownCredentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};

/** When objects were put where nothing else is said: 2024-02-29 12:00:00 UTC. */
const PUT_AT = 1_709_208_000_000;

/** Starts one on a free port of 127.0.0.1 (with TLS: localhost); it is stopped when the test ends. */
export async function startS3StandIn(t: Test, options: S3StandInOptions = {}): Promise<S3StandIn> {
  const { secure = false, bucket = 'media', region = 'us-east-1' } = options;
  const store = new StandIn(
    bucket,
    region,
    'credentials' in options ? options.credentials : TEST_CREDENTIALS,
    secure,
  );
  await store.listen(0);
  t.teardown(() => store.stop());
  return store;
}

class StandIn implements S3StandIn {
  readonly bucket: string;
  region: string;
  credentials: KnownCredentials | undefined;
  mayList = true;
  ahead = 0;
  dateAhead = 0;
  connections = 0;
  readonly objects = new Map<string, StoredObject>();
  readonly requests: Recorded[] = [];
  onRequest: ((request: Recorded) => void) | undefined;
  readonly #secure: boolean;
  readonly #server: Server;
  readonly #sockets = new Map<Socket, number>();
  readonly #next: Misbehaviour[] = [];
  #port = 0;

  constructor(bucket: string, region: string, credentials: KnownCredentials | undefined, secure: boolean) {
    this.bucket = bucket;
    this.region = region;
    this.credentials = credentials;
    this.#secure = secure;
    const listener = (request: IncomingMessage, response: ServerResponse): void =>
      this.#answer(request, response);
    this.#server = secure
      ? createTlsServer({ key: TEST_KEY, cert: TEST_CERTIFICATE }, listener)
      : createServer(listener);
    this.#server.keepAliveTimeout = 0;
    this.#server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
      this.connections += 1;
      this.#sockets.set(socket, this.connections);
      socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket));
    });
    this.#server.on('tlsClientError', () => {});
  }

  get endpoint(): string {
    return this.#secure ? `https://localhost:${this.#port}` : `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  put(
    key: string,
    body: string | Buffer,
    fields: Readonly<Record<string, string>> = {},
    etag?: string,
  ): StoredObject {
    const bytes = Buffer.from(body);
    const object: StoredObject = {
      body: bytes,
      etag: etag ?? `"${createHash('md5').update(bytes).digest('hex')}"`,
      lastModified: PUT_AT,
      fields: { 'Content-Type': 'binary/octet-stream', ...fields },
    };
    this.objects.set(key, object);
    return object;
  }

  remove(key: string): void {
    this.objects.delete(key);
  }

  next(...misbehaviours: readonly Misbehaviour[]): void {
    this.#next.push(...misbehaviours);
  }

  closeIdle(): void {
    this.#server.closeIdleConnections();
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async restart(): Promise<void> {
    await this.listen(this.#port);
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    for (const socket of this.#sockets.keys()) socket.destroy();
    await once(this.#server, 'close');
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const recorded: Recorded = {
      method: request.method ?? '',
      target: request.url ?? '',
      headers: request.headers,
      connection: this.#sockets.get(request.socket) ?? 0,
      status: 0,
    };
    this.requests.push(recorded);
    this.onRequest?.(recorded);
    const exchange = new Exchange(request, response, recorded, this.#next.shift());
    if (exchange.isOver) return;
    const refused = this.#refusal(exchange);
    if (refused !== undefined) exchange.refuse(refused, this.#fields());
    else exchange.send(this.objects.get(exchange.key ?? ''), this.mayList, this.#fields());
  }

  #fields(): Record<string, string> {
    return {
      'x-amz-request-id': `REQUEST${this.requests.length}`,
      'x-amz-id-2': 'aWQgMg==',
      'x-amz-bucket-region': this.region,
      Date: formatHttpDate(Math.floor((Date.now() + this.ahead + this.dateAhead) / 1000)),
      Server: 'AmazonS3',
    };
  }

  #refusal(exchange: Exchange): Refused | undefined {
    const { misbehaviour, request } = exchange;
    if (misbehaviour?.kind === 'refuse') return misbehaviour;
    exchange.address(this.bucket);
    if (this.credentials !== undefined) {
      const now = Date.now() + this.ahead;
      const refused = checkSignature(request, { credentials: this.credentials, region: this.region, now });
      if (refused === 'unsigned') return { status: 403, code: 'AccessDenied' };
      if (refused !== undefined) return refused;
    }
    if (exchange.bucket !== this.bucket) return { status: 404, code: 'NoSuchBucket' };
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return { status: 405, code: 'MethodNotAllowed' };
    if (exchange.key === undefined) return { status: 400, code: 'InvalidURI' };
    return undefined;
  }
}

/** One request. */
class Exchange {
  readonly request: IncomingMessage;
  readonly misbehaviour: Misbehaviour | undefined;
  bucket = '';
  /** Text; undefined when it is not UTF-8. */
  key: string | undefined;
  readonly #response: ServerResponse;
  readonly #recorded: Recorded;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    recorded: Recorded,
    misbehaviour: Misbehaviour | undefined,
  ) {
    this.request = request;
    this.misbehaviour = misbehaviour;
    this.#response = response;
    this.#recorded = recorded;
  }

  /** True when there is nothing to answer. */
  get isOver(): boolean {
    const { misbehaviour, request } = this;
    if (misbehaviour?.kind === 'close') request.socket.destroy();
    if (misbehaviour?.kind === 'raw') {
      request.socket.write(misbehaviour.bytes, 'latin1');
      if (misbehaviour.ends === true) request.socket.end();
    }
    return misbehaviour !== undefined && ['stall', 'close', 'raw'].includes(misbehaviour.kind);
  }

  /** Finds out which bucket and key are meant, by the host or by the path. */
  address(bucket: string): void {
    const [path = ''] = (this.request.url ?? '').split('?');
    const bytes = uriDecode(path);
    const isVirtual = this.request.headers.host?.startsWith(`${bucket}.`) === true;
    const slash = isVirtual ? 0 : bytes.indexOf('/', 1);
    this.bucket = isVirtual ? bucket : bytes.slice(1, slash < 0 ? undefined : slash);
    const key = Buffer.from(slash < 0 ? '' : bytes.slice(slash + 1), 'latin1');
    this.key = Buffer.from(key.toString()).equals(key) ? key.toString() : undefined;
  }

  refuse({ status, code, extra = {} }: Refused, fields: Readonly<Record<string, string>>): void {
    const text = this.misbehaviour?.kind === 'refuse' ? this.misbehaviour.text : undefined;
    const more = Object.entries(extra).map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
    const document =
      text ??
      `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>It is &lt;${code}&gt;</Message>${more.join('')}<Resource>/secret-resource</Resource><RequestId>${fields['x-amz-request-id']}</RequestId></Error>`;
    this.#head(status, {
      ...fields,
      'Content-Type': 'application/xml',
      'Content-Length': `${Buffer.byteLength(document)}`,
    });
    this.#response.end(this.request.method === 'HEAD' ? undefined : document);
  }

  send(object: StoredObject | undefined, mayList: boolean, fields: Readonly<Record<string, string>>): void {
    if (object === undefined) {
      this.refuse(
        mayList ? { status: 404, code: 'NoSuchKey' } : { status: 403, code: 'AccessDenied' },
        fields,
      );
      return;
    }
    const { body, etag, lastModified } = object;
    const validators = { ETag: etag, 'Last-Modified': formatHttpDate(lastModified / 1000) };
    const verdict =
      this.misbehaviour?.kind === 'ignore-conditions'
        ? 'proceed'
        : evaluatePreconditions(this.request.headers, {
            etag,
            lastModified: lastModified / 1000,
            lastModifiedText: undefined,
          });
    if (verdict === 'failed') {
      this.refuse({ status: 412, code: 'PreconditionFailed' }, fields);
      return;
    }
    if (verdict === 'not-modified') {
      this.#head(304, { ...fields, ...validators });
      this.#response.end();
      return;
    }
    const range = rangeOf(this.request.headers.range, body.length);
    if (range === 'none') {
      const extra = { RangeRequested: this.request.headers.range ?? '', ActualObjectSize: `${body.length}` };
      this.refuse({ status: 416, code: 'InvalidRange', extra }, fields);
      return;
    }
    const [first, last] = range ?? [0, body.length - 1];
    this.#head(range === undefined ? 200 : 206, {
      ...fields,
      ...Object.fromEntries(
        Object.entries(object.fields).map(([name, value]) => [name.toLowerCase(), value]),
      ),
      ...validators,
      ...this.#replaced(),
      'Accept-Ranges': 'bytes',
      'x-amz-meta-owner': 'somebody',
      'Content-Length': `${last - first + 1}`,
      ...(range !== undefined && { 'Content-Range': `bytes ${first}-${last}/${body.length}` }),
    });
    if (this.request.method === 'HEAD') this.#response.end();
    else this.#body(body.subarray(first, last + 1));
  }

  /** Fields that a signed target asks for. */
  #replaced(): Record<string, string> {
    return Object.fromEntries(
      queryOf(this.#recorded.target)
        .filter(([name]) => name.startsWith('response-'))
        .map(([name, value]) => [name.slice('response-'.length), value]),
    );
  }

  #body(bytes: Buffer): void {
    const { misbehaviour } = this;
    switch (misbehaviour?.kind) {
      case 'stall-in-body':
        this.#response.write(bytes.subarray(0, misbehaviour.after));
        break;
      case 'cut-in-body':
        this.#response.write(bytes.subarray(0, misbehaviour.after), () => this.request.socket.destroySoon());
        break;
      default:
        this.#response.end(bytes);
    }
  }

  #head(status: number, fields: Readonly<Record<string, string>>): void {
    this.#recorded.status = status;
    this.#response.writeHead(status, fields);
  }
}

/** 'none' when the object has none of these bytes; undefined for all of it. S3 gives all for several ranges. */
function rangeOf(field: string | undefined, size: number): readonly [number, number] | 'none' | undefined {
  const [, from = '', to = ''] = /^bytes=(\d*)-(\d*)$/.exec(field ?? '') ?? [];
  if (from === '' && to === '') return undefined;
  if (from === '')
    return Number(to) === 0 || size === 0 ? 'none' : [Math.max(0, size - Number(to)), size - 1];
  if (to !== '' && Number(to) < Number(from)) return undefined;
  return Number(from) >= size
    ? 'none'
    : [Number(from), to === '' ? size - 1 : Math.min(Number(to), size - 1)];
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
