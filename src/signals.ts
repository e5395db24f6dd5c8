// What signals do that nginx's users are used to sending, and that do something else to a program that Node runs.
import { isatty } from 'node:tty';
import type { Logger } from 'pino';
import { closeDebugger } from './debugger.js';

/** Takes them from now on: the server goes on as it is, and the log says why. */
export function answerSignals(log: Logger): void {
  process.on('SIGUSR1', (signal) =>
    log.info({ signal }, 'there is no log file to reopen: the log goes to standard output'),
  );
  // One that came while the server started.
  closeDebugger();
  // Who closes a terminal ends what runs in it. Elsewhere it is sent in the hope of new settings, and must not end the site.
  if (isatty(1)) return;
  process.on('SIGHUP', (signal) =>
    log.warn({ signal }, 'nothing is read anew: for other settings stop this process and start it again'),
  );
}
