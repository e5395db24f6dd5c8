/** The server under test with the recorder behind it and the parsers beside it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type RunningServer, startServer } from '../../support/server.js';
import { until } from '../../support/until.js';
import { send } from './client.js';
import { FILES, type Stream } from './generate.js';
import { type LlhttpRequest, methodOf, readWithLlhttp } from './llhttp.js';
import { difference, INCOMPLETE, isRefusal, membersOf, NOTHING, type Reading } from './message.js';
import { type PythonJudges, startPythonJudges } from './python-judges.js';
import { type AppConnection, type Recorder, startRecorder } from './recorder.js';
import { type Evidence, judge, type Verdict } from './verdict.js';

export interface Judgement {
  readonly evidence: Evidence;
  readonly verdict: Verdict;
}

export interface Stand {
  readonly server: RunningServer;
  /** Sends the stream and judges what came of it. */
  judge(stream: Pick<Stream, 'bytes' | 'cuts'>): Promise<Judgement>;
  /** Stops the server; then what is wrong with what it sent to the app, on all connections. */
  connectionFaults(): Promise<readonly string[]>;
  /** How many requests reached the app. */
  readonly requestsAtApp: number;
}

/**
 * How long the client waits for what should not come, in milliseconds: behind what a parser has found malformed the
 * server may still answer; behind half a request it must not.
 */
const PATIENCE: Readonly<Record<string, number>> = { [NOTHING]: 0, [INCOMPLETE]: 50 };
const PATIENCE_BEHIND_A_FAULT = 250;

/** Starts everything; it ends with the test. */
export async function startStand(t: Test, python: string): Promise<Stand> {
  const judges = startPythonJudges(t, python);
  const faults: Promise<string | undefined>[] = [];
  let requestsAtApp = 0;
  const recorder = await startRecorder(t, (connection) => {
    requestsAtApp += connection.requests.length;
    const fault = faultOf(connection, judges);
    // Of what is still open when a test has failed nobody asks.
    fault.catch(() => {});
    faults.push(fault);
  });
  const server = await startServer(t, ['--config', configFile(t, recorder)]);
  let count = 0;
  return {
    server,
    get requestsAtApp() {
      return requestsAtApp;
    },
    async judge(stream) {
      const client = addressOf(count);
      count += 1;
      return judgeStream(stream, { client, port: server.port, judges, recorder });
    },
    async connectionFaults() {
      await server.stop();
      await until(() => recorder.open === 0, 'the connections to the app end');
      return (await Promise.all(faults)).filter((fault) => fault !== undefined);
    },
  };
}

function configFile(t: Test, { address }: Recorder): string {
  const directory = t.testdir({ media: { ...FILES, '.env': 'secret' } });
  const path = join(directory, 'config.json');
  const locations = [
    { kind: 'media', prefix: '/media/', root: join(directory, 'media') },
    { kind: 'upstream', prefix: '/', upstream: address },
    { kind: 'upstream', prefix: '/stream/', upstream: address, requestBuffering: false },
  ];
  writeFileSync(path, JSON.stringify({ locations }));
  return path;
}

/** All of 127/8 is this machine on Linux: by the address that it comes from, a stream is known behind the server. */
function addressOf(count: number): string {
  return `127.${1 + ((count >> 16) & 127)}.${(count >> 8) & 255}.${count & 255}`;
}

interface Around {
  readonly client: string;
  readonly port: number;
  readonly judges: PythonJudges;
  readonly recorder: Recorder;
}

async function judgeStream(
  stream: Pick<Stream, 'bytes' | 'cuts'>,
  { client, port, judges, recorder }: Around,
): Promise<Judgement> {
  const llhttp = readWithLlhttp(stream.bytes);
  const { requests } = llhttp;
  const last = requests.findIndex(isLast);
  // What is sent when the server has closed already makes the client's system drop the answer unread (RFC 9112 §9.6).
  const end = requests[last]?.end ?? stream.bytes.length;
  const cuts = stream.cuts.filter((cut) => cut < end);
  const [python, sent] = await Promise.all([
    judges.read(
      llhttp.given,
      requests.map(({ given }) => given.end ?? 0),
    ),
    send(
      { ...stream, cuts },
      {
        port,
        from: client,
        expected: last < 0 ? requests.length : last + 1,
        isHead: (place) => methodOf(llhttp, stream.bytes, place) === 'HEAD',
        patience: PATIENCE[llhttp.rest] ?? PATIENCE_BEHIND_A_FAULT,
      },
    ),
  ]);
  const evidence = { stream, client, llhttp, python, sent, ...recorder.take(client) };
  return { evidence, verdict: judge(evidence) };
}

/** Proxy-Connection is none of ours, and llhttp reads it like Connection. */
function isLast(request: LlhttpRequest): boolean {
  return request.closes && membersOf(request, 'proxy-connection').length === 0;
}

/** The app's own side: other parsers read there what llhttp does, and nothing is left over. */
async function faultOf(connection: AppConnection, judges: PythonJudges): Promise<string | undefined> {
  const { requests, given, rest, bytes, tunnel, partial } = connection;
  const ends = requests.map(({ given }) => given.end ?? 0);
  const readings = await judges.read(given, ends);
  const tell = (what: string): string =>
    `${what}\nall that this connection to the app brought: ${JSON.stringify(bytes.toString('latin1'))}`;
  // A request whose client left half-way breaks off.
  const isOver = rest === NOTHING || tunnel !== undefined || partial !== undefined;
  if (!isOver || (rest !== NOTHING && rest !== INCOMPLETE))
    return tell(`llhttp reads at the app's side: ${rest}`);
  for (const [parser, reading] of Object.entries(readings) as [string, Reading][]) {
    for (const [place, request] of requests.entries()) {
      const other = reading.requests[place];
      const different =
        other === undefined
          ? reading.rest
          : isRefusal(other)
            ? other.refusal
            : difference(request.given, other);
      if (different !== undefined)
        return tell(`${parser} reads request ${place} at the app's side: ${different}`);
    }
    if (reading.requests.length > requests.length)
      return tell(`${parser} reads more requests at the app's side`);
  }
  return undefined;
}
