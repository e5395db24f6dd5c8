// Which server of the app gets a request (nginx: upstream, least_conn, max_fails, fail_timeout, backup).
import type { Logger } from 'pino';
import type { UpstreamLocation } from '../config/location.js';
import type { ClientConnections } from '../http1/client-connections.js';
import type { Resolver } from './resolver.js';
import { codeOf } from './retry.js';

/** One server of the app, at one address. */
export interface Peer {
  /** The address as logs and messages have it. */
  readonly name: string;
  readonly backup: boolean;
  readonly connections: ClientConnections;
  /** Of the name that leads to it. */
  readonly resolver: Resolver | undefined;
  /** Of its address: IPv6 or not. */
  readonly isIpv6: boolean;
  /** True while it gets requests: a name may lead to it no more. */
  isListed: boolean;
  /** Requests under way, and tunnels that they have become. */
  active: number;
  /** Failures since it was last found well. */
  fails: number;
  /** When the last of them was, or when it was given a request to see whether it is well again; on the monotonic clock. */
  checkedAt: number;
  /** True while a request is to show whether it is well again. */
  isOnTrial: boolean;
}

/** The servers of one location, all that there are at the moment. */
export class Peers {
  #all: readonly Peer[] = [];
  #usual: readonly Peer[] = [];
  #backup: readonly Peer[] = [];
  readonly #fewestFirst: boolean;
  readonly #maxFails: number;
  readonly #failTimeout: number;
  readonly #log: Logger;
  #next = 0;

  constructor({ balance, maxFails, failTimeout }: UpstreamLocation, log: Logger) {
    this.#fewestFirst = balance === 'least-connections';
    this.#maxFails = maxFails;
    this.#failTimeout = failTimeout;
    this.#log = log;
  }

  /** From here on these are all. */
  set(peers: readonly Peer[]): void {
    this.#all = peers;
    this.#usual = peers.filter(({ backup }) => !backup);
    this.#backup = peers.filter(({ backup }) => backup);
  }

  /**
   * The server for a request. One that is left out is better than none, so there is a first as long as there is any.
   * @param tried those that have failed this request already
   * @returns undefined when all have
   */
  choose(tried: readonly Peer[]): Peer | undefined {
    const [first] = this.#all;
    if (first === undefined || this.#all.length === 1)
      return first && tried.includes(first) ? undefined : first;
    // Only the first choice is a turn: one that moves on from a failed server must not shift the order for others.
    if (tried.length === 0) this.#next = (this.#next + 1) % Number.MAX_SAFE_INTEGER;
    const now = performance.now();
    const ready = (peer: Peer): boolean => !tried.includes(peer) && !this.#isLeftOut(peer, now);
    const peer =
      this.#oneOf(this.#usual.filter(ready)) ??
      this.#oneOf(this.#backup.filter(ready)) ??
      this.#all
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
    if (this.#maxFails === 0 || this.#all.length === 1) return;
    peer.fails += 1;
    peer.isOnTrial = false;
    peer.checkedAt = performance.now();
    // One that fails on trial has not been in again.
    if (peer.fails !== this.#maxFails) return;
    const fields = { upstream: peer.name, reason: codeOf(error), failTimeout: this.#failTimeout };
    this.#log.warn(fields, 'this server of the app is left out for --fail-timeout');
  }

  /**
   * Servers of the same name that may be this one by the other version of IP: who has sent a request here, has most likely
   * sent it to one of them, too.
   */
  twinsOf({ resolver, isIpv6 }: Peer): readonly Peer[] {
    if (resolver === undefined) return [];
    return this.#all.filter((other) => other.resolver === resolver && other.isIpv6 !== isIpv6);
  }

  /** Whether nothing is held against it any more. */
  readonly isWell = (peer: Peer): boolean => peer.fails === 0 || this.#hasPaused(peer, performance.now());

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
