/** The form of the table of lifetimes: the states that a connection can be in, by whom and how it is ended there. */
import type { AppSide } from '../raw-app.js';
import type { RawClient, RawClientOptions } from '../raw-client.js';
import type { CountedServer } from './server-resources.js';

/** How often each row is done; more often by `npm run test:suites`. */
export const TIMES = Number(process.env['LIFETIME_CONNECTIONS'] ?? 20);
/** Memory is measured only where a row is done so often that what each connection leaves stands out. */
export const MEASURES_MEMORY = TIMES >= 200;
/** Connections at the same time, where a state does not say; one batch, where a row is not done more often. */
export const AT_ONCE = Math.min(TIMES, 100);
/** Connections at the same time where each holds megabytes. */
export const FEW = Math.min(TIMES, 25);

/** Whom the server has on its two sides. */
export interface Peers {
  readonly client: RawClient;
  /** Undefined while the app has not been asked. */
  readonly app: AppSide | undefined;
}

/** The status of an answer; a pattern where several would do. */
export type Status = number | `${number}|${number}`;

export interface Ending {
  readonly name: string;
  readonly client?: RawClientOptions;
  end?(peers: Peers): void | Promise<void>;
  /** What the client gets then, after which it closes its side, unless it stays open. */
  readonly status?: Status;
}

export interface State {
  readonly name: string;
  /** @param id the last part of the path, where the app is asked */
  readonly request: (id: number) => string | Buffer;
  /** What the app does when it is asked; absent where it is not. */
  readonly app?: (side: AppSide) => void;
  readonly client?: RawClientOptions;
  /** Resolves when the state is reached; the request is with the server then, and with the app if it is asked. */
  reach?(peers: Peers): Promise<void>;
  /** Whether all connections of a batch have reached it, where it shows at the server alone. */
  isReached?(server: CountedServer, connections: number): boolean | Promise<boolean>;
  readonly endings: readonly Ending[];
  /** Connections at the same time: few where each holds much, all where a time limit is waited for. */
  readonly atOnce?: number;
}

/** States of connections to a server with these options. */
export interface Group {
  readonly name: string;
  readonly args: readonly string[];
  /** True where the time limits end what nobody else does; they are short then, those that are options too. */
  readonly endsByLimits?: boolean;
  /** Who is connected with the server by a unix socket; nobody, in most groups. */
  readonly unixSocket?: 'clients' | 'app';
  /** What a connection must begin with before its first request. */
  readonly preface?: string;
  readonly states: readonly State[];
}
