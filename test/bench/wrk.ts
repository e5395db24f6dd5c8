/** Runs wrk, the load generator, on prepared requests. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { capture } from './proc.js';

const SCRIPT = fileURLToPath(new URL('wrk.lua', import.meta.url));

export interface WrkResult {
  readonly requests: number;
  /** Bytes received, heads included, also of answers that were still under way at the end. */
  readonly bytes: number;
  readonly seconds: number;
  /** Microseconds. */
  readonly p50: number;
  /** Microseconds. */
  readonly p99: number;
  /** Connections refused or cut, time limits passed. */
  readonly socketErrors: number;
  /** Answers of status 400 and above. */
  readonly statusErrors: number;
}

/** Writes requests, as they go over the wire, to where wrk.lua reads them from. */
export function writeRequests(path: string, requests: readonly Buffer[]): void {
  writeFileSync(
    path,
    Buffer.concat(requests.flatMap((request) => [Buffer.from(`${request.length}\n`), request])),
  );
}

/** One thread of wrk, on the core that this process is pinned to. */
export async function runWrk(
  origin: string,
  requestsFile: string,
  { connections, seconds }: { readonly connections: number; readonly seconds: number },
): Promise<WrkResult> {
  const output = await capture({
    command: 'wrk',
    args: ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', SCRIPT, origin],
    env: { BENCH_REQUESTS: requestsFile },
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as WrkResult;
}
