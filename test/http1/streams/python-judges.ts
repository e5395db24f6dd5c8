/** h11 and httptools, in a Python process that reads streams as long as the test runs (judges.py). */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { spawnChild } from '../../support/child.js';
import type { Fields, Reading, Refusal } from './message.js';

const PROGRAM = fileURLToPath(new URL('./judges.py', import.meta.url));

export interface PythonReadings {
  readonly h11: Reading;
  readonly httptools: Reading;
}

/** What h11 makes of an answer. */
export type AnswerReading =
  | {
      readonly status: number;
      readonly version: string;
      readonly fields: Fields;
      readonly trailers: Fields;
      readonly body: string;
      /** The statuses of the interim answers before it. */
      readonly interim: readonly number[];
    }
  | Refusal;

export interface PythonJudges {
  /**
   * What both make of a stream.
   * @param ends where llhttp says that each request ends, in bytes
   */
  read(stream: Buffer, ends: readonly number[]): Promise<PythonReadings>;
  /** What h11 makes of the answer to a request with this method. */
  readAnswer(bytes: Buffer, method: string, isClosed: boolean): Promise<AnswerReading>;
}

/** Most streams in one message; the process reads one message after another. */
const BATCH = 64;

interface Asked {
  readonly question: readonly unknown[];
  resolve(reading: unknown): void;
  reject(error: Error): void;
}

/** Starts the process; it ends with the test. */
export function startPythonJudges(t: Test, python: string): PythonJudges {
  const child = spawnChild(python, [PROGRAM], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  let waiting: Asked[] = [];
  let asked: readonly Asked[] = [];
  const askNext = (): void => {
    if (asked.length > 0 || waiting.length === 0) return;
    asked = waiting.slice(0, BATCH);
    waiting = waiting.slice(BATCH);
    child.stdin.write(`${JSON.stringify(asked.map(({ question }) => question))}\n`, 'latin1');
  };
  createInterface(child.stdout.setEncoding('latin1')).on('line', (line) => {
    for (const [place, reading] of (JSON.parse(line) as unknown[]).entries()) asked[place]?.resolve(reading);
    asked = [];
    askNext();
  });
  // What it complains of is on its standard error.
  child.stdin.on('error', () => {});
  child.once('exit', () => {
    for (const { reject } of [...asked, ...waiting]) reject(new Error('the Python process has ended'));
  });
  const ask = (...question: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      waiting.push({ question, resolve, reject });
      // What comes in the same turn goes in the same message.
      setImmediate(askNext);
    });
  return {
    async read(stream, ends) {
      const [h11, httptools] = (await ask('requests', stream.toString('latin1'), ends)) as [Reading, Reading];
      return { h11, httptools };
    },
    async readAnswer(bytes, method, isClosed) {
      return (await ask('answer', bytes.toString('latin1'), method, isClosed)) as AnswerReading;
    },
  };
}
