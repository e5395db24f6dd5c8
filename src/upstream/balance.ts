// Which server of the app gets a request (nginx: upstream, least_conn, max_fails, fail_timeout, backup).
import { type Address, formatAddress } from '../config/address.js';
import type { UpstreamLocation } from '../config/location.js';
import { ClientConnections } from '../http1/client-connections.js';

/** One server of the app. */
export interface Peer {
  readonly address: Address;
  /** The address as logs and messages have it. */
  readonly name: string;
  readonly backup: boolean;
  readonly connections: ClientConnections;
  /** Requests under way. */
  active: number;
  /** Failures since `failedSince`. */
  fails: number;
  /** When the first of them was, on the monotonic clock, in milliseconds. */
  failedSince: number;
  /** Until when it is left out. */
  outUntil: number;
}

/** The servers of one location. */
export class Peers {
  readonly all: readonly Peer[];
  readonly #usual: readonly Peer[];
  readonly #backup: readonly Peer[];
  readonly #fewestFirst: boolean;
  readonly #maxFails: number;
  readonly #failTimeout: number;
  #next = 0;

  /** @param idleTimeout how long an idle connection is kept, in milliseconds */
  constructor(location: UpstreamLocation, idleTimeout: number) {
    const limits = { ...location, idleTimeout };
    this.all = location.upstreams.map(({ address, backup }) => ({
      address,
      name: formatAddress(address),
      backup,
      connections: new ClientConnections(address, limits),
      active: 0,
      fails: 0,
      failedSince: 0,
      outUntil: 0,
    }));
    this.#usual = this.all.filter(({ backup }) => !backup);
    this.#backup = this.all.filter(({ backup }) => backup);
    this.#fewestFirst = location.balance === 'least-connections';
    this.#maxFails = location.maxFails;
    this.#failTimeout = location.failTimeout;
  }

  /**
   * The server for a request. One that is left out is better than none, so there always is a first.
   * @param tried those that have failed this request already
   * @returns undefined when all have
   */
  choose(tried: readonly Peer[]): Peer | undefined {
    const [only] = this.all;
    if (this.all.length === 1) return tried.length === 0 ? only : undefined;
    // Only the first choice is a turn: one that moves on from a failed server must not shift the order for others.
    if (tried.length === 0) this.#next = (this.#next + 1) % Number.MAX_SAFE_INTEGER;
    const now = performance.now();
    const ready = (peer: Peer): boolean => peer.outUntil <= now && !tried.includes(peer);
    return (
      this.#oneOf(this.#usual.filter(ready)) ??
      this.#oneOf(this.#backup.filter(ready)) ??
      this.all
        .filter((peer) => !tried.includes(peer))
        .sort((a, b) => a.outUntil - b.outUntil)
        .at(0)
    );
  }

  /** It answered: earlier failures are forgotten. */
  succeeded(peer: Peer): void {
    peer.fails = 0;
    peer.outUntil = 0;
  }

  /** It failed; too often within `failTimeout`, and it is left out for as long. Returns true when that begins. */
  failed(peer: Peer): boolean {
    if (this.#maxFails === 0 || this.all.length === 1) return false;
    const now = performance.now();
    if (peer.fails === 0 || now - peer.failedSince > this.#failTimeout) {
      peer.fails = 0;
      peer.failedSince = now;
    }
    peer.fails += 1;
    if (peer.fails < this.#maxFails) return false;
    const wasOut = peer.outUntil > now;
    peer.fails = 0;
    peer.outUntil = now + this.#failTimeout;
    return !wasOut;
  }

  /** Cuts all connections. */
  close(): void {
    for (const { connections } of this.all) connections.close();
  }

  #oneOf(peers: readonly Peer[]): Peer | undefined {
    if (peers.length === 0) return undefined;
    // Beginning elsewhere each time shares out evenly among those that are equal.
    const turn = peers.map((_, index) => peers[(index + this.#next) % peers.length]) as Peer[];
    if (!this.#fewestFirst) return turn[0];
    return turn.reduce((best, peer) => (peer.active < best.active ? peer : best));
  }
}
