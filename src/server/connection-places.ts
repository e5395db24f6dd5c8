// How many connections clients may have (nginx: worker_connections), from what the operator says or the system allows,
// and what the log says when that was not enough.
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { LogThrottle } from '../http/log-throttle.js';
import { ConnectionLimit, type Shortage } from '../http1/connection-limit.js';

/** Descriptors of the process itself: Node's own, the log, the listener, a library. */
const RESERVED = 48;
/** As many as wait with the system where nothing is said (nginx: listen … backlog=511). */
const MOST_WAITING = 511;
/**
 * Where the system allows far more: an idle connection takes 7 KiB of memory. Containers often have a limit of a million
 * open files, which nobody has chosen.
 */
const MOST_BY_DEFAULT = 16_384;

/** What there is room for. */
export interface ConnectionPlaces {
  readonly max: number;
  /** Connections for which there is no place yet. */
  readonly maxWaiting: number;
  /** Files and sockets that this process may have open; undefined where the system does not tell. */
  readonly openFiles: number | undefined;
}

/**
 * By default half of the open files that are left: with each client goes a file or a connection to the app.
 * @param wanted --max-connections
 */
export function connectionPlaces(wanted: number | undefined, openFiles = openFileLimit()): ConnectionPlaces {
  if (openFiles === undefined) {
    return { max: wanted ?? MOST_BY_DEFAULT, maxWaiting: MOST_WAITING, openFiles };
  }
  const maxWaiting = Math.min(MOST_WAITING, Math.floor(openFiles / 8));
  const half = Math.floor((openFiles - RESERVED - maxWaiting) / 2);
  return { max: wanted ?? Math.max(1, Math.min(half, MOST_BY_DEFAULT)), maxWaiting, openFiles };
}

/** The soft limit (ulimit -n), which Node raises to the hard one when it starts. */
export function openFileLimit(): number | undefined {
  return process.platform === 'linux' ? linuxLimit() : reportedLimit();
}

function linuxLimit(): number | undefined {
  try {
    return toLimit(/^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1]);
  } catch {
    // No /proc here.
    return reportedLimit();
  }
}

/** Takes twenty times as long; on Windows there is no such limit. */
function reportedLimit(): number | undefined {
  const report = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  return toLimit(report.userLimits?.open_files?.soft);
}

function toLimit(value: unknown): number | undefined {
  const limit = Number(value);
  return Number.isSafeInteger(limit) && limit > 0 ? limit : undefined;
}

/** Warns when the system cannot keep what the operator wants (nginx warns of the same). */
export function warnOfFewOpenFiles({ max, maxWaiting, openFiles }: ConnectionPlaces, log: Logger): void {
  const needed = max + maxWaiting + RESERVED;
  if (openFiles === undefined || needed <= openFiles) return;
  log.warn(
    { maxConnections: max, openFiles },
    `--max-connections is more than the limit on open files allows; raise that (ulimit -n) to ${needed + max} at least: each client has a connection, and a file or a connection to the app besides`,
  );
}

/** The limit, and what writes down what has not been told yet. */
export interface WatchedLimit {
  readonly limit: ConnectionLimit;
  flush(): void;
}

/**
 * The limit of a server, which says in the log when it was reached.
 * @param waitTimeout how long a connection may wait for its place, in milliseconds
 */
export function watchedLimit(
  { max, maxWaiting }: Pick<ConnectionPlaces, 'max' | 'maxWaiting'>,
  waitTimeout: number,
  log: Logger,
): WatchedLimit {
  let counts: Partial<Record<Shortage, number>> = {};
  const places = new LogThrottle<undefined>(() => {
    log.warn(
      { maxConnections: max, ...counts },
      'all connections that --max-connections allows are taken: those without a request are closed, new ones wait for a place',
    );
    counts = {};
  });
  const heads = new LogThrottle<undefined>((_, headsGivenUp) => {
    log.warn(
      { headsGivenUp },
      'requests of which only a part has come take too much memory together; the oldest are answered 408',
    );
  });
  const limit = new ConnectionLimit({
    max,
    maxWaiting,
    waitTimeout,
    onShortage(shortage) {
      if (shortage === 'headGivenUp') {
        heads.tell(undefined);
        return;
      }
      counts[shortage] = (counts[shortage] ?? 0) + 1;
      places.tell(undefined);
    },
  });
  return {
    limit,
    flush() {
      places.flush();
      heads.flush();
    },
  };
}
