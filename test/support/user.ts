/** File permissions do not bind root, so where the tests run as root the server runs as another user. */
import { spawnSync } from 'node:child_process';
import { NODE, NODE_ARGUMENTS } from './node.js';
import { CLI } from './server.js';
import { skipUnless } from './skip.js';

/** `nobody` on most systems; any number does that owns nothing. */
const NOBODY = 65_534;

/** The user to run the server as, so that permissions bind it; undefined where they do anyway. */
export const PLAIN_USER: number | undefined = process.getuid?.() === 0 ? NOBODY : undefined;

/** The user id that such a server has. */
export const PLAIN_USER_ID: number | undefined = PLAIN_USER ?? process.getuid?.();

/** For tap's `skip`: whether that user can read the built command, which a checkout in root's home forbids. */
export function withoutPlainUser(): string | false {
  if (PLAIN_USER === undefined) return skipUnless(process.platform !== 'win32', 'there are no user ids here');
  const tried = spawnSync(NODE, [...NODE_ARGUMENTS, CLI, '--version'], { uid: PLAIN_USER, gid: PLAIN_USER });
  return skipUnless(tried.status === 0, `user ${PLAIN_USER} cannot run ${CLI}`);
}
