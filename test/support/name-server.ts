/** A name server (RFC 1035) that knows one thing and says it as the test wants, and programs that ask no other. */
import { spawnSync } from 'node:child_process';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { OWN_HOSTS } from './app.js';

/** Response codes (RFC 1035 §4.1.1), and not to answer at all. */
export type Refusal = 'SERVFAIL' | 'NXDOMAIN' | 'REFUSED' | 'silence';
const CODES = { SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;
const TYPE_A = 1;

export interface NameServer {
  /** IPv4 addresses of every name, or how the question is refused. */
  answer: readonly string[] | Refusal;
  /** How long it takes to answer, in milliseconds. */
  delay: number;
  /** Questions for IPv4 addresses so far. */
  readonly asked: number;
  /** For `wrap` of `startServer`: the program asks this name server. */
  readonly wrap: readonly string[];
}

/** For tap's `skip`: name servers have a port that only root may take, and which are asked is the system's to say. */
export function withoutNameServer(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can be a name server';
  return spawnSync('unshare', ['-m', 'true']).status === 0 ? false : 'nobody may mount anything here';
}

/** Starts one; it is stopped when the test ends. */
export async function startNameServer(t: Test): Promise<NameServer> {
  const [host] = OWN_HOSTS;
  const directory = await mkdtemp(join(tmpdir(), 'media-serve-names-'));
  const path = join(directory, 'resolv.conf');
  await writeFile(path, `nameserver ${host}\noptions timeout:5 attempts:1\n`);
  const timers = new Set<NodeJS.Timeout>();
  let asked = 0;
  const server: NameServer & { asked: number } = {
    answer: 'NXDOMAIN',
    delay: 0,
    get asked() {
      return asked;
    },
    // In a file system of its own, where /etc/resolv.conf is that file.
    wrap: ['unshare', '-m', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', path],
  };
  const socket = createSocket('udp4');
  socket.on('message', (question: Buffer, from: RemoteInfo) => {
    if (question.readUInt16BE(question.indexOf(0, 12) + 1) === TYPE_A) asked += 1;
    const { answer } = server;
    if (answer === 'silence') return;
    const message = answerTo(question, answer);
    const timer = setTimeout(() => {
      timers.delete(timer);
      socket.send(message, from.port, from.address);
    }, server.delay);
    timers.add(timer);
  });
  socket.bind(53, host);
  await once(socket, 'listening');
  t.teardown(async () => {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
    await rm(directory, { recursive: true, force: true });
  });
  return server;
}

function answerTo(question: Buffer, answer: readonly string[] | Exclude<Refusal, 'silence'>): Buffer {
  // Behind the name: its type and its class.
  const end = question.indexOf(0, 12) + 5;
  const type = question.readUInt16BE(end - 4);
  const addresses = typeof answer === 'string' || type !== TYPE_A ? [] : answer;
  const head = Buffer.from(question.subarray(0, 12));
  head.writeUInt16BE(0x8180 | (typeof answer === 'string' ? CODES[answer] : 0), 2);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt32BE(0, 8);
  const records = addresses.map((address) => {
    // The name of the question, type A, class IN, for no time, four bytes.
    const record = [0xc0, 12, 0, TYPE_A, 0, 1, 0, 0, 0, 0, 0, 4];
    return Buffer.from([...record, ...address.split('.').map(Number)]);
  });
  return Buffer.concat([head, question.subarray(12, end), ...records]);
}
