// The servers of the app as they were written, and the addresses that their names lead to (nginx: server). Each address is
// a server of its own, with its own connections and failures, as in nginx, and stays the same one as long as the name
// leads there. When it does no more, requests under way there go on to their end, and no other begins.
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { UpstreamLocation } from '../config/location.js';
import { LogThrottle } from '../http/log-throttle.js';
import { ClientConnections, type PoolLimits } from '../http1/client-connections.js';
import { type Peer, Peers } from './balance.js';
import { LookupTimeout } from './failure.js';
import { type LookUp, type LookupTimes, Resolver } from './resolver.js';
import { codeOf } from './retry.js';

/** How many addresses of a name are remembered that it leads to no more, for their failures alone. */
const MOST_REMEMBERED = 256;

/** What there is to say of a name. */
interface News {
  readonly upstream: string;
  readonly reason?: string;
  readonly addresses?: readonly string[];
}

/** A server as it was written. */
interface Server {
  /** Those that get requests. */
  readonly listed: readonly Peer[];
  /** Cuts all connections. */
  close(): void;
}

/** One whose host is a name. */
class NamedServer implements Server {
  readonly resolver: Resolver;
  /** In the order in which they were found: name servers turn theirs round. */
  listed: readonly Peer[] = [];
  /** By address; also those that are not listed, while something is to be remembered of them. */
  readonly #known = new Map<string, Peer>();
  readonly #makePeer: (address: string) => Peer;

  constructor(resolver: Resolver, makePeer: (address: string) => Peer) {
    this.resolver = resolver;
    this.#makePeer = makePeer;
  }

  /** How many addresses are known, those among them that are remembered. */
  get known(): number {
    return this.#known.size;
  }

  /** @param isWell whether nothing is held against a server */
  list(addresses: readonly string[], isWell: (peer: Peer) => boolean): void {
    for (const peer of this.listed) peer.isListed = false;
    for (const address of addresses) {
      const peer = this.#known.get(address) ?? this.#makePeer(address);
      peer.isListed = true;
      this.#known.set(address, peer);
    }
    this.listed = [...this.#known.values()].filter(({ isListed }) => isListed);
    this.#forget(isWell);
  }

  close(): void {
    this.resolver.close();
    for (const peer of this.#known.values()) {
      peer.isListed = false;
      peer.connections.close();
    }
  }

  #forget(isWell: (peer: Peer) => boolean): void {
    let remembered = this.#known.size - this.listed.length;
    for (const [address, peer] of this.#known) {
      if (peer.isListed || peer.active > 0 || !peer.connections.isEmpty) continue;
      if (!isWell(peer) && remembered <= MOST_REMEMBERED) continue;
      this.#known.delete(address);
      remembered -= 1;
    }
  }
}

/** All servers of one location. */
export class Servers {
  readonly peers: Peers;
  readonly #location: UpstreamLocation;
  readonly #servers: readonly Server[];
  readonly #named: readonly NamedServer[];
  readonly #lookupFailures: LogThrottle<News>;
  readonly #moves: LogThrottle<News>;
  #isClosed = false;

