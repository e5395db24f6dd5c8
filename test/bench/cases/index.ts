/** All cases, in the order in which they run. */
import { BUCKET_CASES } from './bucket.js';
import type { Case } from './case.js';
import { CONNECTION_CASES } from './connections.js';
import { FILE_CASES } from './files.js';
import { PROXY_CASES } from './proxy.js';
import { STARTUP } from './startup.js';

export const CASES: readonly Case[] = [
  ...FILE_CASES,
  ...PROXY_CASES,
  ...BUCKET_CASES,
  STARTUP,
  ...CONNECTION_CASES,
];
