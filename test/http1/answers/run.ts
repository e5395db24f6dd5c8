/** Asks for an answer through the server, and judges what came of it. */
import { connect } from 'node:net';
import type { Test } from 'tap';
import { type RunningServer, startServer } from '../../support/server.js';
import { AnswerReader } from '../streams/answer-reader.js';
import { membersOf, show } from '../streams/message.js';
import { startPythonJudges } from '../streams/python-judges.js';
import { startHostileApp } from './app.js';
import type { AppAnswer } from './generate.js';
import { type Evidence, examine, type Got, judge, type Verdict } from './verdict.js';

export interface Judgement {
  readonly evidence: Evidence;
  readonly verdict: Verdict;
}

export interface Run {
  readonly server: RunningServer;
  /** Has the app answer with this, and judges what comes of it. */
  judge(answer: AppAnswer): Promise<Judgement>;
}

/**
 * How long the app may be silent: an answer that does not come to its end is waited for so long. Those of a busy machine
 * must not look like it; all of these are waited for at the same time.
 */
const READ_TIMEOUT = '30s';
/** Longer than the server waits for anything here, in milliseconds. */
const SILENCE = 90_000;

export async function startRun(t: Test, python: string): Promise<Run> {
  const judges = startPythonJudges(t, python);
  /** By the request for it. */
  const answers = new Map<number, AppAnswer>();
  let count = 0;
  const address = await startHostileApp(t, (request) => answers.get(request));
  const directory = t.testdir({});
  // One server that fails is not left alone: here all answers are its mistakes.
  const options = ['--read-timeout', READ_TIMEOUT, '--max-fails', '0'];
  const server = await startServer(t, ['--root', directory, '--upstream', address, ...options]);
  return {
    server,
    async judge(answer) {
      count += 1;
      const request = count;
      answers.set(request, answer);
      const got = await ask(server.port, request, answer);
      answers.delete(request);
      const evidence = await examine(answer, got, judges);
      return { evidence, verdict: judge(evidence) };
    },
  };
}

/** The bytes that a client gets. Half of them ask for the end of the connection, the others end it behind the answer. */
function ask(port: number, request: number, { index, method, version }: AppAnswer): Promise<Got> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const chunks: Buffer[] = [];
    const reader = new AnswerReader(() => method === 'HEAD');
    let end: Got['end'] = 'closed';
    const silence = setTimeout(() => {
      end = 'silence';
      socket.destroy();
    }, SILENCE);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      silence.refresh();
      reader.push(chunk);
      const [answer] = reader.answers;
      if (answer !== undefined && !membersOf(answer, 'connection').includes('close')) socket.end();
    });
    socket.on('error', () => {
      end = 'reset';
    });
    socket.on('close', () => {
      clearTimeout(silence);
      resolve({ bytes: Buffer.concat(chunks), end });
    });
    const closing = version === '1.1' && index % 2 === 0 ? 'Connection: close\r\n' : '';
    socket.write(`${method} /${request} HTTP/${version}\r\nHost: a\r\n${closing}\r\n`);
  });
}

/** All that is known of an answer that was judged to be wrong. */
export function tell(title: string, { evidence, verdict }: Judgement): string {
  const { answer, got, app, client } = evidence;
  const bytes = (of: Buffer): string => show(of.toString('latin1'));
  const read = (reading: object): string => show(JSON.stringify(reading), 800);
  return [
    title,
    ...verdict.faults.map((fault) => `✗ ${fault}`),
    `the client asked with ${answer.method} and HTTP/${answer.version}`,
    `the app wrote, with cuts at ${JSON.stringify(answer.cuts)}, and the connection was then ${answer.end}:`,
    `  ${bytes(answer.bytes)}`,
    `  llhttp: ${read(app.llhttp)}`,
    `  h11: ${read(app.h11)}`,
    `the client got, and the connection was then ${got.end}:`,
    `  ${bytes(got.bytes)}`,
    `  llhttp: ${read(client.llhttp)}`,
    `  h11: ${read(client.h11)}`,
  ].join('\n');
}
