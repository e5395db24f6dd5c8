// How many connections clients may have (nginx: worker_connections), and how much memory heads may take of which only a
// part has come. All listeners of a server share one.
//
// When every place is taken, room is made as nginx makes it (ngx_drain_connections), by closing connections on which no
// request is under way: those that have been idle longest first. nginx leaves it at that, so that whoever holds half heads
// keeps all places while everybody else is closed; here a head that has been coming for longer than most take counts for
// less than an idle connection, and goes before them. None is closed at once when it has become idle: its next request
// may be on its way, or lie here unread.
//
// A connection for which there is no room waits: accepted, since neither Node nor libuv can stop accepting while they
// listen, but not read, so that it takes a descriptor and little memory. What comes beyond those that may wait is reset.
import type { Socket } from 'node:net';

/** A connection that has a place. */
export interface Placed {
  /** Breaks it. `ConnectionLimit.leave` follows. */
  destroy(): void;
  /** Answers what has come of a head, as the rest is not waited for. */
  giveUpHead(): void;
}

/** Who accepts connections. */
export interface Listener {
  /** There is a place for this one, which is not read yet. */
  take(socket: Socket): void;
}

/** Why something was not done as usual, for the log. */
export type Shortage =
  /** An idle connection was closed. */
  | 'idleClosed'
  /** One was closed whose head came too slowly. */
  | 'slowClosed'
  /** One had to wait. */
  | 'waited'
  /** One that could not wait, or had waited too long, was closed. */
  | 'refused'
  /** A half head was given up for its memory. */
  | 'headGivenUp';

export interface ConnectionLimits {
  /** Connections that are open at once. */
  readonly max: number;
  /** Connections beyond them that wait, each with a descriptor (nginx leaves as many to the system: listen … backlog). */
  readonly maxWaiting: number;
  /** How long one waits, in milliseconds. */
  readonly waitTimeout: number;
  /** Is told of each shortage. */
  readonly onShortage?: (shortage: Shortage) => void;
  /** How long a connection is idle before it may be closed to make room, in milliseconds. */
  readonly idleGrace?: number;
  /** How long a head may be on its way before its connection counts for less than an idle one, in milliseconds. */
  readonly headGrace?: number;
  /** Memory for all half heads together, in bytes. */
  readonly headMemory?: number;
}

/** A round trip, also where the network is bad. */
const IDLE_GRACE = 500;
/** A head takes a round trip or two, also where the network is bad. */
const HEAD_GRACE = 5000;
/** Two thousand of the largest heads, or a hundred thousand that are cut off after their first line. */
const HEAD_MEMORY = 64 * 1024 * 1024;

/** What has come of a head. */
interface HalfHead {
  /** In milliseconds of `performance.now()`. */
  readonly since: number;
  /** In bytes. */
  readonly memory: number;
}

const NONE: HalfHead = { since: Number.POSITIVE_INFINITY, memory: 0 };

