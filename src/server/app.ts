// The server, put together. Reads like a table of contents: locations, the listener, Fastify.
import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { BadValueError } from '../config/errors.js';
import {
  type Config,
  type FileLocation,
  isInBucket,
  isInDirectory,
  isOfFiles,
  isProtected,
  type Location,
  type LocationInBucket,
} from '../config/location.js';
import { shareFiles } from '../files/cors.js';
import { guardFiles } from '../files/guard.js';
import { OpenFileCache } from '../files/open-file-cache.js';
import { redirectToStore } from '../files/redirect-to-store.js';
import { createFileHandler, type FileHandler } from '../files/serve.js';
import { DeniedError } from '../http/errors.js';
import { LogThrottles } from '../http/log-throttles.js';
import { networkTest } from '../http/network-test.js';
import type { Subrequest } from '../http/order.js';
import { parseTarget, toBytePath } from '../http/target.js';
import { Server } from '../http1/server.js';
import { Buckets } from '../stores/buckets.js';
import { kernelSend } from '../stores/disk/kernel-send.js';
import { isAskedByThreads, RootStore } from '../stores/disk/root-store.js';
import type { ObjectStore } from '../stores/object-store.js';
import { LoopGuard } from '../upstream/loop.js';
import { type Proxy as AppProxy, type AppTimes, createProxy } from '../upstream/proxy.js';
import { type LookUp, lookUpHost, shareLookups } from '../upstream/resolver.js';
import { UploadMemory } from '../upstream/upload-memory.js';
import { checkBuckets, namesKeptFrom } from './bucket-roots.js';
import { type ConnectionPlaces, connectionPlaces, watchedLimit } from './connection-places.js';
import { distrustedProxies } from './distrusted-proxies.js';
import { createFront, type FailedRequest } from './front.js';
import type { Log } from './log.js';
import { proxyIntroduction } from './proxy-protocol.js';
import { readErrorPages } from './read-error-pages.js';
import { createRedirector } from './redirect.js';
import { type RootSurvey, rootsOf } from './roots.js';
import { RouteTable } from './routes.js';
import type { InternalFiles } from './sendfile.js';
import { warnOfProject } from './start-report.js';
import { PATIENCE, type Surveyed, surveyElsewhere, surveyHere } from './survey.js';
import { TIME_LIMITS, type TimeLimits } from './time-limits.js';
import { type WatchedRoot, watchProtected } from './watch-protected.js';
import { WITHOUT_SCHEMAS } from './without-schemas.js';

/** The server, ready to listen. */
export interface MediaServer {
  /** Fastify's shell: hooks, `listen`, `close`. Clients' requests do not pass its router. */
  readonly app: FastifyInstance;
  /** The listener that it starts and closes. */
  readonly server: Server;
  /** What its listeners have room for. */
  readonly places: ConnectionPlaces;
  /** Whether a thread waits for a disk that may never answer, so that the process could not end as it should. */
  isHeldUp(): boolean;
}

/**
 * Builds the server; it does not listen yet.
 * @throws {BadValueError} when a directory is missing or not readable, or uploads would be sent as static files
 */
export async function createMediaServer(config: Config, log: Log): Promise<FastifyInstance> {
  return (await assemble(config, log, await surveyOf(config, log.events))).app;
}

/**
 * The same, with the listener.
 * @param surveyed what was found out about the directories of files; its end is this server's from now on
 * @param lookUp how host names of the app are looked up
 */
export async function assemble(
  config: Config,
  log: Log,
  surveyed: Surveyed,
  times: TimeLimits = TIME_LIMITS,
  lookUp: LookUp = lookUpHost,
): Promise<MediaServer> {
  const { proxies, table, directories, buckets, protectedRoots } = createRoutes(
    config,
    surveyed.survey,
    times.app,
    lookUp,
    log.events,
  );
  const busy = new LogThrottles<FailedRequest>(({ message, ...request }, times) =>
    log.events.error({ ...request, times }, message),
  );
  const { pages, isHeldUp } = await readErrorPages(config, PATIENCE, log.events);
  const answer = createFront(table, {
    log,
    busy,
    pages,
    isTrusted: networkTest(config.trustProxy),
    tellDistrusted: distrustedProxies(config.trustProxy, log.events),
  });
  const places = connectionPlaces(config.maxConnections);
  const { limit, flush } = watchedLimit(places, times.client.headTimeout, log.events);
  const server = new Server({
    answer,
    ...times.client,
    keepAliveTimeout: config.keepAliveTimeout,
    maxHead: config.maxRequestHead,
    introduction: config.proxyProtocol ? proxyIntroduction(log.events, times.introduction) : undefined,
    limit,
  });
  const app: FastifyInstance = Fastify({
    logger: false,
    schemaController: WITHOUT_SCHEMAS,
    // Fastify knows the listeners of Node only, and uses of this one what they have, too.
    serverFactory: () => server as unknown as FastifyInstance['server'],
    forceCloseConnections: 'idle',
  });
  const endWatch = watchProtected(protectedRoots, directories);
  app.addHook('onClose', async () => {
    endWatch();
    for (const proxy of proxies) await proxy.close();
    buckets.end();
    await Promise.all([surveyed, ...directories].map((it) => it.end()));
    flush();
    busy.flush();
  });
  // It is a library to be opened: now there is a descriptor for it.
  if (config.locations.some((location) => isInDirectory(location) && location.sendfile)) {
    app.addHook('onListen', async () => void kernelSend());
  }
  // The app is served meanwhile, and whatever is wrong. What is wrong with a directory has been found out before (roots.ts).
  app.addHook('onListen', async () => void buckets.check());
  await app.ready();
  await Promise.all(proxies.map((proxy) => proxy.begin()));
  return {
    app,
    server,
    places,
    isHeldUp: () => surveyed.isHeldUp() || isHeldUp() || directories.some((store) => store.isHeldUp),
  };
}

