/** Sends a stream as it is cut, and reads the answers. */
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Answer, AnswerReader } from './answer-reader.js';
import type { Stream } from './generate.js';

/** How the connection ended: by the server, or by us when nothing more was to come, or when nothing came. */
export type End = 'server' | 'client' | 'silence' | 'never';

export interface Sent {
  /** Final answers, and 101, in their order. */
  readonly answers: readonly Answer[];
  /** What is wrong with the bytes that came; undefined when they are answers. */
  readonly fault: string | undefined;
  readonly end: End;
  /** Everything that came. */
  readonly bytes: Buffer;
}

export interface SendOptions {
  readonly port: number;
  /** The address to send from, by which the app knows the stream. */
  readonly from: string;
  /** How many answers there are to be, if nothing is refused. */
  readonly expected: number;
  /** Whether the n-th of these requests, counted from 0, is a HEAD. */
  isHead(place: number): boolean;
  /** How long the client waits behind the last answer for what should not come, in milliseconds. */
  readonly patience: number;
}

/** Silence after which the server is taken to wait for bytes that will not come, in milliseconds. */
const SILENCE = 20_000;

/** Statuses that say that the server cannot read what it got; nothing follows them. */
export function isUnread(status: number): boolean {
  return [400, 408, 411, 414, 417, 426, 431, 501, 505].includes(status);
}

export async function send(
  { bytes, cuts }: Pick<Stream, 'bytes' | 'cuts'>,
  options: SendOptions,
): Promise<Sent> {
  const { port, from, expected, isHead, patience } = options;
  const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
  const reader = new AnswerReader(isHead);
  const chunks: Buffer[] = [];
  let end: End = 'server';
  let isWritten = false;
  let timer: NodeJS.Timeout | undefined;
  const after = (time: number, reason: End): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      end = reason;
      // The server has as long again to notice.
      timer = setTimeout(() => {
        end = 'never';
        socket.destroy();
      }, SILENCE);
      socket.end();
    }, time);
  };
  const look = (): void => {
    const last = reader.answers.at(-1);
    if (last !== undefined && isUnread(last.status)) after(0, 'server');
    else if (isWritten && (reader.answers.length >= expected || last?.status === 101))
      after(patience, 'client');
    else after(SILENCE, 'silence');
  };
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    reader.push(chunk);
    look();
  });
  // Being cut off is an answer, too; 'close' follows.
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  look();
  for (const piece of piecesOf(bytes, cuts)) {
    if (!socket.writable) break;
    socket.write(piece);
    if (cuts.length > 0) await nextTurn();
  }
  isWritten = true;
  if (!socket.closed) look();
  await closed;
  clearTimeout(timer);
  reader.finish();
  return { answers: reader.answers, fault: reader.fault, end, bytes: Buffer.concat(chunks) };
}

export function piecesOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const ends = [...cuts, bytes.length];
  return ends
    .map((end, place) => bytes.subarray(ends[place - 1] ?? 0, end))
    .filter(({ length }) => length > 0);
}
