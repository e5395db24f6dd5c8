/** What a named rule is: where this server is stricter than every parser here, or more lenient than one. */
import type { LlhttpRequest } from './llhttp.js';

/** A request as the rules see it. */
export interface Judged {
  /** As llhttp reads it. */
  readonly request: LlhttpRequest;
  /** Its bytes in the client's stream. */
  readonly raw: string;
  /** The status with which this server refused it; undefined when it closed the connection without one. */
  readonly status: number | undefined;
}

export interface Rule {
  /** A short sentence. */
  readonly name: string;
  /** Why: a section of an RFC, or whom it protects. */
  readonly reason: string;
  /** Whether it is about this request. It does not see what was answered, but for the status. */
  readonly applies: (judged: Judged) => boolean;
}

/** A rule about a request that we serve and one of the parsers reads otherwise, or not at all. */
export interface ReaderRule extends Rule {
  readonly parser: 'h11' | 'httptools' | 'llhttp';
}