/** See above. */
export class ConnectionLimit {
  readonly max: number;
  readonly #maxWaiting: number;
  readonly #waitTimeout: number;
  readonly #onShortage: (shortage: Shortage) => void;
  readonly #idleGrace: number;
  readonly #headGrace: number;
  readonly #headMemory: number;
  #taken = 0;
  /** Since when each is idle, in milliseconds of `performance.now()`; the longest idle first. */
  readonly #idle = new Map<Placed, number>();
  /** The one that began first comes first. */
  readonly #heads = new Map<Placed, HalfHead>();
  #memoryOfHeads = 0;
  /** Broken to make room, and not closed yet. */
  readonly #leaving = new Set<Placed>();
  /** In the order in which they came, and by whom they were accepted. */
  readonly #waiting = new Map<Socket, Listener>();
  /** Runs while somebody waits, until the next one may be closed. */
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: ConnectionLimits) {
    this.max = limits.max;
    this.#maxWaiting = limits.maxWaiting;
    this.#waitTimeout = limits.waitTimeout;
    this.#onShortage = limits.onShortage ?? (() => {});
    this.#idleGrace = limits.idleGrace ?? IDLE_GRACE;
    this.#headGrace = limits.headGrace ?? HEAD_GRACE;
    this.#headMemory = limits.headMemory ?? HEAD_MEMORY;
  }

  /** How many connections are open. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait for a place. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** What half heads take, in bytes. */
  get memoryOfHeads(): number {
    return this.#memoryOfHeads;
  }

  /** A connection has been accepted, and not been read. It is given to the listener at once, or when there is room. */
  arrive(socket: Socket, listener: Listener): void {
    if (this.#taken < this.max) {
      this.#place(socket, listener);
      return;
    }
    if (this.#waiting.size >= this.#maxWaiting) {
      this.#onShortage('refused');
      reset(socket);
      return;
    }
    this.#onShortage('waited');
    this.#waiting.set(socket, listener);
    socket.on('error', ignore).on('timeout', this.#waitedTooLong);
    socket.setTimeout(this.#waitTimeout);
    this.#makeRoom();
  }

  /** The listener takes no more: what waits for it is closed, as what waits with the system is. */
  dismiss(listener: Listener): void {
    for (const [socket, other] of this.#waiting) {
      if (other !== listener) continue;
      this.#waiting.delete(socket);
      reset(socket);
    }
    this.#makeRoom();
  }

  /** No request is under way on it, nor has begun to come; or its last answer is delivered. */
  idle(connection: Placed): void {
    this.#forgetHead(connection);
    if (this.#leaving.has(connection)) return;
    this.#idle.delete(connection);
    this.#idle.set(connection, performance.now());
    if (this.#waiting.size > 0) this.#makeRoom();
  }

  /** More has come of its head. @param memory that all of it takes, in bytes */
  holdsHead(connection: Placed, memory: number): void {
    this.#idle.delete(connection);
    const before = this.#heads.get(connection);
    this.#memoryOfHeads += memory - (before?.memory ?? 0);
    this.#heads.set(connection, { since: before?.since ?? performance.now(), memory });
    if (this.#memoryOfHeads > this.#headMemory) this.#giveUpHeads();
    if (before === undefined && this.#waiting.size > 0) this.#makeRoom();
  }

  /** A request is under way on it. */
  busy(connection: Placed): void {
    this.#idle.delete(connection);
    this.#forgetHead(connection);
  }

  /** It is closed, and its place is free. */
  leave(connection: Placed): void {
    this.busy(connection);
    this.#leaving.delete(connection);
    this.#taken -= 1;
    for (const [socket, listener] of this.#waiting) {
      if (this.#taken >= this.max) break;
      this.#waiting.delete(socket);
      socket.off('timeout', this.#waitedTooLong);
      socket.setTimeout(0);
      this.#place(socket, listener);
    }
    this.#makeRoom();
  }

  #place(socket: Socket, listener: Listener): void {
    this.#taken += 1;
    listener.take(socket);
  }

  /** Breaks one connection for each that waits, as long as there are some that may be broken. */
  #makeRoom(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    while (this.#leaving.size < this.#waiting.size) {
      const [[slow, { since }] = [undefined, NONE]] = this.#heads;
      const [[idle, idleSince] = [undefined, NONE.since]] = this.#idle;
      const now = performance.now();
      const [slowIn, idleIn] = [since + this.#headGrace - now, idleSince + this.#idleGrace - now];
      if (slow !== undefined && slowIn <= 0) this.#break(slow, 'slowClosed');
      else if (idle !== undefined && idleIn <= 0) this.#break(idle, 'idleClosed');
      else {
        const next = Math.min(slowIn, idleIn);
        if (next < NONE.since) this.#timer = setTimeout(() => this.#makeRoom(), Math.ceil(next));
        return;
      }
    }
  }

  #break(connection: Placed, shortage: Shortage): void {
    this.#onShortage(shortage);
    this.busy(connection);
    this.#leaving.add(connection);
    connection.destroy();
  }

  /** The oldest go first. The only one there is stays: its size has a limit of its own. */
  #giveUpHeads(): void {
    for (const connection of this.#heads.keys()) {
      if (this.#memoryOfHeads <= this.#headMemory || this.#heads.size === 1) return;
      this.#forgetHead(connection);
      this.#onShortage('headGivenUp');
      connection.giveUpHead();
    }
  }

  #forgetHead(connection: Placed): void {
    if (this.#heads.size === 0) return;
    const head = this.#heads.get(connection);
    if (head === undefined) return;
    this.#memoryOfHeads -= head.memory;
    this.#heads.delete(connection);
  }

  /** Called by the socket. */
  readonly #waitedTooLong = (): void => {
    // All of them wait equally long, so it is the first.
    const [socket] = this.#waiting.keys();
    if (socket === undefined) return;
    this.#waiting.delete(socket);
    this.#onShortage('refused');
    reset(socket);
    this.#makeRoom();
  };
}

/** For a connection that never was read. */
function reset(socket: Socket): void {
  socket.on('error', ignore);
  // A unix socket has no reset.
  if (socket.localAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** 'close' follows. */
function ignore(): void {}