/** What answers, and what has to be ended. */
interface Routes {
  readonly table: RouteTable;
  readonly proxies: readonly AppProxy[];
  readonly directories: readonly RootStore[];
  readonly buckets: Buckets;
  /** Directories from which no other location serves. */
  readonly protectedRoots: readonly WatchedRoot[];
}

/**
 * Looks at the roots.
 * @throws {BadValueError} in what is promised, when one is of no use
 */
export async function surveyOf(config: Config, log: Logger): Promise<Surveyed> {
  checkBuckets(config);
  const roots = rootsOf(config);
  const mayHang = config.locations
    .filter(isInDirectory)
    .filter(({ root, diskIo }) => isAskedByThreads(root, diskIo));
  if (mayHang.length === 0) return surveyHere(roots);
  const timeout = Math.min(...mayHang.map(({ diskTimeout }) => diskTimeout));
  return surveyElsewhere(roots, timeout, log, (root, found) => warnOfProject(root, found, log));
}

function createRoutes(
  config: Config,
  survey: RootSurvey,
  times: AppTimes,
  lookUp: LookUp,
  log: Logger,
): Routes {
  const excluded = survey.excluded.values();
  const table = new RouteTable();
  const internal: InternalFiles[] = [];
  const redirect = createRedirector(table, internal, log);
  const proxies = new Map<Location, AppProxy>();
  const memory = new UploadMemory(config.uploadMemory);
  const loop = new LoopGuard();
  const lookUpOnce = shareLookups(lookUp);
  for (const location of config.locations) {
    if (location.kind !== 'upstream') continue;
    const proxy = createProxy(location, { redirect, loop, memory, times, lookUp: lookUpOnce, log });
    proxies.set(location, proxy);
  }
  const cache = new OpenFileCache(config.cacheSize);
  const directories: RootStore[] = [];
  const buckets = new Buckets(process.env, log);
  const protectedRoots: WatchedRoot[] = [];
  for (const location of config.locations) {
    if (location.kind === 'upstream') {
      const proxy = proxies.get(location);
      if (proxy !== undefined) table.add({ location, handle: proxy.handle });
      continue;
    }
    if (!isOfFiles(location)) {
      table.add({ location, handle: denyEverybody });
      continue;
    }
    let files: FileHandler;
    if (isInBucket(location)) {
      const store = openObjects(location, config, buckets);
      files =
        location.storeMode === 'redirect'
          ? redirectToStore(location, store, log)
          : createFileHandler(location, { log, cache, store });
    } else {
      const store = openDirectory(location, excluded.next().value ?? [], log);
      directories.push(store);
      // X-Sendfile names paths on disk.
      if (location.kind === 'internal') internal.push({ location, store });
      if (isProtected(location)) protectedRoots.push({ root: location.root, store });
      files = createFileHandler(location, { log, cache, store });
    }
    const guarded = guardFiles(location, files, askFor(location, config, proxies), log);
    table.add({ location, handle: shareFiles(location, guarded) });
  }
  return { table, proxies: [...proxies.values()], directories, buckets, protectedRoots };
}

/**
 * The store of the files in a location's directory.
 * @param excluded directories that belong to protected locations: no other location serves from them
 */
function openDirectory(location: FileLocation, excluded: readonly string[], log: Logger): RootStore {
  const { root, symlinks, dotfiles = [], diskIo, diskThreads, diskTimeout } = location;
  const io = { mode: diskIo, threads: diskThreads, timeout: diskTimeout };
  return new RootStore(root, { symlinks, dotfiles, excluded }, io, log);
}

/**
 * The store of the objects in a location's bucket.
 * @throws {BadValueError} when the environment has half of the credentials
 */
function openObjects(location: LocationInBucket, config: Config, buckets: Buckets): ObjectStore {
  try {
    return buckets.storeOf({ ...location, excluded: namesKeptFrom(location, config) });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new BadValueError(location.from, error.message);
  }
}

/** Answers all that is asked of a denied location. */
function denyEverybody(): never {
  throw new DeniedError();
}

/** The way to ask the app that a location's authRequest leads to. */
function askFor(
  { access, from }: FileLocation,
  { locations }: Config,
  proxies: ReadonlyMap<Location, AppProxy>,
): Subrequest | undefined {
  if (access.authRequest === undefined) return undefined;
  const { target } = access.authRequest;
  const { path } = parseTarget(target);
  const found = locations.find(({ prefix }) => path.startsWith(toBytePath(prefix)));
  const proxy = found === undefined ? undefined : proxies.get(found);
  if (proxy === undefined) {
    throw new BadValueError(from, `has authRequest ${target}, where no app answers; name a path of the app`);
  }
  return proxy.subrequest;
}
