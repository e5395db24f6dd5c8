// Connections of clients. As long as their requests are plain they are read and answered here, one after the other,
// together with those of other connections at the end of the turn; the first that is not plain, and all that follow on
// its connection, are Node's. Either way they come to the same front.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { ClientRequest, ClientResponse } from '../http/exchange.js';
import { LONGEST_PLAIN_HEAD, type RequestHead, readPlainHead } from '../http/plain-request.js';
import { answerAtEndOfTurn, type TurnEnd } from '../http/turn.js';
import { malformedResponse } from './error-page.js';
import { PlainRequest } from './plain-request.js';
import { PlainResponse } from './plain-response.js';

/**
 * Answers one request; never throws.
 * @param received the target as received
 * @param startedAt when the request was here, in milliseconds of `performance.now()`
 */
export type Answer = (
  request: ClientRequest,
  response: ClientResponse,
  received: string,
  startedAt: number,
) => void;

/** Time limits, in milliseconds. */
export interface ClientLimits {
  /** How long an idle connection is kept. */
  readonly keepAlive: number;
  /** How long a request's head may take. */
  readonly head: number;
}

/** What all connections share. */
interface Shared {
  readonly answer: Answer;
  readonly limits: ClientLimits;
  /** Gives a connection to Node. */
  readonly toNode: (socket: Socket) => void;
  readonly connections: Set<PlainConnection>;
}

/** Reads the server's connections here first; `server.closeIdleConnections()` closes those that are idle here, too. */
export function readPlainRequests(server: Server, answer: Answer, limits: ClientLimits): void {
  const nodes = server.listeners('connection') as ((socket: Socket) => void)[];
  const connections = new Set<PlainConnection>();
  const toNode = (socket: Socket): void => {
    for (const listener of nodes) listener.call(server, socket);
  };
  const shared: Shared = { answer, limits, toNode, connections };
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    // Asked for now, so that Node remembers it: a connection that is reset has no address any more, and its request
    // would look as if it came by a unix socket, whose peers may be trusted.
    if (socket.remoteAddress === undefined && typeof server.address() !== 'string') socket.destroy();
    else connections.add(new PlainConnection(socket, shared));
  });
  const closeIdle = server.closeIdleConnections.bind(server);
  server.closeIdleConnections = () => {
    closeIdle();
    for (const connection of connections) connection.closeIfIdle();
  };
}

class PlainConnection implements TurnEnd {
  readonly #socket: Socket;
  readonly #shared: Shared;
  /** Read, and not yet used. */
  #held: Buffer | undefined;
  /** Under way: its answer, or what is left of its body. */
  #request: PlainRequest | undefined;
  #response: PlainResponse | undefined;
  /** Its target, until it is answered. */
  #unanswered: string | undefined;
  #startedAt = 0;
  /** Runs while a head is here in part. */
  #headTimer: NodeJS.Timeout | undefined;
  /** True once the client has said its last byte. */
  #hasEnded = false;
  /** True once nothing more is answered. */
  #isLast = false;

