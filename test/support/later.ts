/**
 * A server for which it is an hour later, so that files which were written just now have settled: they are cached at once,
 * and their validators are strong.
 */
import type { RunningServer } from './server.js';

const TOLD = 'told the time';
const SCRIPT = `
  import { writeSync } from 'node:fs';
  const { now } = Date;
  let ahead = 3_600_000;
  Date.now = () => now() + ahead;
  process.on('SIGWINCH', () => {
    ahead = 0;
    writeSync(1, '{"msg":"${TOLD}"}\\n');
  });
`;

/** For `node` in the options of `startServer`. */
export const AN_HOUR_LATER = ['--import', `data:text/javascript,${encodeURIComponent(SCRIPT)}`] as const;

/** Tells such a server what time it is; resolves when it goes by it. What it has cached stays cached. */
export async function tellTime(server: RunningServer): Promise<void> {
  server.process.kill('SIGWINCH');
  await server.logged(({ msg }) => msg === TOLD);
}
