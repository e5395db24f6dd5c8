// Which server of the app gets a request (nginx: upstream, least_conn, max_fails, fail_timeout, backup).
import type { Logger } from 'pino';
import { type Address, formatAddress } from '../config/address.js';
import type { UpstreamLocation } from '../config/location.js';
import { ClientConnections } from '../http1/client-connections.js';
import { codeOf } from './retry.js';

/** One server of the app. */
export interface Peer {
  readonly address: Address;
  /** The address as logs and messages have it. */
  readonly name: string;
  readonly backup: boolean;
  readonly connections: ClientConnections;
  /** Requests under way, and tunnels that they have become. */
  active: number;
  /** Failures since it was last found well. */
  fails: number;
  /** When the last of them was, or when it was given a request to see whether it is well again; on the monotonic clock. */
  checkedAt: number;
  /** True while a request is to show whether it is well again. */
  isOnTrial: boolean;
}

/** The servers of one location. */
export class Peers {
  readonly all: readonly Peer[];
  readonly #usual: readonly Peer[];
  readonly #backup: readonly Peer[];
  readonly #fewestFirst: boolean;
  readonly #maxFails: number;
  readonly #failTimeout: number;
  readonly #log: Logger;
  #next = 0;

  /** @param idleTimeout how long an idle connection is kept, in milliseconds */
  constructor(location: UpstreamLocation, idleTimeout: number, log: Logger) {
    const limits = { ...location, idleTimeout };
    this.all = location.upstreams.map(({ address, backup }) => ({
      address,
      name: formatAddress(address),
      backup,
      connections: new ClientConnections(address, limits),
      active: 0,
      fails: 0,
      checkedAt: 0,
      isOnTrial: false,
    }));
    this.#usual = this.all.filter(({ backup }) => !backup);
    this.#backup = this.all.filter(({ backup }) => backup);
    this.#fewestFirst = location.balance === 'least-connections';
    this.#maxFails = location.maxFails;
    this.#failTimeout = location.failTimeout;
    this.#log = log;
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
    const ready = (peer: Peer): boolean => !tried.includes(peer) && !this.#isLeftOut(peer, now);
    const peer =
      this.#oneOf(this.#usual.filter(ready)) ??
      this.#oneOf(this.#backup.filter(ready)) ??
      this.all
        .filter((other) => !tried.includes(other))
        .sort((a, b) => a.checkedAt - b.checkedAt)
        .at(0);
    if (peer !== undefined && this.#isToBeTried(peer, now)) {
      // Of one that is left out this is the only request until it has answered, or the time has passed once more.
      peer.isOnTrial = true;
      peer.checkedAt = now;
    }
    return peer;
  }

  /** It answered: failures are forgotten when the last of them is `failTimeout` ago, and not before. */
  succeeded(peer: Peer): void {
    if (!peer.isOnTrial) return;
    peer.isOnTrial = false;
    peer.fails = 0;
  }

  /**
   * It failed; `maxFails` times, and it is left out for `failTimeout`. As in nginx the time runs from the last failure:
   * they count together as long as one follows the other within it.
   */
  failed(peer: Peer, error: Error): void {
    if (this.#maxFails === 0 || this.all.length === 1) return;
    peer.fails += 1;
    peer.isOnTrial = false;
    peer.checkedAt = performance.now();
    // One that fails on trial has not been in again.
    if (peer.fails !== this.#maxFails) return;
    const fields = { upstream: peer.name, reason: codeOf(error), failTimeout: this.#failTimeout };
    this.#log.warn(fields, 'this server of the app is left out for --fail-timeout');
  }

  /** Cuts all connections. */
  close(): void {
    for (const { connections } of this.all) connections.close();
  }

  #hasTooMany({ fails }: Peer): boolean {
    return fails > 0 && fails >= this.#maxFails;
  }

  #hasPaused({ checkedAt }: Peer, now: number): boolean {
    return now - checkedAt > this.#failTimeout;
  }

  #isLeftOut(peer: Peer, now: number): boolean {
    return this.#hasTooMany(peer) && !this.#hasPaused(peer, now);
  }

  /** Whether an answer would show that it is well again: the pause is over, or it is asked as there is no other. */
  #isToBeTried(peer: Peer, now: number): boolean {
    return this.#hasTooMany(peer) || (peer.fails > 0 && this.#hasPaused(peer, now));
  }

  #oneOf(peers: readonly Peer[]): Peer | undefined {
    if (peers.length === 0) return undefined;
    // Beginning elsewhere each time shares out evenly among those that are equal.
    const turn = peers.map((_, index) => peers[(index + this.#next) % peers.length]) as Peer[];
    if (!this.#fewestFirst) return turn[0];
    return turn.reduce((best, peer) => (peer.active < best.active ? peer : best));
  }
}
