/**
 * The tests that make their own inputs, or do one thing many times, at full size. `npm test` does the same with less:
 * the generators and the seeds are the same, and each prints how to repeat what it did.
 */
import type { TestFile } from '../run/compile.js';
import { runTests } from '../run/run-tests.js';
import type { Workplace } from '../run/workplace.js';
import type { Suite } from './suite.js';

/** How much of each, by the variable that the test reads. */
type Sizes = Readonly<Record<string, string>>;

export const FULL: Sizes = {
  STREAMS: '20000',
  ANSWERS: '4000',
  RESETS: '4000',
  CONNECTIONS: '10000',
  NGINX_REQUESTS: '10000',
};
/** In each state in which a connection can be. */
const FULL_LIFETIMES: Sizes = { LIFETIME_CONNECTIONS: '500' };
/** For what has been shown at more on another version of Node. */
export const LEAST: Sizes = { STREAMS: '500', ANSWERS: '300', RESETS: '200', LIFETIME_CONNECTIONS: '10' };

/** A file takes minutes where it does so much. */
const SECONDS = 900;

export function sizeSuites(tests: readonly TestFile[], workplace: Workplace): readonly Suite[] {
  const suite = (id: string, title: string, pattern: RegExp, env: Sizes): Suite => ({
    id,
    run: () =>
      runTests(
        title,
        tests.filter(({ path }) => pattern.test(path)),
        workplace,
        // How each can be done again.
        { env, seconds: SECONDS, report: (line) => line.includes('_SEED=') && console.log(line) },
      ),
  });
  const told = Object.entries(FULL).map(([name, size]) => `${name}=${size}`);
  return [
    suite('lifetimes', 'Lifetimes of 500 connections', /^test\/http1\/lifetimes\//, FULL_LIFETIMES),
    suite(
      'sizes',
      `Full sizes (${told.join(' ')})`,
      /^test\/(?:http1\/(?:streams|answers|resets|many-connections)|nginx\/side-by-side)\.test\.ts$/,
      FULL,
    ),
  ];
}
