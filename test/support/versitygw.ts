/**
 * Versity's gateway, a server that speaks S3 and keeps its objects as files: it checks signatures, regions and dates as AWS
 * does. Built with Go on first use, which takes minutes, and kept for the next.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { cacheDirectory, exists, withLock } from '../../docker/demo-python.js';
import type { Certificate } from './certificate-authority.js';
import { spawnChild } from './child.js';
import { freePorts } from './port.js';
import { BUCKET, makeBucket, put, type RealStore } from './real-store.js';
import { until } from './until.js';

const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;

/** Milliseconds that building may take: it takes two or three minutes on two processors. */
const BUILD_TIME = 1_200_000;

/** Whom it knows: names of nobody. */
const CREDENTIALS = { accessKeyId: 'gateway-of-tests', secretAccessKey: 'a secret/of+tests' };
/** No region that anything takes by itself. */
const REGION = 'eu-test-1';

/**
 * Resolves with the path of the gateway. The variable VERSITYGW names one that is to be used in its place.
 * @param report is told what takes long, a line at a time
 * @throws Error when it cannot be built
 */
export async function findGateway(report: (line: string) => void): Promise<string> {
  const given = process.env['VERSITYGW'];
  if (given !== undefined) return given;
  const path = join(await cacheDirectory(), `versitygw-${VERSION}`);
  await withLock(`${path}.lock`, undefined, async () => {
    if (await exists(path)) return;
    report(`Building ${MODULE} (once) …`);
    const start = performance.now();
    await build(path);
    report(`… which took ${Math.round((performance.now() - start) / 1000)} s; it is kept as ${path}`);
  });
  return path;
}

/** Builds it elsewhere and moves it, so that whatever is found under its name is whole. */
async function build(path: string): Promise<void> {
  const unfinished = `${path}.${process.pid}`;
  await mkdir(unfinished, { recursive: true });
  try {
    const child = spawnChild('go', ['install', MODULE], {
      env: { ...process.env, GOBIN: unfinished },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: BUILD_TIME,
    });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors = `${errors}${chunk}`.slice(-2000);
    });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(errors);
    await rename(join(unfinished, 'versitygw'), path);
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim() : String(error);
    throw new Error(
      `${MODULE} could not be built with Go (${reason}); install Go, or name a binary of it in the variable VERSITYGW`,
    );
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** How a gateway is started. */
export interface GatewayOptions {
  /** Where it listens; a free port where nothing is said. */
  readonly port?: number | undefined;
  /** True when it keeps connections, which it does not by itself. */
  readonly keepsAlive?: boolean;
  /** With TLS. */
  readonly tls?: GatewayTls;
}

/** Who a gateway is, to those who speak TLS with it. */
export interface GatewayTls extends Certificate {
  /** The name in its certificate by which it is asked. Buckets in front of it are known, too. */
  readonly host: string;
  /** Path of the certificate of whoever vouches for it. */
  readonly authority: string;
}

/** A running gateway. */
export interface Gateway extends RealStore {
  readonly port: number;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** Starts a gateway with an empty bucket; it is stopped, and its files removed, when the test ends. */
export async function startGateway(
  t: Test,
  { port, keepsAlive, tls }: GatewayOptions = {},
): Promise<Gateway> {
  const program = await findGateway((line) => t.comment(line));
  const folder = await mkdtemp(join(tmpdir(), 'versitygw-'));
  const [objects, metadata] = [join(folder, 'objects'), join(folder, 'metadata')];
  for (const path of [objects, metadata]) await mkdir(path);
  const [free = 0] = port === undefined ? await freePorts(1) : [port];
  const child = spawnChild(
    program,
    [
      ...['--port', `127.0.0.1:${free}`, '--region', REGION],
      ...(keepsAlive === true ? ['--keep-alive'] : []),
      ...(tls === undefined ? [] : ['--cert', tls.cert, '--key', tls.key, '--virtual-domain', tls.host]),
      // Not every file system has extended attributes.
      ...['posix', '--sidecar', metadata, objects],
    ],
    {
      env: {
        PATH: process.env['PATH'] ?? '',
        ROOT_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        ROOT_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  t.teardown(async () => {
    await kill();
    await rm(folder, { recursive: true, force: true });
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the gateway has ended: ${output}`);
    return isOpen(free);
  }, 'the gateway listens');
  const store: Gateway = {
    port: free,
    kill,
    endpoint: tls === undefined ? `http://127.0.0.1:${free}` : `https://${tls.host}:${free}`,
    authority: tls?.authority,
    region: REGION,
    bucket: BUCKET,
    credentials: CREDENTIALS,
    output: () => output,
  };
  await makeBucket(store);
  return store;
}

/** Whether somebody listens there. */
function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).once('close', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** A request as the gateway tells of it. */
export interface GatewayRequest {
  readonly status: number;
  readonly method: string;
  /** `/bucket/key`. */
  readonly path: string;
}

/** Names of objects that only mark a place in what the gateway has written. */
const MARK = 'mark-';

/**
 * What was asked of a gateway so far. It writes of each request before it answers: what stands in front of one of our own is all
 * that was answered.
 */
export async function requestsTo(store: RealStore): Promise<GatewayRequest[]> {
  const mark = `${MARK}${randomUUID()}`;
  await put(store, mark, '');
  await until(() => store.output().includes(mark), 'the gateway has written of it');
  return requestsIn(store.output()).filter(({ path }) => !path.startsWith(`/${store.bucket}/${MARK}`));
}

function requestsIn(output: string): GatewayRequest[] {
  return [...output.matchAll(/^\S+ \| vgw \| (\d+) \|[^|]*\|[^|]*\| (\S+) +\| (.*?) \|/gm)].map(
    ([, status = '', method = '', path = '']) => ({ status: Number(status), method, path }),
  );
}
