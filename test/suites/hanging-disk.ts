/** What a file system that hangs does to everything else, here and with nginx: a table, and what it must show. */
import { compileTests } from '../run/compile.js';
import { runTests } from '../run/run-tests.js';
import type { Workplace } from '../run/workplace.js';
import type { Suite } from './suite.js';

const PROGRAM = 'test/nginx/hanging-disk.ts';

/** More than it takes where nothing ends by itself. */
const SECONDS = 1800;

export function hangingDiskSuite(workplace: Workplace): Suite {
  return {
    id: 'hanging-disk',
    async run() {
      const tests = await compileTests([PROGRAM], workplace.folder);
      const report = (line: string): void => {
        if (line.startsWith('|')) console.log(line);
      };
      return runTests('What a hanging disk does to others', tests, workplace, { seconds: SECONDS, report });
    },
  };
}
