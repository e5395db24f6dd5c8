// Time limits that have one right answer, and so are no options. They are given to the parts that keep them, as everything
// that a test should not have to wait for.
import type { ServerOptions } from '../http1/server-options.js';
import type { AppTimes } from '../upstream/proxy.js';

/** All of them, in milliseconds. */
export interface TimeLimits {
  readonly client: Pick<ServerOptions, 'headTimeout' | 'lingeringTimeout' | 'lingeringTime' | 'resetDelay'>;
  readonly app: AppTimes;
  /** How long a PROXY protocol header may take. */
  readonly introduction: number;
}

/** Those of the server, nginx's where nginx has one. */
export const TIME_LIMITS: TimeLimits = {
  client: {
    headTimeout: 60_000,
    lingeringTimeout: 5000,
    lingeringTime: 30_000,
    resetDelay: 1000,
  },
  app: {
    // gunicorn's threaded workers close theirs after 2 s and uvicorn after 5 s; staying below means that we usually close
    // first.
    idleTimeout: 1500,
    discardTimeout: 1000,
    // As long as RFC 8305 §5 has a client wait for one address before it tries the next.
    lookupPatience: 250,
    lookupInterval: 1000,
    unknownPatience: 60_000,
  },
  introduction: 10_000,
};