  constructor(
    location: UpstreamLocation,
    times: LookupTimes & Pick<PoolLimits, 'idleTimeout'>,
    lookUp: LookUp,
    log: Logger,
  ) {
    this.#location = location;
    this.#lookupFailures = new LogThrottle((news, failures) =>
      log.warn(
        { ...news, times: failures },
        'the host name of the app cannot be looked up; the addresses that it had stay in use',
      ),
    );
    this.#moves = new LogThrottle((news, changes) =>
      log.info({ ...news, times: changes }, 'the host name of the app leads to other addresses than before'),
    );
    this.peers = new Peers(location, log);
    const limits: PoolLimits = { ...location, idleTimeout: times.idleTimeout };
    this.#servers = location.upstreams.map(({ address, backup }) => {
      const name = formatAddress(address);
      if (!isNamed(address)) return fixedServer(makePeer(address, name, backup, limits, undefined));
      const resolver = new Resolver(address.host, lookUp, times, {
        changed: (addresses) => {
          if (server.listed.length > 0) this.#moves.tell({ upstream: name, addresses });
          server.list(addresses, this.peers.isWell);
          this.#update();
        },
        failed: (error) => {
          if (server.listed.length > 0) this.#lookupFailures.tell({ upstream: name, reason: codeOf(error) });
        },
      });
      const server = new NamedServer(resolver, (host) =>
        makePeer({ ...address, host }, `${name} (${host})`, backup, limits, resolver),
      );
      return server;
    });
    this.#named = this.#servers.filter((server) => server instanceof NamedServer);
    this.#update();
  }

  /** Looks the names up for the first time. Resolves when that is done, or takes too long to be waited for. */
  async begin(): Promise<void> {
    await Promise.all(this.#named.map(({ resolver }) => resolver.soon()));
  }

  /**
   * The server for a request. Where a fresh connection is needed to the address of a name, the name is looked up first, so
   * that an app that has moved is found at once; a kept one tells by itself that its app is there.
   * @param tried those that have failed this request already
   * @returns undefined when there is none; `failure` tells why
   */
  find(tried: readonly Peer[], mayUseKept: boolean): Peer | undefined | Promise<Peer | undefined> {
    const peer = this.peers.choose(tried);
    if (this.#named.length === 0) return peer;
    if (peer === undefined) return this.#findLater(tried);
    for (const { resolver } of this.#named) resolver.keepUp();
    return mayUseKept && peer.connections.hasIdle ? peer : this.confirm(peer, tried);
  }

  /** The same server for a fresh connection, or another one when its name does not lead there any more. */
  confirm(peer: Peer, tried: readonly Peer[]): Peer | undefined | Promise<Peer | undefined> {
    if (this.#isClosed) return undefined;
    const wait = peer.resolver?.soon();
    if (wait === undefined) return peer;
    return wait.then(() => (peer.isListed ? peer : (this.peers.choose(tried) ?? this.#findLater(tried))));
  }

  /** Why there is no server that could be asked. */
  failure(): Error {
    if (this.#isClosed) return new Error('this server is stopping');
    const failed = this.#named.find(({ resolver }) => resolver.error !== undefined);
    return failed?.resolver.error ?? new LookupTimeout();
  }

  /** How many addresses of names are known, those among them that are remembered. */
  get known(): number {
    return this.#named.reduce((sum, server) => sum + server.known, 0);
  }

  /** What was written, for messages. */
  get name(): string {
    return this.#location.upstreams.map(({ address }) => formatAddress(address)).join(', ');
  }

  /** Cuts all connections; who waits for a name is told that there is no server. */
  close(): void {
    this.#isClosed = true;
    // First, so that what fails by it is not tried elsewhere.
    this.peers.set([]);
    for (const server of this.#servers) server.close();
    this.#lookupFailures.flush();
    this.#moves.flush();
  }

  #update(): void {
    this.peers.set(this.#servers.flatMap(({ listed }) => listed));
  }

  /** Waits for the lookups of now until one gives a server, as long as connecting to it may take. */
  async #findLater(tried: readonly Peer[]): Promise<Peer | undefined> {
    const isFirst = tried.length === 0;
    if (isFirst) for (const { resolver } of this.#named) resolver.begin();
    // When all have been tried, the names were looked up before that; where a lookup goes on, it may find others.
    const hopeful = this.#named.filter(({ resolver }) => isFirst || resolver.error === undefined);
    // Not for those that begin later, which under load would be without end.
    const underWay = new Map<Resolver, Promise<void>>();
    for (const { resolver } of hopeful) {
      if (resolver.underWay === undefined) continue;
      underWay.set(
        resolver,
        resolver.underWay.then(() => void underWay.delete(resolver)),
      );
    }
    if (underWay.size === 0) return undefined;
    const limit = this.#location.connectTimeout;
    let timer: NodeJS.Timeout | undefined;
    let isLate = false;
    const late = new Promise<void>((resolve) => {
      if (limit === 0) return;
      timer = setTimeout(() => {
        isLate = true;
        resolve();
      }, limit);
    });
    try {
      while (underWay.size > 0 && !isLate) {
        await Promise.race([late, ...underWay.values()]);
        const peer = this.peers.choose(tried);
        if (peer !== undefined) return peer;
      }
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }
}

function isNamed(address: Address): address is Address & { kind: 'tcp'; host: string } {
  return address.kind === 'tcp' && address.host !== undefined && isIP(address.host) === 0;
}

function fixedServer(peer: Peer): Server {
  return { listed: [peer], close: () => peer.connections.close() };
}

function makePeer(
  address: Address,
  name: string,
  backup: boolean,
  limits: PoolLimits,
  resolver: Resolver | undefined,
): Peer {
  const connections = new ClientConnections(address, limits);
  return {
    name,
    backup,
    connections,
    resolver,
    isIpv6: address.kind === 'tcp' && isIP(address.host ?? '') === 6,
    isListed: true,
    active: 0,
    fails: 0,
    checkedAt: 0,
    isOnTrial: false,
  };
}
