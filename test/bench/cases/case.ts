/** What a case is to the benchmark. */

import type { Cores } from '../machine.js';
import type { Ability } from '../peers/peer.js';
import type { Running } from '../proc.js';
import type { Stub, Stubs } from '../stub/start.js';
import type { Workspace } from '../workspace.js';

/** One measurement: values by the key of their metric. */
export type Sample = Readonly<Record<string, number>>;

export interface Metric {
  readonly key: string;
  /** Name with its unit, for the head of a column. */
  readonly label: string;
  /** Which way is better; undefined for facts that say how far to trust the others. */
  readonly better: 'more' | 'less' | undefined;
  /** Digits after the point. */
  readonly digits: number;
  /** Given as a ratio too: `headline` in the case's table and in a row of the summary, `beside` in the former. */
  readonly compare?: 'headline' | 'beside';
}

/** What other processes took of the server's core; see meter.ts. */
export const OTHERS: Metric = { key: 'others', label: 'others %', better: undefined, digits: 0 };

/** A server that a case can start. */
export interface Target {
  /** Starts a fresh server and resolves when it answers. The caller stops it. */
  start(options?: StartOptions): Promise<Server>;
}

export interface StartOptions {
  readonly upstream?: Stub;
  /** The server gets the folder of files that only X-Accel-Redirect reaches. */
  readonly protectedFiles?: string;
  /** The server serves the bucket that the fast stub has. */
  readonly hasBucket?: boolean;
  /** Connections that must be possible at once. */
  readonly connections?: number;
}

export interface Server {
  readonly origin: string;
  /** The core that it runs on. */
  readonly core: number;
  readonly running: Running;
  /** Milliseconds from the start of the process to its first answer. */
  readonly startedIn: number;
}

/** What every case can use. */
export interface Bench {
  readonly workspace: Workspace;
  readonly stubs: Stubs;
  readonly cores: Cores;
  /** Length of one measurement. */
  readonly seconds: number;
}

/** A case made ready for one server. */
export interface Prepared {
  sample(): Promise<Sample>;
  close(): Promise<void>;
}

export interface Case {
  readonly id: string;
  /** What is measured and with what load, in one line. */
  readonly title: string;
  readonly needs: readonly Ability[];
  /** The first one is what the case is about. */
  readonly metrics: readonly Metric[];
  /** For cases that take long, or whose figure hardly varies. */
  readonly maxRounds?: number;
  /** The stub is measured directly too, to show what it could do. */
  readonly direct?: keyof Omit<Stubs, 'description'>;
  /** Starts what is needed and checks the answers. @throws Error when an answer is not the right one. */
  prepare(bench: Bench, target: Target): Promise<Prepared>;
}
