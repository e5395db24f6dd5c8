// The server, put together. Reads like a table of contents: locations, Fastify, upgrades, malformed requests, end.
import { type IncomingMessage, METHODS, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import Fastify, { type ConnectionError, type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { BadValueError } from '../config/errors.js';
import type { Config, FileLocation, Location } from '../config/location.js';
import { networkTest } from '../config/network.js';
import { guardFiles } from '../files/guard.js';
import { OpenFileCache } from '../files/open-file-cache.js';
import { createFileHandler } from '../files/serve.js';
import type { Ask } from '../http/order.js';
import { parseTarget, toBytePath } from '../http/target.js';
import { kernelSend } from '../stores/kernel-send.js';
import { type Proxy as AppProxy, createProxy } from '../upstream/proxy.js';
import { hasBody } from '../upstream/request-body.js';
import { wantedProtocol } from '../upstream/upgrade.js';
import { UploadMemory } from '../upstream/upload-memory.js';
import { malformedResponse, readErrorPages } from './error-page.js';
import { createFront, type Front } from './front.js';
import type { Log } from './log.js';
import { readPlainRequests } from './plain-connection.js';
import { expectProxyHeaders } from './proxy-protocol.js';
import { createRedirector } from './redirect.js';
import { checkRoot, directoriesKeptFrom } from './roots.js';
import { RouteTable } from './routes.js';
import { WITHOUT_SCHEMAS } from './without-schemas.js';

/** How long an idle connection of a client is kept, in milliseconds (nginx: keepalive_timeout, 75 s). */
const KEEP_ALIVE = 75_000;
/** How long a client may take to send a request's head, in milliseconds (nginx: client_header_timeout, 60 s). */
const HEADERS_TIMEOUT = 60_000;

/**
 * With this every other offer of a protocol is an ordinary request, and so is one with a body, which is refused. Node
 * knows it from 24.9 on, and late releases of 22 do; for the others see ignoreUpgrade.
 */
const ONLY_WEBSOCKETS = {
  shouldUpgradeCallback: (request: IncomingMessage) =>
    wantedProtocol(request) !== undefined && !hasBody(request),
};

/**
 * Builds the server; it does not listen yet.
 * @throws {BadValueError} when a directory is missing or not readable
 */
export async function createMediaServer(config: Config, log: Log): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    schemaController: WITHOUT_SCHEMAS,
    keepAliveTimeout: KEEP_ALIVE,
    requestTimeout: 0,
    // A missing Host is refused by http/framing, in its turn.
    http: { headersTimeout: HEADERS_TIMEOUT, requireHostHeader: false, ...ONLY_WEBSOCKETS },
    forceCloseConnections: 'idle',
    // Locations are chosen on the normalized target, by this project's own rules; Fastify's router sees one route.
    rewriteUrl: () => '/',
    clientErrorHandler: (error, socket) => refuseMalformed(error, socket, front),
  });
  const front = createFront(createRoutes(config, app, log.events), {
    log,
    pages: readErrorPages(config),
    isTrusted: networkTest(config.trustProxy),
  });
  // As on plain connections, a client that has said its last byte may still read (`nc -N`). No public property; without
  // it Node ends the connection then.
  Object.assign(app.server, { httpAllowHalfOpen: true });
  handEverythingTo(front, app);
  readPlainRequests(app.server, front.answer, { keepAlive: KEEP_ALIVE, head: HEADERS_TIMEOUT });
  handUpgradesTo(front, app);
  // `Expect: 100-continue` is answered by who reads the body, once it is known to be wanted.
  for (const event of ['checkContinue', 'checkExpectation']) {
    app.server.on(event, (request, response) => app.server.emit('request', request, response));
  }
  // Nothing here is a tunnel.
  app.server.on('connect', (_request, socket) => socket.end(malformedResponse(undefined)));
  // It is a library to be opened: now there is a descriptor for it.
  if (config.locations.some((location) => location.kind !== 'upstream' && location.sendfile)) {
    app.addHook('onListen', async () => void kernelSend());
  }
  if (config.proxyProtocol) expectProxyHeaders(app.server, log.events);
  await app.ready();
  return app;
}