  constructor(socket: Socket, shared: Shared) {
    this.#socket = socket;
    this.#shared = shared;
    socket.setTimeout(shared.limits.keepAlive);
    socket.on('data', this.#data).on('end', this.#ended).on('close', this.#closed);
    socket.on('drain', this.#drained).on('timeout', this.#timedOut).on('error', ignore);
  }

  /** Closes the connection if no request is under way. */
  closeIfIdle(): void {
    const socket = this.#socket;
    const isWaiting = this.#held !== undefined || socket.readableLength > 0;
    if (this.#request === undefined && !isWaiting && socket.bytesRead > 0) socket.destroy();
  }

  readonly #data = (chunk: Buffer): void => {
    if (this.#isLast) return;
    const rest = this.#request === undefined ? chunk : this.#request.take(chunk);
    if (rest !== undefined) {
      this.#held = this.#held === undefined ? rest : Buffer.concat([this.#held, rest]);
    }
    if (this.#request === undefined) this.#next();
    else if (this.#response === undefined) this.#goOn();
    else this.#letWait();
  };

  /**
   * The next request, if some of it is here already, waits in the socket, and no more is read: so a client that sends
   * requests without end fills no memory, and that it has said its last byte is heard only behind them.
   */
  #letWait(): void {
    if (this.#held === undefined) return;
    this.#socket.pause();
    this.#socket.unshift(this.#held);
    this.#held = undefined;
  }

  #readOn(): void {
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  /** Begins with the request whose head is held, if it is all here. */
  #next(): void {
    const held = this.#held;
    if (held === undefined) {
      if (this.#hasEnded) this.#socket.end();
      else this.#readOn();
      return;
    }
    const text = held.toString('latin1', 0, Math.min(held.length, LONGEST_PLAIN_HEAD));
    const end = text.indexOf('\r\n\r\n');
    if (end < 0) {
      if (held.length < LONGEST_PLAIN_HEAD) this.#awaitHead();
      else this.#handOver();
      return;
    }
    const length = end + 4;
    const head = readPlainHead(length === text.length ? text : text.slice(0, length));
    if (head === undefined) {
      this.#handOver();
      return;
    }
    this.#clearHeadTimer();
    this.#held = held.length === length ? undefined : held.subarray(length);
    this.#begin(head);
  }

  #begin(head: RequestHead): void {
    const request = new PlainRequest(head, this.#socket);
    const response = new PlainResponse(this.#socket, head.method === 'HEAD', head.keepAlive, this.#answered);
    this.#request = request;
    this.#response = response;
    this.#unanswered = head.url;
    this.#startedAt = performance.now();
    if (this.#held !== undefined) this.#held = request.take(this.#held);
    this.#letWait();
    answerAtEndOfTurn(this, head.length);
  }

  /** Has the request answered, if it has not been yet: at the end of the turn, or when something ends before. */
  endTurn(): void {
    const target = this.#unanswered;
    this.#unanswered = undefined;
    if (target === undefined || this.#request === undefined || this.#response === undefined) return;
    this.#shared.answer(this.#request, this.#response, target, this.#startedAt);
  }

  readonly #answered = (): void => {
    const isLast = this.#response?.shouldKeepAlive === false;
    this.#response = undefined;
    if (isLast) {
      // RFC 9112 §9.6: what stands behind the answer that ends a connection is not processed.
      this.#isLast = true;
      this.#held = undefined;
      this.#socket.destroySoon();
      return;
    }
    const { keepAlive } = this.#shared.limits;
    if (this.#socket.timeout !== keepAlive) this.#socket.setTimeout(keepAlive);
    this.#goOn();
  };

  /** Goes on to the next request, when this one is here to its end. */
  #goOn(): void {
    if (this.#request?.complete === false) {
      // A body that nobody wanted.
      this.#request.body.resume();
      return;
    }
    this.#request = undefined;
    this.#next();
  }

  #handOver(): void {
    this.#clearHeadTimer();
    this.#release();
    const socket = this.#socket;
    socket.setTimeout(0);
    socket.pause();
    if (this.#held !== undefined) socket.unshift(this.#held);
    this.#held = undefined;
    this.#shared.toNode(socket);
    socket.resume();
  }

  #awaitHead(): void {
    this.#readOn();
    const { head } = this.#shared.limits;
    this.#headTimer ??= setTimeout(() => {
      this.#isLast = true;
      this.#socket.end(malformedResponse('ERR_HTTP_REQUEST_TIMEOUT'));
      this.#socket.destroySoon();
    }, head);
  }

  #clearHeadTimer(): void {
    if (this.#headTimer === undefined) return;
    clearTimeout(this.#headTimer);
    this.#headTimer = undefined;
  }

  /** The client has nothing more to say. It may still read, as `nc` does with its input at an end. */
  readonly #ended = (): void => {
    this.endTurn();
    this.#hasEnded = true;
    if (this.#request?.complete === false) this.#request.abandon();
    else if (this.#response !== undefined && !this.#response.emit('left')) return;
    this.#isLast = true;
    // Half a head never becomes a whole one.
    if (this.#headTimer === undefined) this.#socket.destroySoon();
    else this.#socket.destroy();
  };

  readonly #drained = (): void => {
    this.#response?.emit('drain');
  };

  readonly #timedOut = (): void => {
    if (this.#request?.timedOut()) return;
    const isWaitedFor = this.#response !== undefined && this.#socket.writableLength === 0;
    // The time of an idle connection ran on while the app thinks, or a pace is kept; nobody is silent.
    if (isWaitedFor && this.#socket.timeout === this.#shared.limits.keepAlive) {
      this.#socket.setTimeout(this.#shared.limits.keepAlive);
    } else {
      this.#socket.destroy();
    }
  };

  readonly #closed = (): void => {
    this.endTurn();
    this.#clearHeadTimer();
    this.#release();
    this.#isLast = true;
    this.#request?.abandon();
    this.#response?.abandon();
  };

  /** The socket is no longer ours. */
  #release(): void {
    this.#shared.connections.delete(this);
    const socket = this.#socket;
    socket.off('data', this.#data).off('end', this.#ended).off('close', this.#closed);
    socket.off('drain', this.#drained).off('timeout', this.#timedOut).off('error', ignore);
  }
}

function ignore(): void {}
