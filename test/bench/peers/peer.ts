/** What a server is to the benchmark. */
import type { Command } from '../proc.js';

/** What a case needs of a server. */
export type Ability = 'files' | 'proxy' | 'protected files' | 'bucket';

export interface Setup {
  readonly port: number;
  /** For its configuration, logs and temporary files; it is the working directory. */
  readonly folder: string;
  /** Served under `/media/`. */
  readonly media: string;
  /** Reached by `X-Accel-Redirect: /protected/…` alone; undefined in cases that do not need it. */
  readonly protectedFiles: string | undefined;
  /** Where the store is whose bucket BUCKET is served under `/bucket/`; undefined in cases that do not need it. */
  readonly bucketPort: number | undefined;
  /** Where every other path goes. */
  readonly upstreamPort: number;
  /** Connections that must be possible at once, where the server wants to know. */
  readonly connections: number;
}

export interface Findings {
  readonly version: string;
  /** Why it cannot take part in cases that need this. */
  readonly cannot: Readonly<Partial<Record<Ability, string>>>;
}

export interface Peer {
  readonly id: string;
  readonly name: string;
  /** How it is set up, for the report. */
  readonly setup: string;
  /** Looks whether the server is here and what it can do. @throws Error when it is not installed. */
  probe(): Promise<Findings>;
  /** Writes its configuration and says how to start it. */
  command(setup: Setup): Command;
}
