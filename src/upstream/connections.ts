// Connections to one server of the app (nginx: upstream, keepalive). undici speaks HTTP on each; which of them a
// request travels on is decided here, since a kept connection may be closed by the app at any moment.
import type { Socket } from 'node:net';
import { buildConnector, Client } from 'undici';
import { type Address, formatAddress } from '../config/address.js';

/**
 * How long an idle connection is kept, in milliseconds. gunicorn's threaded workers close theirs after 2 s and
 * uvicorn after 5 s; staying below means that we usually close first.
 */
const KEEP_IDLE = 1500;
/** How many clients without a connection are kept for later; more of them are thrown away. */
const MOST_COLD = 64;

/** Time limits, in milliseconds; 0 is none. */
export interface ConnectionLimits {
  readonly connectTimeout: number;
  readonly readTimeout: number;
}

/** A request under way, as far as its connection must know it. */
export interface Attempt {
  /** True while the app is kept waiting. */
  isPaused(): boolean;
  /** The app closed its connection meanwhile. `cleanly` is false for a reset, which may have lost bytes. */
  closedWhilePaused(cleanly: boolean): void;
}

/** One place for a connection: connected, or ready to be. */
export interface Line {
  readonly client: Client;
  /** True while there is a connection. */
  connected: boolean;
  /** True while a request is under way on it. */
  busy: boolean;
  /** The request that is under way on it. */
  attempt: Attempt | undefined;
}

/** As many connections as there are requests under way, and some idle ones for a moment. */
export class Connections {
  readonly #address: Address;
  readonly #limits: ConnectionLimits;
  /** Idle and connected, the one used last at the end: the others may time out. */
  readonly #warm: Line[] = [];
  /** Idle and not connected. */
  readonly #cold: Line[] = [];
  readonly #all = new Set<Line>();

  constructor(address: Address, limits: ConnectionLimits) {
    this.#address = address;
    this.#limits = limits;
  }

  /** A line whose connection may have been used before. */
  takeKept(): Line {
    const line = this.#warm.pop();
    if (line === undefined) return this.takeFresh();
    line.busy = true;
    return line;
  }

  /** A line that will connect anew. */
  takeFresh(): Line {
    const line = this.#cold.pop() ?? this.#create();
    line.busy = true;
    return line;
  }

  /** The request on this line has ended. */
  give(line: Line): void {
    if (!line.busy) return;
    line.busy = false;
    line.attempt = undefined;
    if (line.connected) this.#warm.push(line);
    else this.#keepCold(line);
  }

  /** The line is of no use any more. */
  drop(line: Line): void {
    line.busy = false;
    line.attempt = undefined;
    this.#all.delete(line);
    line.client.destroy().catch(() => {});
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((line) => line.client.destroy()));
  }

  #create(): Line {
    const { connectTimeout, readTimeout } = this.#limits;
    const connect = buildConnector({
      timeout: connectTimeout,
      ...(this.#address.kind === 'unix' ? { socketPath: this.#address.path } : {}),
    });
    const client = new Client(originOf(this.#address), {
      pipelining: 1,
      keepAliveTimeout: KEEP_IDLE,
      keepAliveMaxTimeout: KEEP_IDLE,
      headersTimeout: readTimeout,
      bodyTimeout: readTimeout,
      connect(options, callback) {
        connect(options, (...result) => {
          // A connection that failed comes with an error alone; its type says null, undici leaves it out.
          if (result[0] === null && result[1] !== null) guardPaused(result[1], line);
          callback(...result);
        });
      },
    });
    const line: Line = { client, connected: false, busy: false, attempt: undefined };
    client.on('connect', () => {
      line.connected = true;
    });
    const gone = (): void => {
      line.connected = false;
      const index = this.#warm.indexOf(line);
      if (index < 0) return;
      this.#warm.splice(index, 1);
      this.#keepCold(line);
    };
    client.on('disconnect', gone).on('connectionError', gone);
    this.#all.add(line);
    return line;
  }

  #keepCold(line: Line): void {
    if (this.#cold.length < MOST_COLD) {
      this.#cold.push(line);
      return;
    }
    this.#all.delete(line);
    line.client.destroy().catch(() => {});
  }
}

/**
 * undici 7 ends the process with a failed assertion when a connection closes while its response is paused and every
 * byte that came is read (Parser.finish: `assert(!this.paused)`). So it does not learn of that; the attempt does.
 */
function guardPaused(socket: Socket, line: Line): void {
  const emit = socket.emit;
  let isDead = false;
  // An upgraded connection outlives its line, which may carry other requests then.
  const { client } = line;
  let isOwn = true;
  client.once('disconnect', () => {
    isOwn = false;
  });
  socket.emit = function (this: Socket, event: string | symbol, ...rest: unknown[]): boolean {
    if (event === 'end' || event === 'error' || event === 'close') {
      if (isDead) return true;
      if (isOwn && line.attempt?.isPaused()) {
        isDead = true;
        line.attempt.closedWhilePaused(event === 'end');
        return true;
      }
    }
    return Reflect.apply(emit, this, [event, ...rest]) as boolean;
  } as Socket['emit'];
}

function originOf(address: Address): string {
  if (address.kind === 'unix') return 'http://localhost';
  return `http://${formatAddress({ ...address, host: address.host ?? '127.0.0.1' })}`;
}
