/** An app that resets about half of its connections, at a moment that the seed says. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { reset } from '../../support/reset.js';
import { Random } from '../streams/random.js';

/** When it resets. */
const STAGES = [
  ...['before it reads', 'within the request', 'before the answer', 'within the head', 'within the body'],
  ...['behind the answer', 'after a switch of protocols'],
] as const;
type Stage = (typeof STAGES)[number];

export interface ResettingApp {
  /** For `--upstream`. */
  readonly address: string;
  /** How often it has reset a connection, by the stage. */
  readonly resets: Readonly<Record<Stage, number>>;
  /** It resets no more. */
  calmDown(): void;
}

const TARGET = /^[A-Z]+ \/(app|upgrade)\/(\d+) HTTP\/1\.[01]\r\n/;
const END = /\r\n\r\n/;
const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const MEDIUM = 'x'.repeat(20_000);
/** Not all of it finds room in memory, so that a client that does not read it makes a temporary file. */
const LARGE = 'x'.repeat(8_000_000);

const ANSWERS: readonly [head: string, body: string][] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', 'ok'],
  [`HTTP/1.1 200 OK\r\nContent-Length: ${MEDIUM.length}\r\n\r\n`, MEDIUM],
  [`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE.length}\r\n\r\n`, LARGE],
  [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n',
    `4e20\r\n${MEDIUM}\r\n4e20\r\n${MEDIUM}\r\n0\r\n\r\n`,
  ],
  [`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nConnection: close\r\n\r\n`, MEDIUM],
  ['HTTP/1.0 404 Not Found\r\n\r\n', MEDIUM],
  ['HTTP/1.1 200 OK\r\nX-Accel-Redirect: /internal/large.bin\r\nContent-Length: 20000\r\n\r\n', MEDIUM],
  ['HTTP/1.1 204 No Content\r\n\r\n', ''],
];

/** Starts it, on a port of loopback or the unix socket at `path`; it is stopped when the test ends. */
export async function startResettingApp(t: Test, seed: number, path?: string): Promise<ResettingApp> {
  const resets = Object.fromEntries(STAGES.map((stage) => [stage, 0])) as Record<Stage, number>;
  const sockets = new Set<Socket>();
  let isCalm = false;
  let accepted = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    socket.on('end', () => socket.end());
    accepted += 1;
    const resetAt = (stage: Stage): void => {
      if (socket.destroyed) return;
      resets[stage] += 1;
      resetNow(socket);
    };
    if (isCalm) speak(socket, () => answerAll(socket));
    else if (new Random(seed, -accepted).percent(5)) resetAt('before it reads');
    else speak(socket, (target, id) => answer(socket, target, new Random(seed, id), resetAt));
  });
  server.listen({ ...(path === undefined ? { port: 0, host: '127.0.0.1' } : { path }), backlog: 2048 });
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    address: path === undefined ? `127.0.0.1:${(server.address() as AddressInfo).port}` : `unix:${path}`,
    resets,
    calmDown: () => {
      isCalm = true;
      for (const socket of sockets) socket.destroySoon();
    },
  };
}

/**
 * Breaks the connection. libuv refuses a reset while the end of what was written is on its way, and Node never closes such
 * a socket; closing one does, and with bytes that are not read it is a reset as well.
 */
export function resetNow(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else reset(socket);
}

/** Calls back for each request, when its head is here. Bodies are dropped: none of them looks like a head. */
function speak(socket: Socket, answer: (target: string, id: number) => void): void {
  let held = '';
  socket.on('data', (chunk: Buffer) => {
    held += chunk.toString('latin1');
    const at = held.search(/(?:GET|POST|PUT) \//);
    if (at < 0) {
      held = held.slice(-10);
      return;
    }
    if (!END.test(held.slice(at))) return;
    const [, target = 'app', id = '0'] = TARGET.exec(held.slice(at)) ?? [];
    held = '';
    answer(target, Number(id));
  });
}

function answerAll(socket: Socket): void {
  socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
}

function answer(socket: Socket, target: string, random: Random, reset: (stage: Stage) => void): void {
  const isUpgrade = target === 'upgrade';
  const [head, body] = isUpgrade ? [SWITCHING, random.pick([MEDIUM, LARGE])] : random.pick(ANSWERS);
  const delay = random.below(6);
  const resetSoon = (stage: Stage): void => {
    if (delay === 0) reset(stage);
    else setTimeout(() => reset(stage), delay);
  };
  if (random.percent(50)) {
    socket.write(head + body, 'latin1');
    if (!/content-length|chunked|204/i.test(head) && !isUpgrade) socket.end();
    return;
  }
  const stage = random.pick(STAGES.slice(1));
  // Whatever the request still has is not read before.
  if (stage === 'within the request') reset(stage);
  else if (stage === 'before the answer') resetSoon(stage);
  else if (stage === 'within the head') {
    socket.write(head.slice(0, random.between(1, head.length - 1)), 'latin1');
    resetSoon(stage);
  } else {
    const isWhole = stage === 'behind the answer';
    socket.write(head + (isWhole ? body : body.slice(0, random.below(body.length))), 'latin1', () =>
      resetSoon(isUpgrade ? 'after a switch of protocols' : isWhole ? stage : 'within the body'),
    );
  }
}
