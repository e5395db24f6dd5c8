// Connections to one server of the app (nginx: upstream, keepalive). undici speaks HTTP on each; which of them a
// request travels on is decided here, since a kept connection may be closed by the app at any moment.
import { Client } from 'undici';
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

/** One place for a connection: connected, or ready to be. */
export interface Line {
  readonly client: Client;
  /** True while there is a connection. */
  connected: boolean;
  /** True while a request is under way on it. */
  busy: boolean;
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
    if (line.connected) this.#warm.push(line);
    else this.#keepCold(line);
  }

  /** Cuts all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((line) => line.client.destroy()));
  }

  #create(): Line {
    const { connectTimeout, readTimeout } = this.#limits;
    const client = new Client(originOf(this.#address), {
      pipelining: 1,
      keepAliveTimeout: KEEP_IDLE,
      keepAliveMaxTimeout: KEEP_IDLE,
      headersTimeout: readTimeout,
      bodyTimeout: readTimeout,
      connect: {
        timeout: connectTimeout,
        ...(this.#address.kind === 'unix' ? { socketPath: this.#address.path } : {}),
      },
    });
    const line: Line = { client, connected: false, busy: false };
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

function originOf(address: Address): string {
  if (address.kind === 'unix') return 'http://localhost';
  return `http://${formatAddress({ ...address, host: address.host ?? '127.0.0.1' })}`;
}
