/** What is no part of `npm test`: it takes long, or needs big programs from outside. */
import type { Result } from '../run/result.js';

export interface Suite {
  /** What `--only` takes. */
  readonly id: string;
  /** @throws Error when it cannot be run at all, which counts as a failure. */
  run(): Promise<Result>;
}
