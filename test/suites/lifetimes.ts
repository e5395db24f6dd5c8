/** The table of lifetimes with so many connections in each row that what one in five of them leaves shows. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PROJECT } from './processes.js';
import type { Suite } from './suite.js';
import { runTests } from './tap-run.js';

const TABLE = 'test/http1/lifetimes';
const CONNECTIONS = 500;

export function lifetimesSuite(folder: string): Suite {
  return {
    id: 'lifetimes',
    run() {
      const tests = readdirSync(join(PROJECT, TABLE))
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => `${TABLE}/${name}`);
      const env = { LIFETIME_CONNECTIONS: String(CONNECTIONS) };
      return runTests(`Lifetimes of ${CONNECTIONS} connections`, join(folder, 'lifetimes.tap'), {
        tests,
        env,
      });
    },
  };
}