function createRoutes(config: Config, app: FastifyInstance, log: Logger): RouteTable {
  const table = new RouteTable();
  const redirect = createRedirector(table, config, log);
  const proxies = new Map<Location, AppProxy>();
  const memory = new UploadMemory(config.uploadMemory);
  for (const location of config.locations) {
    if (location.kind !== 'upstream') {
      checkRoot(location);
      continue;
    }
    const proxy = createProxy(location, { redirect, memory, log });
    app.addHook('onClose', () => proxy.close());
    proxies.set(location, proxy);
  }
  const cache = new OpenFileCache(config.cacheSize);
  for (const location of config.locations) {
    const handle =
      location.kind === 'upstream'
        ? proxies.get(location)?.handle
        : guardFiles(
            location,
            createFileHandler(location, { log, cache, excluded: directoriesKeptFrom(location, config) }),
            askFor(location, config, proxies),
            log,
          );
    if (handle !== undefined) table.add({ location, handle });
  }
  return table;
}

/** The way to ask the app that a location's authRequest leads to. */
function askFor(
  { access, from }: FileLocation,
  { locations }: Config,
  proxies: ReadonlyMap<Location, AppProxy>,
): Ask | undefined {
  if (access.authRequest === undefined) return undefined;
  const { target } = access.authRequest;
  const { path } = parseTarget(target);
  const found = locations.find(({ prefix }) => path.startsWith(toBytePath(prefix)));
  const proxy = found === undefined ? undefined : proxies.get(found);
  if (proxy === undefined) {
    throw new BadValueError(from, `has authRequest ${target}, where no app answers; name a path of the app`);
  }
  return proxy.ask;
}

function handEverythingTo(front: Front, app: FastifyInstance): void {
  const methods = METHODS.filter((method) => method !== 'CONNECT');
  // Bodies are the app's: to Fastify no method has one, so that it neither parses them nor judges their type.
  for (const method of methods) app.addHttpMethod(method, { hasBody: false, overrideExisting: true });
  app.route({
    method: methods,
    url: '/',
    handler(request, reply) {
      reply.hijack();
      front.answerInTurn(request.raw, reply.raw, request.originalUrl);
    },
  });
}

/** What is no HTTP gets a 400 and the end of the connection, after the answers to what stood before it. */
function refuseMalformed(error: ConnectionError, socket: Socket, front: Front): void {
  const last = front.lastResponse(socket);
  const isPending = last !== undefined && !last.writableFinished && !last.destroyed;
  // Only a whole request has an answer to wait for; one that is malformed within its body never becomes whole.
  if (isPending && last.req.complete) {
    last.once('close', () => refuseMalformed(error, socket, front));
  } else if (last?.shouldKeepAlive === false || (isPending && last.headersSent)) {
    // It has been refused already; what is written must still arrive.
    socket.destroySoon();
  } else if (socket.writable && error.code !== 'HPE_INVALID_EOF_STATE') {
    socket.end(malformedResponse(error.code));
  } else {
    socket.destroy();
  }
}

/** WebSocket requests come without a response object; they get one, and are requests like any other. */
function handUpgradesTo(front: Front, app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    if (wantedProtocol(request) === undefined) {
      ignoreUpgrade(request, socket, app);
      return;
    }
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => {
      response.detachSocket(request.socket);
      socket.end();
      response.emit('close');
    });
    front.answerInTurn(request, response, request.url ?? '');
  });
}

/**
 * An offer of another protocol may be ignored (RFC 9110 §7.8); Java's HTTP client offers h2c with every request. Older
 * Nodes have stopped reading HTTP here, before the body, so the request is put back without the offer and read again.
 */
function ignoreUpgrade(request: IncomingMessage, socket: Duplex, app: FastifyInstance): void {
  const { method, url, httpVersion, rawHeaders } = request;
  let head = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? '';
    if (/^(?:connection|upgrade|http2-settings)$/i.test(name)) continue;
    head += `${name}: ${rawHeaders[index + 1]}\r\n`;
  }
  if (/\bclose\b/i.test(request.headers.connection ?? '')) head += 'Connection: close\r\n';
  socket.unshift(Buffer.from(`${head}\r\n`, 'latin1'));
  app.server.emit('connection', socket);
}
