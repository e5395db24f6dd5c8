/** Servers whose clocks are wrong, and are set right. */
import type { RunningServer } from './server.js';

const TOLD = 'told the time';
const script = (ahead: number): string => `
  import { writeSync } from 'node:fs';
  const { now } = Date;
  let ahead = ${ahead};
  Date.now = () => now() + ahead;
  process.on('SIGWINCH', () => {
    ahead = 0;
    writeSync(1, '{"msg":"${TOLD}"}\\n');
  });
`;

/** A server for which it is so many milliseconds later: for `node` in the options of `startServer`. */
export function laterBy(milliseconds: number): readonly string[] {
  return ['--import', `data:text/javascript,${encodeURIComponent(script(milliseconds))}`];
}

/** Files which were written just now have settled: they are cached at once, and their validators are strong. */
export const AN_HOUR_LATER = laterBy(3_600_000);

/** Tells such a server what time it is; resolves when it goes by it. What it has cached stays cached. */
export async function tellTime(server: RunningServer): Promise<void> {
  server.process.kill('SIGWINCH');
  await server.logged(({ msg }) => msg === TOLD);
}
