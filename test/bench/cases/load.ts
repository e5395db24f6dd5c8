/** Cases that put load on a server with wrk: throughput, CPU time and latency of requests of one kind. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertRight, type Exchange, fetchOnce, toBytes } from '../http.js';
import { startMeter } from '../meter.js';
import { runWrk, type WrkResult, writeRequests } from '../wrk.js';
import {
  type Bench,
  type Case,
  type Metric,
  OTHERS,
  type Prepared,
  type Server,
  type StartOptions,
} from './case.js';

const MB = 1e6;
/**
 * Servers run for days: what compilers do in their first seconds, after each way through the code is known, is no part of
 * it. Runs of a second each, since the code of a connection that begins or ends is compiled, too.
 */
const WARM_UP_RUNS = 8;
/** One connection makes a fifth of the requests in a second, and it is their number that compilers go by. */
const WARM_UP_RUNS_ALONE = 16;

export interface Load {
  readonly id: string;
  readonly title: string;
  readonly needs: Case['needs'];
  readonly connections: number;
  /** What the case is about: requests a second, megabytes a second, or the time that one request takes. */
  readonly about: 'requests' | 'bytes' | 'latency';
  /** Proxied cases: the stub that answers. */
  readonly upstream?: 'fast' | 'app';
  /** The server is given the bucket that the fast stub has. */
  readonly hasBucket?: boolean;
  /** The server is given the files that only X-Accel-Redirect reaches. */
  readonly protectedFiles?: boolean;
  /** The requests, chosen from at random when there are several, and their right answers. */
  exchanges(bench: Bench, origin: string): Promise<readonly Exchange[]>;
}

const LATENCY: readonly Metric[] = [
  { key: 'p50', label: 'p50 ms', better: 'less', digits: 3 },
  { key: 'p99', label: 'p99 ms', better: 'less', digits: 3 },
];

const TRUST: readonly Metric[] = [
  { key: 'busy', label: 'its core %', better: undefined, digits: 0 },
  OTHERS,
  { key: 'log', label: 'log B/req', better: undefined, digits: 0 },
];

function metricsOf(about: Load['about']): readonly Metric[] {
  const cpu = (label: string): Metric => ({
    key: 'cpu',
    label,
    better: 'less',
    digits: 1,
    compare: 'beside',
  });
  const rate = (label: string): Metric => ({
    key: 'rate',
    label,
    better: 'more',
    digits: 0,
    compare: 'headline',
  });
  switch (about) {
    case 'requests':
      return [rate('requests/s'), cpu('CPU µs/req'), ...LATENCY, ...TRUST];
    case 'bytes':
      return [rate('MB/s'), cpu('CPU µs/MB'), ...TRUST];
    case 'latency':
      return [
        ...LATENCY.map((metric): Metric => ({ ...metric, compare: 'headline' })),
        { key: 'rate', label: 'requests/s', better: 'more', digits: 0 },
        cpu('CPU µs/req'),
        ...TRUST,
      ];
  }
}

export function loadCase(load: Load): Case {
  const { id, title, needs, upstream } = load;
  return {
    id,
    title: `${title}; ${load.connections} connection${load.connections === 1 ? '' : 's'}`,
    needs,
    metrics: metricsOf(load.about),
    ...(upstream && !load.protectedFiles && { direct: upstream }),
    async prepare(bench, target) {
      const options: StartOptions = {
        ...(upstream && { upstream: bench.stubs[upstream] }),
        ...(load.hasBucket && { hasBucket: true }),
        ...(load.protectedFiles && { protectedFiles: bench.workspace.protectedFiles }),
      };
      const server = await target.start(options);
      try {
        return await prepareLoad(bench, load, server);
      } catch (error) {
        await server.running.stop();
        throw error;
      }
    },
  };
}

async function prepareLoad(bench: Bench, load: Load, server: Server): Promise<Prepared> {
  const { connections } = load;
  const exchanges = await load.exchanges(bench, server.origin);
  let answerSize = await checkAnswers(server, exchanges);
  const requestSize = exchanges[0]?.request.body?.length ?? 0;
  const requests = join(bench.workspace.folder('wrk'), 'requests');
  writeRequests(
    requests,
    exchanges.map(({ request }) => toBytes(request, server.origin)),
  );
  const run = async (seconds: number): Promise<WrkResult> => {
    const result = await runWrk(server.origin, requests, { connections, seconds });
    if (server.running.exited) throw new Error(`the server ended: ${server.running.lastWords()}`);
    assertNoErrors(result, answerSize, connections);
    return result;
  };

  // A server that has come to know its files may answer with another head.
  const runs = connections === 1 ? WARM_UP_RUNS_ALONE : WARM_UP_RUNS;
  await warmUp(server, async () => {
    for (let n = 0; n < runs; n++) await runWrk(server.origin, requests, { connections, seconds: 1 });
    answerSize = await checkAnswers(server, exchanges);
  });
  return {
    async sample() {
      // Let the server whose turn it was before this one finish closing its connections.
      await sleep(100);
      server.running.takeLog();
      const stopMeter = startMeter(server.core, server.running);
      const result = await run(bench.seconds);
      const { own, busy, others } = stopMeter(server.running);
      const work =
        load.about === 'bytes' ? Math.max(result.bytes, result.requests * requestSize) / MB : result.requests;
      return {
        rate: work / result.seconds,
        cpu: (own * 1e6) / work,
        p50: result.p50 / 1000,
        p99: result.p99 / 1000,
        busy,
        others,
        log: server.running.takeLog() / Math.max(1, result.requests),
      };
    },
    close: () => server.running.stop(),
  };
}

/** Once, or more often where other processes leave too little of the core for compilers to come to rest. */
async function warmUp(server: Server, run: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const stopMeter = startMeter(server.core, server.running);
    await run();
    const { busy, others } = stopMeter(server.running);
    if (busy > 60 || others < 20) return;
  }
}

/** Checks up to three of the answers byte by byte; resolves with the size of one on the wire. */
async function checkAnswers(server: Server, exchanges: readonly Exchange[]): Promise<number> {
  const last = exchanges.length - 1;
  let size = 0;
  for (const index of new Set([0, Math.floor(last / 2), last])) {
    const exchange = exchanges[index];
    if (exchange === undefined) throw new Error('the case has no requests');
    const answer = await fetchOnce(server.origin, exchange.request);
    assertRight(exchange, answer);
    size = answer.size;
  }
  return size;
}

/**
 * Every answer under load must be the right one. wrk counts failures; that the others were of the right size
 * follows from the bytes received, give or take the answers under way at the end and small differences of heads.
 */
function assertNoErrors(result: WrkResult, answerSize: number, connections: number): void {
  const { requests, bytes, socketErrors, statusErrors } = result;
  if (statusErrors > 0) throw new Error(`${statusErrors} of ${requests} answers had an error status`);
  if (socketErrors > 0) throw new Error(`${socketErrors} connections failed during ${requests} requests`);
  if (requests === 0 && bytes < answerSize) throw new Error('not one answer was complete');
  if (bytes < 0.9 * requests * answerSize || bytes > 1.1 * (requests + connections) * answerSize) {
    throw new Error(`${requests} answers of ${answerSize} bytes came to ${bytes} bytes`);
  }
}
