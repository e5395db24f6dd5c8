// The server, put together. Reads like a table of contents: locations, Fastify, upgrades, malformed requests, end.
import { type IncomingMessage, METHODS, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config/location.js';
import { OpenFileCache } from '../files/open-file-cache.js';
import { createFileHandler } from '../files/serve.js';
import { createProxy } from '../upstream/proxy.js';
import { malformedResponse } from './error-page.js';
import { createFront, type Front, type Route } from './front.js';
import type { Log } from './log.js';
import { checkRoot } from './roots.js';

/** How long an idle connection of a client is kept, in milliseconds (nginx: keepalive_timeout, 75 s). */
const KEEP_ALIVE = 75_000;
/** How long a client may take to send a request's head, in milliseconds (nginx: client_header_timeout, 60 s). */
const HEADERS_TIMEOUT = 60_000;

/**
 * Builds the server; it does not listen yet.
 * @throws {BadValueError} when a directory is missing or not readable
 */
export async function createMediaServer(config: Config, log: Log): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    keepAliveTimeout: KEEP_ALIVE,
    requestTimeout: 0,
    http: { headersTimeout: HEADERS_TIMEOUT },
    forceCloseConnections: 'idle',
    // Locations are chosen on the normalized target, by this project's own rules; Fastify's router sees one route.
    rewriteUrl: () => '/',
    clientErrorHandler(error, socket) {
      if (socket.writable) socket.end(malformedResponse(error.code));
      else socket.destroy();
    },
  });
  const front = createFront(createRoutes(config, app, log.events), log);
  handEverythingTo(front, app);
  handUpgradesTo(front, app);
  await app.ready();
  return app;
}

function createRoutes(config: Config, app: FastifyInstance, log: Logger): Route[] {
  const cache = new OpenFileCache(config.cacheSize);
  return config.locations.map((location) => {
    if (location.kind !== 'upstream') {
      checkRoot(location);
      return { location, handle: createFileHandler(location, { log, cache, excluded: [] }) };
    }
    const proxy = createProxy(location, log);
    app.addHook('onClose', () => proxy.close());
    return { location, handle: proxy.handle };
  });
}

function handEverythingTo(front: Front, app: FastifyInstance): void {
  // Bodies are the app's: nothing here parses them.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  const methods = METHODS.filter((method) => method !== 'CONNECT');
  for (const method of methods) {
    if (!app.supportedMethods.includes(method)) app.addHttpMethod(method, { hasBody: true });
  }
  app.route({
    method: methods,
    url: '/',
    handler(request, reply) {
      reply.hijack();
      front(request.raw, reply.raw, request.originalUrl);
    },
  });
}

/** Requests with an Upgrade field come without a response object; they get one, and are requests like any other. */
function handUpgradesTo(front: Front, app: FastifyInstance): void {
  app.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.once('finish', () => {
      response.detachSocket(request.socket);
      socket.end();
      response.emit('close');
    });
    front(request, response, request.url ?? '');
  });
}
