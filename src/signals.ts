// What signals do: those that stop the server, and those that nginx's users are used to sending, which would end a program
// that Node runs, or open its debugger.
import { isatty } from 'node:tty';
import type { Logger } from 'pino';
import { closeDebugger } from './debugger.js';

/** nginx's QUIT waits for requests under way, too; supervisors and Ctrl+C are answered alike. */
const STOPPING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const;

/**
 * Takes them from now on.
 * @param stop is called each time that one says so
 */
export function answerSignals(log: Logger, stop: (signal: string) => void): void {
  for (const signal of STOPPING) process.on(signal, stop);
  process.on('SIGUSR2', (signal) =>
    log.info(
      { signal },
      'there is no new executable to start beside this one: start another server, then stop this one',
    ),
  );
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
