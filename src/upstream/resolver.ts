// The addresses of a host name, as they were last found (nginx: resolver, and `resolve` of an upstream's server).
//
// Left to itself Node looks a name up for each connection, within the time limit of connecting, and for the whole process
// two names at a time (getaddrinfo on half of libuv's threads): a slow name server stops an app that is well. So there is
// one lookup of a name at a time, whoever waits for it, and when it fails, or takes longer than a healthy name server
// does, the addresses stay as they are. Nothing is kept from asking, though: who needs a fresh connection has the name
// looked up, so that an app that has moved is found at once.

import { ADDRCONFIG } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { codeOf } from './retry.js';

/** Finds all addresses of a host, in the order in which they are to be used; rejects with an error of getaddrinfo. */
export type LookUp = (host: string) => Promise<readonly string[]>;

/** As the system finds them: by /etc/hosts, name servers and whatever else it is told to ask. */
export const lookUpHost: LookUp = async (host) => {
  // As Node asks when it connects: for no IPv6 addresses where this machine has none itself.
  const found = await lookup(host, { all: true, hints: process.platform === 'win32' ? 0 : ADDRCONFIG });
  return [...new Set(found.map(({ address }) => address))];
};

/** The same, with one lookup of a name at a time, whichever locations wait for it. */
export function shareLookups(lookUp: LookUp): LookUp {
  const underWay = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const already = underWay.get(host);
    if (already !== undefined) return already;
    const found = lookUp(host).finally(() => underWay.delete(host));
    underWay.set(host, found);
    return found;
  };
}

/** How long things may take, in milliseconds. */
export interface LookupTimes {
  /** How long a lookup is waited for while there are addresses from an earlier one. */
  readonly lookupPatience: number;
  /** How often a name is looked up while kept connections are enough. */
  readonly lookupInterval: number;
  /** How long a name must have been unknown until that is believed: name servers say so when they restart, too. */
  readonly unknownPatience: number;
}

/** What is told of lookups. */
export interface ResolverEvents {
  /** The addresses are these now: others than before, or none any more. */
  changed(addresses: readonly string[]): void;
  failed(error: Error): void;
}

/** One name. */
export class Resolver {
  readonly host: string;
  /** Why the last lookup failed. */
  error: Error | undefined;
  readonly #lookUp: LookUp;
  readonly #times: LookupTimes;
  readonly #events: ResolverEvents;
  #addresses: readonly string[] = [];
  #underWay: Promise<void> | undefined;
  #end: (() => void) | undefined;
  #startedAt = Number.NEGATIVE_INFINITY;
  #unknownSince: number | undefined;
  /** For those who have addresses: resolves with the lookup, or before. */
  #soon: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isLate = false;
  #isClosed = false;

  constructor(host: string, lookUp: LookUp, times: LookupTimes, events: ResolverEvents) {
    this.host = host;
    this.#lookUp = lookUp;
    this.#times = times;
    this.#events = events;
  }

  /** The lookup that is under way; never rejects. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /** Looks the name up, unless that is under way. */
  begin(): void {
    if (this.#underWay !== undefined || this.#isClosed) return;
    this.#startedAt = performance.now();
    this.#underWay = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#lookUp(this.host).then(this.#found, this.#failed);
  }

  /** The same, unless the last one is recent. */
  keepUp(): void {
    if (performance.now() - this.#startedAt >= this.#times.lookupInterval) this.begin();
  }

  /**
   * Looks the name up for one who has addresses from an earlier lookup.
   * @returns what resolves with the lookup, or when it takes too long; undefined when that is so already
   */
  soon(): Promise<void> | undefined {
    this.begin();
    if (this.#isLate || this.#underWay === undefined) return undefined;
    this.#soon ??= Promise.race([
      this.#underWay,
      new Promise<void>((resolve) => {
        this.#timer = setTimeout(() => {
          this.#isLate = true;
          resolve();
        }, this.#times.lookupPatience);
      }),
    ]);
    return this.#soon;
  }

  /** Nobody waits any longer, and nothing more is told. (The system has no way to end a lookup.) */
  close(): void {
    this.#isClosed = true;
    this.#over();
  }

  readonly #found = (addresses: readonly string[]): void => {
    if (this.#isClosed) return;
    this.error = undefined;
    this.#unknownSince = undefined;
    this.#set(addresses);
    this.#over();
  };

  readonly #failed = (error: Error): void => {
    if (this.#isClosed) return;
    this.error = error;
    if (codeOf(error) === 'ENOTFOUND') {
      this.#unknownSince ??= performance.now();
      // Its addresses may be given to something else.
      if (performance.now() - this.#unknownSince >= this.#times.unknownPatience) this.#set([]);
    }
    this.#events.failed(error);
    this.#over();
  };

  #set(addresses: readonly string[]): void {
    const before = new Set(this.#addresses);
    this.#addresses = addresses;
    if (addresses.length === before.size && addresses.every((address) => before.has(address))) return;
    this.#events.changed(addresses);
  }

  #over(): void {
    clearTimeout(this.#timer);
    this.#soon = undefined;
    this.#isLate = false;
    this.#underWay = undefined;
    this.#end?.();
  }
}
